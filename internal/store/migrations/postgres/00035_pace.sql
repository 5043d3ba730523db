-- +goose Up
-- How far each system's calls have come: one bucket of tokens for all workers.
CREATE TABLE pace (
    system TEXT PRIMARY KEY,
    next   BIGINT NOT NULL DEFAULT 0, -- when the bucket is full, if nobody calls
    until  BIGINT NOT NULL DEFAULT 0  -- the end of a pause that the system asked for
);
