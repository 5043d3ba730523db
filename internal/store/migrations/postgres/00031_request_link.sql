-- +goose Up
-- A one-time link to a package. Neither the token nor the code is kept.
CREATE TABLE request_link (
    token     TEXT PRIMARY KEY, -- hex SHA-256 of the 32 random bytes in the link
    request   TEXT    NOT NULL REFERENCES request ON DELETE CASCADE,
    code      TEXT    NOT NULL, -- keyed digest of the second factor
    made      BIGINT NOT NULL,
    made_by   TEXT    NOT NULL,
    expires   BIGINT NOT NULL,
    downloads BIGINT NOT NULL, -- still allowed
    wrong     BIGINT NOT NULL DEFAULT 0, -- wrong codes in a row
    revoked   BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX request_link_request ON request_link (request);
