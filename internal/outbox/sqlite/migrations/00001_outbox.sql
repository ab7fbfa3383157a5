-- +goose Up

-- The latest version of each secret. Times are microseconds since 1970, UTC.
CREATE TABLE secrets (
    name        TEXT PRIMARY KEY,
    version     INTEGER NOT NULL,
    occurred_at INTEGER
) STRICT, WITHOUT ROWID;

-- Accepted events, for as long as their repeats are to be known. The answers
-- are not in the index that is searched for each new event, so it stays flat.
CREATE TABLE events (
    id          INTEGER PRIMARY KEY,
    source      TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    received_at INTEGER NOT NULL,
    answer      BLOB
) STRICT;

CREATE UNIQUE INDEX events_key ON events (event_id, source);

-- due is when the row may be claimed: the time of the next attempt, or, while
-- leased, the end of the lease. The two long columns come last, so that the
-- others are read without them.
CREATE TABLE deliveries (
    id                INTEGER PRIMARY KEY,
    agent             TEXT    NOT NULL,
    destination       TEXT    NOT NULL,
    secret            TEXT    NOT NULL,
    state             TEXT    NOT NULL,
    version           INTEGER NOT NULL,
    delivered_version INTEGER NOT NULL DEFAULT 0,
    fence             INTEGER NOT NULL DEFAULT 0,
    leased            INTEGER NOT NULL DEFAULT 0,
    attempts          INTEGER NOT NULL DEFAULT 0,
    due               INTEGER NOT NULL,
    accepted_at       INTEGER NOT NULL,
    updated_at        INTEGER NOT NULL,
    delivered_at      INTEGER,
    operation         TEXT    NOT NULL,
    format            TEXT    NOT NULL,
    key_id            TEXT    NOT NULL,
    source            TEXT    NOT NULL,
    event_id          TEXT    NOT NULL,
    reason            TEXT    NOT NULL,
    statement         TEXT    NOT NULL,
    envelope          BLOB
) STRICT;

CREATE UNIQUE INDEX deliveries_key ON deliveries (agent, destination, secret);
CREATE INDEX deliveries_due ON deliveries (due) WHERE state = 'pending';
CREATE INDEX deliveries_stuck ON deliveries (state) WHERE state IN ('dead', 'blocked');

-- The audit chain; see package audit.
CREATE TABLE audit (
    seq   INTEGER PRIMARY KEY,
    entry BLOB NOT NULL,
    hash  BLOB NOT NULL
) STRICT;

-- One row that Probe writes.
CREATE TABLE probe (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    at INTEGER NOT NULL
) STRICT;
