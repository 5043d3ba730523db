-- +goose Up
-- Trials of what connectors claim, on made-up persons.
CREATE TABLE trial (
    id      TEXT PRIMARY KEY,
    system  TEXT    NOT NULL,
    actor   TEXT    NOT NULL,
    person  TEXT    NOT NULL, -- JSON; nobody's
    planted INTEGER NOT NULL CONSTRAINT trial_planted CHECK (planted IN (0, 1)), -- 1: by the connector
    begun   INTEGER NOT NULL,
    ended   INTEGER NOT NULL DEFAULT 0,
    until   INTEGER NOT NULL DEFAULT 0, -- when a promise of the system is due
    passed  INTEGER NOT NULL DEFAULT 0 CONSTRAINT trial_passed CHECK (passed IN (0, 1)),
    outcome TEXT    NOT NULL DEFAULT '{}' -- JSON: steps and receipts
) STRICT;
CREATE INDEX trial_system ON trial (system, begun);
