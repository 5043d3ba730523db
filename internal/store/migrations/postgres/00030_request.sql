-- +goose Up
-- A data subject's request. Everything that tells who the person is stands in
-- sealed, under a key of the case's own, half of which is in salt and half in a
-- file. When the key is destroyed both are gone, and digest_key with them.
CREATE TABLE request (
    id           TEXT PRIMARY KEY, -- "B2026-0001"
    year         BIGINT NOT NULL,
    serial       BIGINT NOT NULL,
    matter       TEXT    NOT NULL, -- requests that came in the same message share it
    registration TEXT    NOT NULL DEFAULT '', -- the organisation's diarienummer
    item_right   TEXT    NOT NULL CONSTRAINT request_right CHECK (item_right IN ('access','rectification','erasure','restriction','portability','objection','withdrawal')),
    state        TEXT    NOT NULL CONSTRAINT request_state CHECK (state IN ('received','classified','identity_asked','identity_failed','identified','searching','review','decided','executing','verified','delivered','closed','withdrawn','forwarded','appealed','reopened')),
    channel      TEXT    NOT NULL,
    received     BIGINT NOT NULL,
    protected    BIGINT NOT NULL DEFAULT 0, -- 1: protected identity
    handler      TEXT    NOT NULL,
    extended     BIGINT NOT NULL DEFAULT 0, -- when notice was given; 0: not extended
    extension    TEXT    NOT NULL DEFAULT '', -- reason
    identity     TEXT    NOT NULL DEFAULT '{}', -- JSON: method, when, by whom
    outcome      TEXT    NOT NULL DEFAULT '',
    reason       TEXT    NOT NULL DEFAULT '', -- code of the decision; never a personal value
    decided_by   TEXT    NOT NULL DEFAULT '',
    decided      BIGINT NOT NULL DEFAULT 0,
    approved_by  TEXT    NOT NULL DEFAULT '',
    approved     BIGINT NOT NULL DEFAULT 0,
    delivery     TEXT    NOT NULL DEFAULT '', -- how it was delivered
    delivered    BIGINT NOT NULL DEFAULT 0,
    closed       BIGINT NOT NULL DEFAULT 0,
    hold         TEXT    NOT NULL DEFAULT '', -- id of the hold that keeps what access was asked to
    sealed       BYTEA,
    salt         BYTEA,
    digest_key   BYTEA,
    destroy      BIGINT NOT NULL DEFAULT 0, -- when the key is to be destroyed
    destroyed    BIGINT NOT NULL DEFAULT 0,
    created      BIGINT NOT NULL,
    UNIQUE (year, serial)
);
CREATE INDEX request_state_received ON request (state, received);
CREATE INDEX request_matter ON request (matter);

-- Keyed digests of the identifiers, to find another request of the same person
-- by. They go when the key goes.
CREATE TABLE request_person (
    request TEXT NOT NULL REFERENCES request ON DELETE CASCADE,
    digest  TEXT NOT NULL,
    PRIMARY KEY (request, digest)
);
CREATE INDEX request_person_digest ON request_person (digest);

-- Every change of state, and nothing else: who, when, why.
CREATE TABLE request_event (
    request    TEXT    NOT NULL REFERENCES request ON DELETE CASCADE,
    n          BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    actor      TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    PRIMARY KEY (request, n)
);

CREATE TABLE request_pause (
    request      TEXT    NOT NULL REFERENCES request ON DELETE CASCADE,
    n            BIGINT NOT NULL,
    asked        BIGINT NOT NULL,
    answered     BIGINT NOT NULL DEFAULT 0,
    insufficient BIGINT NOT NULL DEFAULT 0,
    reason       TEXT    NOT NULL,
    asked_by     TEXT    NOT NULL,
    approved_by  TEXT    NOT NULL DEFAULT '', -- data protection officer
    PRIMARY KEY (request, n)
);

CREATE TABLE request_search (
    request  TEXT    NOT NULL REFERENCES request ON DELETE CASCADE,
    system   TEXT    NOT NULL,
    state    TEXT    NOT NULL CONSTRAINT request_search_state CHECK (state IN ('waiting','done','manual','failed')),
    hits     BIGINT NOT NULL DEFAULT 0,
    skipped  BIGINT NOT NULL DEFAULT 0, -- places that nobody but a person can read
    at       BIGINT NOT NULL DEFAULT 0,
    problem  TEXT    NOT NULL DEFAULT '',
    verified BIGINT NOT NULL DEFAULT 0, -- when it was searched again after execution
    remains  TEXT    NOT NULL DEFAULT '[]', -- JSON of residues
    PRIMARY KEY (request, system)
);

-- What was found and what is to become of it: a conversation of the person's
-- own, a record about the person, or one record in another's conversation.
CREATE TABLE request_item (
    request   TEXT    NOT NULL REFERENCES request ON DELETE CASCADE,
    n         BIGINT NOT NULL,
    system    TEXT    NOT NULL,
    type      TEXT    NOT NULL,
    ref_id    TEXT    NOT NULL,
    kind      TEXT    NOT NULL, -- kind of the type, as the connector says
    parent    TEXT    NOT NULL DEFAULT '',
    role      TEXT    NOT NULL,
    certainty TEXT    NOT NULL,
    why       TEXT    NOT NULL, -- JSON: fields and kinds of identifier, no values
    created   BIGINT NOT NULL DEFAULT 0,
    decision  TEXT    NOT NULL CONSTRAINT request_item_decision CHECK (decision IN ('open','include','exclude','keep')),
    action    TEXT    NOT NULL DEFAULT '', -- erase, redact, anonymise, restrict
    reason    TEXT    NOT NULL DEFAULT '', -- ground, or why it is kept
    law       TEXT    NOT NULL DEFAULT '', -- of an exception
    recheck   BIGINT NOT NULL DEFAULT 0,  -- of an exception
    decided_by TEXT   NOT NULL DEFAULT '',
    state     TEXT    NOT NULL DEFAULT 'planned' CONSTRAINT request_item_state CHECK (state IN ('planned','doing','done','manual','failed')),
    outcome   TEXT    NOT NULL DEFAULT '',
    grade     BIGINT NOT NULL DEFAULT 0,
    gone_by   BIGINT NOT NULL DEFAULT 0,
    residues  TEXT    NOT NULL DEFAULT '[]',
    problem   TEXT    NOT NULL DEFAULT '',
    ended     BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (request, n),
    UNIQUE (request, system, type, ref_id)
);
