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
    written   BIGINT NOT NULL,
    actor     TEXT    NOT NULL,
    sent      BIGINT NOT NULL DEFAULT 0,
    due       BIGINT NOT NULL DEFAULT 0, -- when the next answer or step is due
    reminded  BIGINT NOT NULL DEFAULT 0,
    escalated BIGINT NOT NULL DEFAULT 0,
    answered  BIGINT NOT NULL DEFAULT 0,
    gone_by   BIGINT NOT NULL DEFAULT 0, -- from backups too, as the vendor says
    proof     TEXT    NOT NULL DEFAULT '', -- SHA-256 of the vendor's answer, hexadecimal
    remains   TEXT    NOT NULL DEFAULT '', -- what the vendor says remains; without personal values
    rechecked BIGINT NOT NULL DEFAULT 0,
    left_over BIGINT NOT NULL DEFAULT 0  -- hits at the last check
);
CREATE INDEX letter_state ON letter (state, due);
