-- +goose Up
-- When the time of records begins to count, by the event their rules may name:
-- what falls due month by month is this moved by the period of a rule.
CREATE TABLE scan_start (
    scan    TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type    TEXT    NOT NULL,
    event   TEXT    NOT NULL, -- of StartEvent; 'no ' before it: the records that lack the event, by month of creation
    month   TEXT    NOT NULL, -- YYYY-MM in Swedish time; '' unknown
    records INTEGER NOT NULL,
    PRIMARY KEY (scan, type, event, month)
) STRICT;
