-- A session file. Units are part of column names; json columns hold text, or CBOR as a blob where text would lose
-- something (NaN, broken UTF-8). Runs, lanes and experiments get their ids from the program, not from SQLite.

PRAGMA application_id = 0x4c534442; -- "LSDB"

CREATE TABLE session (
    id         INTEGER PRIMARY KEY CHECK (id = 1),
    created_at TEXT NOT NULL, -- ISO 8601, UTC
    program    TEXT NOT NULL  -- "layerscope 0.1.0"
);

CREATE TABLE property ( -- desk, selection, layout
    key  TEXT PRIMARY KEY,
    json NOT NULL
) WITHOUT ROWID;

CREATE TABLE model (
    id          INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    json        NOT NULL -- ModelInfo
);

CREATE TABLE spec ( -- what was asked for, once per content
    hash TEXT PRIMARY KEY, -- xxh3 of the text, 16 hex digits
    json NOT NULL          -- RunSpec
) WITHOUT ROWID;

CREATE TABLE run (
    id              INTEGER PRIMARY KEY,
    spec_hash       TEXT NOT NULL REFERENCES spec (hash),
    model_id        INTEGER NOT NULL REFERENCES model (id),
    started_at      TEXT NOT NULL,
    state           TEXT NOT NULL, -- running | done | failed | interrupted
    rendered_prompt TEXT NOT NULL DEFAULT '',
    template_tokens INTEGER NOT NULL DEFAULT 0,
    memory_json,                   -- Memory, the newest
    failure_json                   -- Error
);

CREATE TABLE lane (
    id                INTEGER PRIMARY KEY,
    run_id            INTEGER NOT NULL REFERENCES run (id),
    name              TEXT NOT NULL,
    methods_json      NOT NULL, -- at the start
    reason            TEXT NOT NULL DEFAULT '',
    ttft_us           INTEGER NOT NULL DEFAULT 0,
    tokens_per_second REAL NOT NULL DEFAULT 0,
    divergence        INTEGER -- position
);
CREATE INDEX lane_of_run ON lane (run_id);

CREATE TABLE token (
    lane_id      INTEGER NOT NULL REFERENCES lane (id),
    idx          INTEGER NOT NULL, -- position, prompt first
    token_id     INTEGER NOT NULL,
    text         TEXT NOT NULL,
    origin       TEXT NOT NULL,
    logprob      REAL, -- nats; NULL = NaN
    entropy      REAL, -- nats; NULL = NaN
    time_us      INTEGER NOT NULL,
    step_us      INTEGER NOT NULL,
    top_json,          -- [[id, text, logprob], ...]
    PRIMARY KEY (lane_id, idx)
) WITHOUT ROWID;

CREATE TABLE tap (
    run_id    INTEGER NOT NULL REFERENCES run (id),
    lane_id   INTEGER NOT NULL REFERENCES lane (id),
    token_idx INTEGER NOT NULL,
    site      TEXT NOT NULL,    -- output, "lens.probs"
    layer     INTEGER,          -- NULL: all layers in one value
    dtype     TEXT NOT NULL,
    shape     TEXT NOT NULL,    -- "31,5"
    encoding  TEXT NOT NULL,    -- raw | zstd
    blob      BLOB,
    texts_json,
    PRIMARY KEY (lane_id, token_idx, site)
);

CREATE TABLE metric (
    id        INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL, -- 0 = of the session
    lane      TEXT NOT NULL,
    name      TEXT NOT NULL,
    unit      TEXT NOT NULL,
    value     REAL, -- NULL = NaN
    low       REAL,
    high      REAL,
    n         INTEGER NOT NULL,
    origin    TEXT NOT NULL,
    spec_hash TEXT NOT NULL
);

CREATE TABLE event (
    id        INTEGER PRIMARY KEY,
    run_id    INTEGER NOT NULL, -- 0 = of the session
    lane      TEXT,             -- toggles only
    token_idx INTEGER NOT NULL, -- -1 = at no token
    kind      TEXT NOT NULL,    -- toggle, ...
    json      NOT NULL
);

CREATE TABLE experiment (
    id           INTEGER PRIMARY KEY,
    kind         TEXT NOT NULL,
    model_id     INTEGER NOT NULL REFERENCES model (id),
    params_json  NOT NULL,
    started_at   TEXT NOT NULL,
    state        TEXT NOT NULL, -- running | done | failed | cancelled | interrupted
    stage        TEXT NOT NULL DEFAULT '',
    done         REAL NOT NULL DEFAULT 0,
    total        REAL NOT NULL DEFAULT 0,
    result_json  NOT NULL,
    failure_json
);

CREATE TABLE row ( -- of an experiment, as it arrived
    experiment_id INTEGER NOT NULL REFERENCES experiment (id),
    idx           INTEGER NOT NULL,
    json          NOT NULL,
    PRIMARY KEY (experiment_id, idx)
) WITHOUT ROWID;

CREATE TABLE artefact (
    name      TEXT PRIMARY KEY,
    kind      TEXT NOT NULL,
    meta_json NOT NULL,
    encoding  TEXT NOT NULL, -- raw | zstd
    size_bytes INTEGER NOT NULL,
    blob      BLOB
);

CREATE TABLE certificate (
    id       INTEGER PRIMARY KEY,
    model_id INTEGER NOT NULL REFERENCES model (id),
    made_at  TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    json     NOT NULL
);

CREATE TABLE note (
    id         INTEGER PRIMARY KEY,
    created_at TEXT NOT NULL,
    text       TEXT NOT NULL
);
