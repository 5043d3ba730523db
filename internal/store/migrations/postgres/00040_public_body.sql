-- +goose Up
-- What the rules of public bodies ask of a request: its track, the secrecy test,
-- what a decision must say, and the day from which it can be appealed.
ALTER TABLE request ADD COLUMN track TEXT NOT NULL DEFAULT 'gdpr' CONSTRAINT request_track CHECK (track IN ('gdpr','document','party','guardian'));
ALTER TABLE request ADD COLUMN secrecy TEXT NOT NULL DEFAULT '' CONSTRAINT request_secrecy CHECK (secrecy IN ('','no','partly','yes'));
ALTER TABLE request ADD COLUMN secrecy_law TEXT NOT NULL DEFAULT '';
ALTER TABLE request ADD COLUMN secrecy_by TEXT NOT NULL DEFAULT '';
ALTER TABLE request ADD COLUMN secrecy_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE request ADD COLUMN ruling TEXT NOT NULL DEFAULT '{}'; -- JSON: who presented, who took part, provisions; never a personal value of the person's
ALTER TABLE request ADD COLUMN served BIGINT NOT NULL DEFAULT 0; -- when the person got the decision
-- Of an item that stays as an official document: the ground, until when and by which rule.
ALTER TABLE request_item ADD COLUMN ground TEXT NOT NULL DEFAULT '' CONSTRAINT request_item_ground CHECK (ground IN ('','official'));
ALTER TABLE request_item ADD COLUMN keep_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE request_item ADD COLUMN keep_rule TEXT NOT NULL DEFAULT '';
