-- +goose Up
-- What is handed over to an archive before it is erased: one row a package. It is
-- written under the name in part, then published as file; only a receipt makes
-- its records erasable.
CREATE TABLE run_delivery (
    id        TEXT PRIMARY KEY, -- the package's name
    run       TEXT    NOT NULL REFERENCES run,
    unit      BIGINT NOT NULL,
    batch     BIGINT NOT NULL,
    position  BIGINT NOT NULL, -- of its first item in the batch
    covered   BIGINT NOT NULL, -- items of the batch it decides about
    target    TEXT    NOT NULL, -- folder, as the rule names it
    part      TEXT    NOT NULL, -- name while it is written
    state     TEXT    NOT NULL CONSTRAINT run_delivery_state CHECK (state IN ('written','delivered','received','refused')),
    sha256    TEXT    NOT NULL,
    bytes     BIGINT NOT NULL,
    records   BIGINT NOT NULL,
    files     BIGINT NOT NULL,
    content   TEXT    NOT NULL DEFAULT '', -- JSON: its items and what was left out; emptied when it is delivered
    made      BIGINT NOT NULL,
    delivered BIGINT NOT NULL DEFAULT 0,
    due       BIGINT NOT NULL DEFAULT 0, -- when a receipt is expected
    received  BIGINT NOT NULL DEFAULT 0,
    actor     TEXT    NOT NULL DEFAULT '', -- who registered the receipt; 'receipt file'
    reference TEXT    NOT NULL DEFAULT '', -- the archive's own number
    note      TEXT    NOT NULL DEFAULT '',
    problem   TEXT    NOT NULL DEFAULT '' -- key of why the last receipt was not believed
);
CREATE INDEX run_delivery_run ON run_delivery (run, state);

-- A third kind of wait, and the package it waits for.
ALTER TABLE run_wait DROP CONSTRAINT run_wait_kind;
ALTER TABLE run_wait ADD CONSTRAINT run_wait_kind CHECK (kind IN ('promise','quarantine','archive'));
ALTER TABLE run_wait ADD COLUMN package TEXT NOT NULL DEFAULT ''; -- run_delivery.id
ALTER TABLE run_wait ADD COLUMN digest TEXT NOT NULL DEFAULT ''; -- of the record as it was delivered
CREATE INDEX run_wait_package ON run_wait (package);
