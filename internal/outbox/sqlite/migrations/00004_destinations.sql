-- +goose Up

-- Each destination that deliveries were committed for. turn is when it may be
-- claimed from: the due time of its first pending delivery, or a later one
-- while it waits in line behind other destinations; NULL if nothing is pending.
-- It may be too early, which a claim puts right, and is never later than the
-- first delivery is due unless that time has come.
CREATE TABLE destinations (
    agent        TEXT    NOT NULL,
    destination  TEXT    NOT NULL,
    turn         INTEGER,
    faults       INTEGER NOT NULL DEFAULT 0,
    reason       TEXT    NOT NULL DEFAULT '',
    broken_since INTEGER,
    broken_until INTEGER NOT NULL DEFAULT 0,
    resumed_at   INTEGER,
    PRIMARY KEY (agent, destination)
) STRICT, WITHOUT ROWID;

CREATE INDEX destinations_turn ON destinations (max(turn, broken_until)) WHERE turn IS NOT NULL;
CREATE INDEX destinations_broken ON destinations (broken_since) WHERE broken_since IS NOT NULL;

INSERT INTO destinations (agent, destination, turn)
    SELECT agent, destination, min(due) FILTER (WHERE state = 'pending') FROM deliveries GROUP BY agent, destination;

-- What an operator paused; an empty destination stands for all of the agent's.
CREATE TABLE pauses (
    agent       TEXT    NOT NULL,
    destination TEXT    NOT NULL,
    paused_at   INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    PRIMARY KEY (agent, destination)
) STRICT, WITHOUT ROWID;

-- The latest failed attempts at each delivery, by the fence of their claims. A
-- new one goes into the slot behind the latest, around to the first again, and
-- so takes the place of the oldest.
CREATE TABLE attempts (
    delivery INTEGER NOT NULL,
    slot     INTEGER NOT NULL,
    fence    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    state    TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    PRIMARY KEY (delivery, slot)
) STRICT, WITHOUT ROWID;

DROP INDEX deliveries_due;
CREATE INDEX deliveries_due ON deliveries (agent, destination, due) WHERE state = 'pending';
