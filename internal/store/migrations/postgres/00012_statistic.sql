-- +goose Up
-- What remains, as counts, of records that a run has erased. One row a batch
-- while the run goes on; folded into part -1 when it is done.
CREATE TABLE statistic (
    run    TEXT    NOT NULL,
    part   BIGINT NOT NULL,
    system TEXT    NOT NULL,
    type   TEXT    NOT NULL,
    cells  BYTEA   NOT NULL, -- compressed JSON of counts; no row a person
    PRIMARY KEY (run, part, system, type)
);
CREATE INDEX statistic_type ON statistic (system, type);
