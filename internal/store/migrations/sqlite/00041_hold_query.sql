-- +goose Up
-- What a hold covers by a question that is asked anew before every change: the
-- records of a type that were made within a time and whose fields say so.
CREATE TABLE hold_query (
    hold         TEXT NOT NULL REFERENCES hold,
    n            INTEGER NOT NULL,
    system       TEXT NOT NULL,
    type         TEXT NOT NULL,
    created_from INTEGER NOT NULL DEFAULT 0,
    created_to   INTEGER NOT NULL DEFAULT 0, -- the first instant that is not covered
    fields       TEXT NOT NULL DEFAULT '{}', -- statistics fields and their values: nobody's
    PRIMARY KEY (hold, n)
) STRICT;
CREATE INDEX hold_query_system ON hold_query (system);
