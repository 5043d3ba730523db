-- +goose Up
-- Letters to vendors who have no door for machines. A letter's text names a
-- person and is never kept: only that it was written, when, and what came of it.
CREATE TABLE letter (
    id        TEXT PRIMARY KEY,
    system    TEXT    NOT NULL,
    vendor    TEXT    NOT NULL,
    action    TEXT    NOT NULL CONSTRAINT letter_action CHECK (action IN ('erase','anonymise','rectify','extract')),
    matter    TEXT    NOT NULL DEFAULT '', -- request or task it serves
    state     TEXT    NOT NULL DEFAULT 'written' CONSTRAINT letter_state CHECK (state IN ('written','sent','reminded','escalated','answered','done')),
    written   INTEGER NOT NULL,
    actor     TEXT    NOT NULL,
    sent      INTEGER NOT NULL DEFAULT 0,
    due       INTEGER NOT NULL DEFAULT 0, -- when the next answer or step is due
    reminded  INTEGER NOT NULL DEFAULT 0,
    escalated INTEGER NOT NULL DEFAULT 0,
    answered  INTEGER NOT NULL DEFAULT 0,
    gone_by   INTEGER NOT NULL DEFAULT 0, -- from backups too, as the vendor says
    proof     TEXT    NOT NULL DEFAULT '', -- SHA-256 of the vendor's answer, hexadecimal
    remains   TEXT    NOT NULL DEFAULT '', -- what the vendor says remains; without personal values
    rechecked INTEGER NOT NULL DEFAULT 0,
    left_over INTEGER NOT NULL DEFAULT 0  -- hits at the last check
) STRICT;
CREATE INDEX letter_state ON letter (state, due);
