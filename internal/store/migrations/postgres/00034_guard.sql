-- +goose Up
-- The guard knows a person who was erased on request again, by keyed digests of
-- the identifiers: no value, and an end date of its own.
CREATE TABLE guard_person (
    matter   TEXT    NOT NULL, -- the request
    digest   TEXT    NOT NULL,
    kind     TEXT    NOT NULL, -- kind of identifier
    weak     BIGINT NOT NULL, -- 1: others may have it too, so that it needs a second one beside it
    key      TEXT    NOT NULL, -- tells which key made the digest
    erased   BIGINT NOT NULL,
    until    BIGINT NOT NULL, -- when the digest is forgotten
    returned BIGINT NOT NULL DEFAULT 0, -- 1: a customer anew, somebody has found
    PRIMARY KEY (matter, digest)
);
CREATE INDEX guard_person_digest ON guard_person (digest);

-- What was decided to stay when the person was erased: no return.
CREATE TABLE guard_known (
    matter TEXT NOT NULL,
    system TEXT NOT NULL,
    type   TEXT NOT NULL,
    ref_id TEXT NOT NULL,
    PRIMARY KEY (matter, system, type, ref_id)
);

-- Something that was erased is there again.
CREATE TABLE guard_alarm (
    id       TEXT PRIMARY KEY,
    matter   TEXT    NOT NULL, -- the request, or the run
    kind     TEXT    NOT NULL CONSTRAINT guard_alarm_kind CHECK (kind IN ('record','restored','contact','possible')),
    system   TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    ref_id   TEXT    NOT NULL,
    why      TEXT    NOT NULL DEFAULT '', -- kinds of identifier, with commas
    records  BIGINT NOT NULL, -- how many there are of it
    made     BIGINT NOT NULL, -- when the record says that it was made
    erased   BIGINT NOT NULL,
    found    BIGINT NOT NULL,
    seen     BIGINT NOT NULL, -- last
    state    TEXT    NOT NULL DEFAULT 'open' CONSTRAINT guard_alarm_state CHECK (state IN ('open','acting','closed')),
    decision TEXT    NOT NULL DEFAULT '',
    reason   TEXT    NOT NULL DEFAULT '', -- without personal values
    actor    TEXT    NOT NULL DEFAULT '',
    closed   BIGINT NOT NULL DEFAULT 0,
    UNIQUE (matter, system, type, ref_id)
);

-- How far each system has been read for persons who are back.
CREATE TABLE guard_mark (
    system TEXT PRIMARY KEY,
    at     BIGINT NOT NULL
);
