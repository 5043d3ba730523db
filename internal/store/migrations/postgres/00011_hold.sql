-- +goose Up
-- A hold keeps what it covers from being gallrat, whoever asks (REQUIREMENTS W-20).
CREATE TABLE hold (
    id          TEXT PRIMARY KEY,
    kind        TEXT    NOT NULL CONSTRAINT hold_kind CHECK (kind IN ('legal','request','archive')),
    reason      TEXT    NOT NULL, -- why, without personal values
    matter      TEXT    NOT NULL DEFAULT '', -- case or registration number
    placed      BIGINT NOT NULL,
    placed_by   TEXT    NOT NULL,
    review      BIGINT NOT NULL,
    released    BIGINT NOT NULL DEFAULT 0,
    released_by TEXT    NOT NULL DEFAULT ''
);

-- What a hold covers. An empty type is the whole system, an empty ref_id every
-- record of the type; a person's record covers all that is about the person.
CREATE TABLE hold_target (
    hold   TEXT NOT NULL REFERENCES hold,
    system TEXT NOT NULL,
    type   TEXT NOT NULL,
    ref_id TEXT NOT NULL,
    digest TEXT NOT NULL DEFAULT '', -- keyed digest of an identifier, for a person without a record
    PRIMARY KEY (hold, system, type, ref_id, digest)
);
CREATE INDEX hold_target_system ON hold_target (system);
