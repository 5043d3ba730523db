-- +goose Up
-- A plan names what is past its date. Its id is that of the work that makes it.
CREATE TABLE plan (
    id           TEXT PRIMARY KEY,
    state        TEXT    NOT NULL CONSTRAINT plan_state CHECK (state IN ('making','ready','running','done')),
    rules        TEXT    NOT NULL, -- JSON of the rules as they were
    organisation TEXT    NOT NULL, -- JSON
    actor        TEXT    NOT NULL,
    created      BIGINT NOT NULL,
    today        BIGINT NOT NULL, -- midnight of the day the plan counts from
    units        TEXT    NOT NULL DEFAULT '[]', -- JSON: system, type, rules, query
    preview      TEXT    NOT NULL DEFAULT '{}', -- JSON of counts
    hash         TEXT    NOT NULL DEFAULT ''    -- binds rules, units and batches; approvals name it
);

-- What a plan names, thousands of references a row.
CREATE TABLE plan_batch (
    plan     TEXT    NOT NULL REFERENCES plan,
    n        BIGINT NOT NULL,
    unit     BIGINT NOT NULL, -- index in plan.units
    rule     BIGINT NOT NULL, -- index in plan.rules: the one that decides
    items    BIGINT NOT NULL,
    blob     BYTEA    NOT NULL, -- compressed references, versions and statistics facts
    digest   TEXT    NOT NULL, -- SHA-256 of blob
    state    TEXT    NOT NULL DEFAULT 'planned' CONSTRAINT plan_batch_state CHECK (state IN ('planned','doing','done')),
    position BIGINT NOT NULL DEFAULT 0, -- items done
    inflight BIGINT NOT NULL DEFAULT 0, -- attempts at the next chunk, 0 for none: another worker's is not recorded
    tally    TEXT    NOT NULL DEFAULT '{}', -- JSON: what became of the items
    ended    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (plan, n)
);

CREATE TABLE plan_approval (
    plan  TEXT    NOT NULL REFERENCES plan,
    actor TEXT    NOT NULL,
    hash  TEXT    NOT NULL,
    at    BIGINT NOT NULL,
    PRIMARY KEY (plan, actor)
);

-- A run carries one plan out. Its id is that of its work.
CREATE TABLE run (
    id       TEXT PRIMARY KEY,
    plan     TEXT    NOT NULL UNIQUE REFERENCES plan,
    actor    TEXT    NOT NULL,
    hash     TEXT    NOT NULL, -- of the plan, as approved
    approved TEXT    NOT NULL, -- JSON of the approvals
    started  BIGINT NOT NULL,
    ended    BIGINT NOT NULL DEFAULT 0,
    key      BYTEA    NOT NULL, -- of the digests in the evidence log
    protocol TEXT    NOT NULL DEFAULT ''
);

-- What did not go as planned: skipped, failed, promised. Everything else is
-- told by the batch.
CREATE TABLE run_item (
    run     TEXT    NOT NULL REFERENCES run,
    unit    BIGINT NOT NULL,
    ref_id  TEXT    NOT NULL,
    outcome TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    detail  TEXT    NOT NULL DEFAULT '', -- hold id, the system's own id of the work
    gone_by BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (run, unit, ref_id)
);

-- A look at everything past its date, before a run and after it.
CREATE TABLE run_survey (
    run    TEXT    NOT NULL REFERENCES run,
    phase  TEXT    NOT NULL CONSTRAINT run_survey_phase CHECK (phase IN ('before','after')),
    unit   BIGINT NOT NULL,
    result TEXT    NOT NULL, -- JSON: cursor, counts
    cells  BYTEA    NOT NULL,
    PRIMARY KEY (run, phase, unit)
);

-- Records that have been anonymised in place, as digests of id and version, so
-- that they are not planned again until they change.
CREATE TABLE anonymised (
    system TEXT NOT NULL,
    type   TEXT NOT NULL,
    run    TEXT NOT NULL,
    marks  BYTEA NOT NULL,
    PRIMARY KEY (system, type, run)
);

-- Who works on what. A lease that is not renewed is taken over.
CREATE TABLE lease (
    name  TEXT PRIMARY KEY,
    owner TEXT    NOT NULL,
    until BIGINT NOT NULL
);
