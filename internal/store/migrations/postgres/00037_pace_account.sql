-- +goose Up
-- Limits are of accounts at vendors, not of the systems that use them.
DELETE FROM pace;
ALTER TABLE pace RENAME COLUMN system TO account;
