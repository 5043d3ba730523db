-- +goose Up
-- What a run has begun and not ended: a record that the system has promised to
-- erase, or one that is restricted until its quarantine is over. Open rows are
-- asked again until they are done.
CREATE TABLE run_wait (
    run     TEXT    NOT NULL REFERENCES run,
    unit    BIGINT NOT NULL,
    ref_id  TEXT    NOT NULL,
    system  TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    batch   BIGINT NOT NULL, -- where its item stands in the plan
    kind    TEXT    NOT NULL CONSTRAINT run_wait_kind CHECK (kind IN ('promise','quarantine')),
    state   TEXT    NOT NULL DEFAULT 'open' CONSTRAINT run_wait_state CHECK (state IN ('open','done','out','failed')),
    version TEXT    NOT NULL DEFAULT '', -- of a record in quarantine, once restricted
    receipt TEXT    NOT NULL DEFAULT '', -- JSON of what the system promised
    until   BIGINT NOT NULL, -- when it shall be done
    next    BIGINT NOT NULL, -- when it is asked again
    asked   BIGINT NOT NULL DEFAULT 0, -- how many times
    attempt BIGINT NOT NULL DEFAULT 0, -- an erasure was begun and its end is not noted
    ended   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (run, unit, ref_id)
);
CREATE INDEX run_wait_open ON run_wait (state, system, type);
CREATE INDEX run_wait_next ON run_wait (run, state, next);

-- What people do by hand as part of a run, and sign.
CREATE TABLE run_task (
    id         TEXT PRIMARY KEY,
    run        TEXT    NOT NULL REFERENCES run,
    n          BIGINT NOT NULL,
    task       TEXT    NOT NULL, -- JSON of what is to be done, as it was approved
    due        BIGINT NOT NULL, -- when it must be done
    state      TEXT    NOT NULL DEFAULT 'open' CONSTRAINT run_task_state CHECK (state IN ('open','signed')),
    outcome    TEXT    NOT NULL DEFAULT '',
    count      BIGINT NOT NULL DEFAULT 0,
    note       TEXT    NOT NULL DEFAULT '',
    proof      TEXT    NOT NULL DEFAULT '', -- SHA-256 of a paper that proves it
    heeded     TEXT    NOT NULL DEFAULT '', -- holds the signer has left alone, by id
    performed  TEXT    NOT NULL DEFAULT '', -- YYYY-MM-DD, as the signer says
    signed_by  TEXT    NOT NULL DEFAULT '',
    signed     BIGINT NOT NULL DEFAULT 0,
    reminded   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX run_task_run ON run_task (run, n);

-- A protocol is issued when the machines are done and again when what was open
-- has been settled. Earlier issues are kept here.
CREATE TABLE run_protocol (
    run      TEXT    NOT NULL REFERENCES run,
    revision BIGINT NOT NULL,
    protocol TEXT    NOT NULL,
    PRIMARY KEY (run, revision)
);

-- Every version of a rule that a run has used. A version never changes.
CREATE TABLE rule_version (
    id      TEXT    NOT NULL,
    version BIGINT NOT NULL,
    rule    TEXT    NOT NULL, -- JSON
    first   BIGINT NOT NULL, -- when it was first used
    PRIMARY KEY (id, version)
);
