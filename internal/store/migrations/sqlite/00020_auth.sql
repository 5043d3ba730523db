-- +goose Up
-- A person who signs in to Gallra. The password is argon2id; failures and
-- locked keep guessing slow.
CREATE TABLE account (
    id       TEXT PRIMARY KEY,
    username TEXT    NOT NULL CONSTRAINT account_username UNIQUE, -- lower case
    name     TEXT    NOT NULL,
    role     TEXT    NOT NULL CONSTRAINT account_role CHECK (role IN ('agent','approver','dpo','admin','auditor')),
    password TEXT    NOT NULL, -- $argon2id$v=19$m=...,t=...,p=...$salt$hash
    failures INTEGER NOT NULL DEFAULT 0,
    locked   INTEGER NOT NULL DEFAULT 0, -- until
    disabled INTEGER NOT NULL DEFAULT 0, -- since
    created  INTEGER NOT NULL,
    seen     INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One signed-in browser. The token itself is never stored.
CREATE TABLE session (
    id      TEXT PRIMARY KEY,
    token   TEXT    NOT NULL CONSTRAINT session_token UNIQUE, -- hex SHA-256 of the cookie's 32 random bytes
    account TEXT    NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    browser TEXT    NOT NULL DEFAULT '',
    created INTEGER NOT NULL,
    seen    INTEGER NOT NULL
) STRICT;
CREATE INDEX session_account ON session (account, seen);
