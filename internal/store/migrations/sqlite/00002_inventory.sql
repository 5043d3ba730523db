-- +goose Up
-- One scan of one system. Its id is that of the work that makes it.
CREATE TABLE scan (
    id      TEXT PRIMARY KEY,
    system  TEXT    NOT NULL,
    started INTEGER NOT NULL,
    ended   INTEGER NOT NULL DEFAULT 0 -- 0: not finished; readers take the newest finished one
) STRICT;
CREATE INDEX scan_system ON scan (system, ended);

CREATE TABLE scan_type (
    scan    TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type    TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    records INTEGER NOT NULL,
    oldest  INTEGER NOT NULL, -- microseconds since 1970; 0 unknown
    newest  INTEGER NOT NULL,
    PRIMARY KEY (scan, type)
) STRICT;

CREATE TABLE scan_finding (
    scan     TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type     TEXT    NOT NULL,
    field    TEXT    NOT NULL,
    category TEXT    NOT NULL,
    rule     TEXT    NOT NULL, -- which rule of the detector, or 'field' for a column declared to hold the category
    findings INTEGER NOT NULL,
    records  INTEGER NOT NULL, -- each record counts once a field and category
    oldest   INTEGER NOT NULL,
    newest   INTEGER NOT NULL,
    PRIMARY KEY (scan, type, field, category, rule)
) STRICT;

CREATE TABLE scan_month (
    scan    TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type    TEXT    NOT NULL,
    month   TEXT    NOT NULL, -- YYYY-MM of creation; '' unknown
    records INTEGER NOT NULL,
    PRIMARY KEY (scan, type, month)
) STRICT;

-- What could not be read: counted and named, never left out (REQUIREMENTS H-4).
CREATE TABLE scan_skipped (
    scan   TEXT    NOT NULL REFERENCES scan ON DELETE CASCADE,
    type   TEXT    NOT NULL,
    reason TEXT    NOT NULL,
    places INTEGER NOT NULL,
    PRIMARY KEY (scan, type, reason)
) STRICT;
