-- +goose Up
-- Records that were rewritten in place and are there again as they were, or in
-- another form, are alarms of their own.
ALTER TABLE guard_alarm RENAME TO guard_alarm_old;
CREATE TABLE guard_alarm (
    id       TEXT PRIMARY KEY,
    matter   TEXT    NOT NULL, -- the request, or the run
    kind     TEXT    NOT NULL CONSTRAINT guard_alarm_kind CHECK (kind IN ('record','rewritten','altered','restored','contact','possible')),
    system   TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    ref_id   TEXT    NOT NULL,
    why      TEXT    NOT NULL DEFAULT '', -- kinds of identifier, with commas
    records  INTEGER NOT NULL, -- how many there are of it
    made     INTEGER NOT NULL, -- when the record says that it was made
    erased   INTEGER NOT NULL,
    found    INTEGER NOT NULL,
    seen     INTEGER NOT NULL, -- last
    state    TEXT    NOT NULL DEFAULT 'open' CONSTRAINT guard_alarm_state CHECK (state IN ('open','acting','closed')),
    decision TEXT    NOT NULL DEFAULT '',
    reason   TEXT    NOT NULL DEFAULT '', -- without personal values
    actor    TEXT    NOT NULL DEFAULT '',
    closed   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (matter, system, type, ref_id)
) STRICT;
INSERT INTO guard_alarm (id, matter, kind, system, type, ref_id, why, records, made, erased, found, seen, state, decision, reason, actor, closed)
    SELECT id, matter, kind, system, type, ref_id, why, records, made, erased, found, seen, state, decision, reason, actor, closed FROM guard_alarm_old;
DROP TABLE guard_alarm_old;
