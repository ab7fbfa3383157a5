-- +goose Up

-- The runs of jobs. ready is when a run may be claimed: when it is due, or, while
-- it runs, the end of its lease; NULL once it has ended. Spans of time are
-- microseconds too.
CREATE TABLE runs (
    id              TEXT    PRIMARY KEY,
    job             TEXT    NOT NULL,
    runner          TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    trigger         TEXT    NOT NULL,
    actor           TEXT    NOT NULL,
    origin          TEXT    NOT NULL,
    slot            INTEGER,
    timeout         INTEGER NOT NULL,
    retries         INTEGER NOT NULL,
    retry_after     INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    result          TEXT    NOT NULL DEFAULT '',
    cancel          INTEGER NOT NULL DEFAULT 0,
    added_at        INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    ready           INTEGER,
    started_at      INTEGER,
    ended_at        INTEGER,
    claims          INTEGER NOT NULL DEFAULT 0,
    fence           INTEGER NOT NULL DEFAULT 0,
    output          INTEGER NOT NULL DEFAULT 0,
    acknowledged_at INTEGER,
    acknowledged_by TEXT    NOT NULL DEFAULT '',
    message         TEXT    NOT NULL DEFAULT '',
    settings        BLOB
) STRICT;

CREATE INDEX runs_ready ON runs (runner, ready, id) WHERE ready IS NOT NULL;
CREATE INDEX runs_open ON runs (job, state, ready) WHERE ready IS NOT NULL;
CREATE INDEX runs_job ON runs (job, id);
CREATE INDEX runs_unacknowledged ON runs (job) WHERE result IN ('warning', 'failure') AND acknowledged_at IS NULL;

-- What runs put out, in pieces.
CREATE TABLE run_outputs (
    run   TEXT    NOT NULL,
    seq   INTEGER NOT NULL,
    chunk BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX run_outputs_seq ON run_outputs (run, seq);

-- How far the schedule of each job is planned; last is NULL where nothing was yet.
CREATE TABLE plans (
    job      TEXT    PRIMARY KEY,
    schedule TEXT    NOT NULL,
    last     INTEGER,
    off      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
