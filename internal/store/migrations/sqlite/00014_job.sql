-- +goose Up
-- One row a chain of jobs that carries a work on. The token says which chain is
-- the true one: a chain whose worker died is replaced, and should the old one
-- wake up it sees that it is no longer meant.
CREATE TABLE work_lane (
    work     TEXT    NOT NULL REFERENCES work ON DELETE CASCADE,
    lane     INTEGER NOT NULL,
    token    TEXT    NOT NULL,
    beat     INTEGER NOT NULL, -- alive until then, at least
    failures INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (work, lane)
) STRICT;
