-- +goose Up
-- A key with which a program calls the API in an account's name. The token
-- itself is shown once and never stored.
CREATE TABLE token (
    id      TEXT PRIMARY KEY,
    token   TEXT   NOT NULL CONSTRAINT token_token UNIQUE, -- hex SHA-256 of 32 random bytes, as text
    account TEXT   NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name    TEXT   NOT NULL, -- what uses it
    created INTEGER NOT NULL,
    seen    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX token_account ON token (account);
