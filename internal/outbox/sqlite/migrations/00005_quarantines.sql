-- +goose Up

-- Agents that nothing is sealed for or delivered to.
CREATE TABLE quarantines (
    agent TEXT    PRIMARY KEY,
    at    INTEGER NOT NULL,
    actor TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Who has a secret.
CREATE INDEX deliveries_secret ON deliveries (secret);
