-- +goose Up
-- That records a backup has brought back are to go again, as the first of two
-- people has said on the command line (REQUIREMENTS B-4).
CREATE TABLE replay_order (
    system TEXT NOT NULL,
    since  BIGINT NOT NULL,
    actor  TEXT NOT NULL,
    at     BIGINT NOT NULL,
    PRIMARY KEY (system, since)
);
