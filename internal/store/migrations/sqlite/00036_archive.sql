-- +goose Up
-- What is handed over to an archive before it is erased: one row a package. It is
-- written under the name in part, then published as file; only a receipt makes
-- its records erasable.
CREATE TABLE run_delivery (
    id        TEXT PRIMARY KEY, -- the package's name
    run       TEXT    NOT NULL REFERENCES run,
    unit      INTEGER NOT NULL,
    batch     INTEGER NOT NULL,
    position  INTEGER NOT NULL, -- of its first item in the batch
    covered   INTEGER NOT NULL, -- items of the batch it decides about
    target    TEXT    NOT NULL, -- folder, as the rule names it
    part      TEXT    NOT NULL, -- name while it is written
    state     TEXT    NOT NULL CONSTRAINT run_delivery_state CHECK (state IN ('written','delivered','received','refused')),
    sha256    TEXT    NOT NULL,
    bytes     INTEGER NOT NULL,
    records   INTEGER NOT NULL,
    files     INTEGER NOT NULL,
    content   TEXT    NOT NULL DEFAULT '', -- JSON: its items and what was left out; emptied when it is delivered
    made      INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    due       INTEGER NOT NULL DEFAULT 0, -- when a receipt is expected
    received  INTEGER NOT NULL DEFAULT 0,
    actor     TEXT    NOT NULL DEFAULT '', -- who registered the receipt; 'receipt file'
    reference TEXT    NOT NULL DEFAULT '', -- the archive's own number
    note      TEXT    NOT NULL DEFAULT '',
    problem   TEXT    NOT NULL DEFAULT '' -- key of why the last receipt was not believed
) STRICT;
CREATE INDEX run_delivery_run ON run_delivery (run, state);

-- A third kind of wait, and the package it waits for.
ALTER TABLE run_wait RENAME TO run_wait_old;
CREATE TABLE run_wait (
    run     TEXT    NOT NULL REFERENCES run,
    unit    INTEGER NOT NULL,
    ref_id  TEXT    NOT NULL,
    system  TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    batch   INTEGER NOT NULL, -- where its item stands in the plan
    kind    TEXT    NOT NULL CONSTRAINT run_wait_kind CHECK (kind IN ('promise','quarantine','archive')),
    state   TEXT    NOT NULL DEFAULT 'open' CONSTRAINT run_wait_state CHECK (state IN ('open','done','out','failed')),
    version TEXT    NOT NULL DEFAULT '', -- of a record in quarantine, once restricted, or as it was delivered
    receipt TEXT    NOT NULL DEFAULT '', -- JSON of what the system promised
    package TEXT    NOT NULL DEFAULT '', -- run_delivery.id
    digest  TEXT    NOT NULL DEFAULT '', -- of the record as it was delivered
    until   INTEGER NOT NULL, -- when it shall be done
    next    INTEGER NOT NULL, -- when it is asked again
    asked   INTEGER NOT NULL DEFAULT 0, -- how many times
    attempt INTEGER NOT NULL DEFAULT 0, -- an erasure was begun and its end is not noted
    ended   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run, unit, ref_id)
) STRICT;
INSERT INTO run_wait (run, unit, ref_id, system, type, batch, kind, state, version, receipt, until, next, asked, attempt, ended)
    SELECT run, unit, ref_id, system, type, batch, kind, state, version, receipt, until, next, asked, attempt, ended FROM run_wait_old;
DROP TABLE run_wait_old;
CREATE INDEX run_wait_open ON run_wait (state, system, type);
CREATE INDEX run_wait_next ON run_wait (run, state, next);
CREATE INDEX run_wait_package ON run_wait (package);
