-- +goose Up
-- The evidence log. The text of an entry is kept exactly as it was hashed.
CREATE TABLE evidence (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    subject TEXT GENERATED ALWAYS AS (json_extract(line, '$.subject')) VIRTUAL -- to find by, never to trust
) STRICT;
CREATE INDEX evidence_subject ON evidence (subject, seq);

-- Hashes of complete subtrees, numbered as golang.org/x/mod/sumdb/tlog does.
CREATE TABLE evidence_hash (
    idx  INTEGER PRIMARY KEY,
    hash BLOB NOT NULL
) STRICT;

-- A signed checkpoint for each append.
CREATE TABLE evidence_checkpoint (
    size INTEGER PRIMARY KEY,
    note TEXT NOT NULL
) STRICT;

-- One row; whoever appends locks it first, so that the log cannot fork.
CREATE TABLE evidence_head (
    id    INTEGER PRIMARY KEY CONSTRAINT evidence_head_one CHECK (id = 1),
    key   TEXT    NOT NULL, -- public key that checkpoints are verified with
    size  INTEGER NOT NULL,
    first INTEGER NOT NULL  -- entries before it are purged
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER evidence_append_only BEFORE UPDATE ON evidence
BEGIN
    SELECT RAISE(ABORT, 'the evidence log is append-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER evidence_purge_only BEFORE DELETE ON evidence
WHEN OLD.seq >= (SELECT first FROM evidence_head)
BEGIN
    SELECT RAISE(ABORT, 'the evidence log is purged by prefix only');
END;
-- +goose StatementEnd
