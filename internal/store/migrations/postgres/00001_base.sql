-- +goose Up
CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- One row a long work (scan, plan, run, search ...): what the page, the command
-- line and the API show of it. Progress lives here, never in the job queue.
CREATE TABLE work (
    id       TEXT PRIMARY KEY,
    kind     TEXT    NOT NULL,
    subject  TEXT    NOT NULL, -- what it is about: system, plan, run or request id
    state    TEXT    NOT NULL CONSTRAINT work_state CHECK (state IN ('waiting','running','paused','stopped','failed','done')),
    wish     TEXT    NOT NULL DEFAULT '' CONSTRAINT work_wish CHECK (wish IN ('','pause','stop')),
    phase    TEXT    NOT NULL DEFAULT '', -- message key of what it does now
    done     BIGINT NOT NULL DEFAULT 0,
    total    BIGINT NOT NULL DEFAULT -1,
    cursor   TEXT    NOT NULL DEFAULT '', -- JSON; where to go on after a restart
    problem  TEXT    NOT NULL DEFAULT '', -- JSON of a gallra.Error; no personal value
    actor    TEXT    NOT NULL DEFAULT '',
    created  BIGINT NOT NULL,
    started  BIGINT NOT NULL DEFAULT 0,
    updated  BIGINT NOT NULL,
    ended    BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX work_subject ON work (kind, subject, created);

CREATE TABLE system (
    name     TEXT PRIMARY KEY,
    title    TEXT    NOT NULL,
    url      TEXT    NOT NULL, -- secrets stand as ${ENV} or file:, never in clear
    channel  TEXT    NOT NULL,
    settings TEXT    NOT NULL DEFAULT '{}', -- JSON: options, vendor facts
    created  BIGINT NOT NULL,
    checked  BIGINT NOT NULL DEFAULT 0,
    problem  TEXT    NOT NULL DEFAULT ''
);
