-- +goose Up
-- The evidence log. The text of an entry is kept exactly as it was hashed.
CREATE TABLE evidence (
    seq  BIGINT PRIMARY KEY,
    line TEXT NOT NULL,
    subject TEXT GENERATED ALWAYS AS ((line::jsonb) ->> 'subject') STORED -- to find by, never to trust
);
CREATE INDEX evidence_subject ON evidence (subject, seq);

-- Hashes of complete subtrees, numbered as golang.org/x/mod/sumdb/tlog does.
CREATE TABLE evidence_hash (
    idx  BIGINT PRIMARY KEY,
    hash BYTEA NOT NULL
);

-- A signed checkpoint for each append.
CREATE TABLE evidence_checkpoint (
    size BIGINT PRIMARY KEY,
    note TEXT NOT NULL
);

-- One row; whoever appends locks it first, so that the log cannot fork.
CREATE TABLE evidence_head (
    id    BIGINT PRIMARY KEY CONSTRAINT evidence_head_one CHECK (id = 1),
    key   TEXT   NOT NULL, -- public key that checkpoints are verified with
    size  BIGINT NOT NULL,
    first BIGINT NOT NULL  -- entries before it are purged
);

-- +goose StatementBegin
CREATE FUNCTION evidence_fixed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        RAISE EXCEPTION 'the evidence log is append-only';
    END IF;
    IF OLD.seq >= (SELECT first FROM evidence_head) THEN
        RAISE EXCEPTION 'the evidence log is purged by prefix only';
    END IF;
    RETURN OLD;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER evidence_append_only BEFORE UPDATE OR DELETE ON evidence
    FOR EACH ROW EXECUTE FUNCTION evidence_fixed();
