-- +goose Up
-- One scan of one system. Its id is that of the work that makes it.
CREATE TABLE scan (
    id      TEXT PRIMARY KEY,
    system  TEXT    NOT NULL,
    started BIGINT NOT NULL,
    ended   BIGINT NOT NULL DEFAULT 0 -- 0: not finished; readers take the newest finished one
);
CREATE INDEX scan_system ON scan (system, ended);

CREATE TABLE scan_type (
    scan    TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type    TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    records BIGINT NOT NULL,
    oldest  BIGINT NOT NULL, -- microseconds since 1970; 0 unknown
    newest  BIGINT NOT NULL,
    PRIMARY KEY (scan, type)
);

CREATE TABLE scan_finding (
    scan     TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type     TEXT    NOT NULL,
    field    TEXT    NOT NULL,
    category TEXT    NOT NULL,
    rule     TEXT    NOT NULL, -- which rule of the detector, or 'field' for a column declared to hold the category
    findings BIGINT NOT NULL,
    records  BIGINT NOT NULL, -- each record counts once a field and category
    oldest   BIGINT NOT NULL,
    newest   BIGINT NOT NULL,
    PRIMARY KEY (scan, type, field, category, rule)
);

CREATE TABLE scan_month (
    scan    TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type    TEXT    NOT NULL,
    month   TEXT    NOT NULL, -- YYYY-MM of creation; '' unknown
    records BIGINT NOT NULL,
    PRIMARY KEY (scan, type, month)
);

-- What could not be read: counted and named, never left out (REQUIREMENTS H-4).
CREATE TABLE scan_skipped (
    scan   TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type   TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    places BIGINT NOT NULL,
    PRIMARY KEY (scan, type, reason)
);
