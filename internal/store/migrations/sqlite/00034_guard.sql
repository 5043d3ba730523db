-- +goose Up
-- The guard knows a person who was erased on request again, by keyed digests of
-- the identifiers: no value, and an end date of its own.
CREATE TABLE guard_person (
    matter   TEXT    NOT NULL, -- the request
    digest   TEXT    NOT NULL,
    kind     TEXT    NOT NULL, -- kind of identifier
    weak     INTEGER NOT NULL, -- 1: others may have it too, so that it needs a second one beside it
    key      TEXT    NOT NULL, -- tells which key made the digest
    erased   INTEGER NOT NULL,
    until    INTEGER NOT NULL, -- when the digest is forgotten
    returned INTEGER NOT NULL DEFAULT 0, -- 1: a customer anew, somebody has found
    PRIMARY KEY (matter, digest)
) STRICT;
CREATE INDEX guard_person_digest ON guard_person (digest);

-- What was decided to stay when the person was erased: no return.
CREATE TABLE guard_known (
    matter TEXT NOT NULL,
    system TEXT NOT NULL,
    type   TEXT NOT NULL,
    ref_id TEXT NOT NULL,
    PRIMARY KEY (matter, system, type, ref_id)
) STRICT;

-- Something that was erased is there again.
CREATE TABLE guard_alarm (
    id       TEXT PRIMARY KEY,
    matter   TEXT    NOT NULL, -- the request, or the run
    kind     TEXT    NOT NULL CONSTRAINT guard_alarm_kind CHECK (kind IN ('record','restored','contact','possible')),
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

-- How far each system has been read for persons who are back.
CREATE TABLE guard_mark (
    system TEXT PRIMARY KEY,
    at     INTEGER NOT NULL
) STRICT;
