-- +goose Up

-- The invitation of each agent that was not used yet; the digest is keyed.
CREATE TABLE invitations (
    agent      TEXT    PRIMARY KEY,
    digest     BLOB    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- The keys that agents asked for.
CREATE TABLE enrolments (
    id           INTEGER PRIMARY KEY,
    agent        TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    public       TEXT    NOT NULL,
    key_id       TEXT    NOT NULL,
    signing      BLOB    NOT NULL,
    invitation   BLOB,
    endorser     BLOB,
    requested_at INTEGER NOT NULL,
    decided_at   INTEGER,
    decided_by   TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX enrolments_present ON enrolments (agent) WHERE state = 'approved';
CREATE UNIQUE INDEX enrolments_invitation ON enrolments (invitation) WHERE invitation IS NOT NULL;
CREATE INDEX enrolments_agent ON enrolments (agent, id);
