-- +goose Up

-- The agent's signed receipt for delivered_version; empty if there is none.
ALTER TABLE deliveries ADD COLUMN receipt TEXT NOT NULL DEFAULT '';

CREATE INDEX deliveries_waiting ON deliveries (agent, destination, secret) WHERE state = 'waiting';
