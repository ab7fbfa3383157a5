-- +goose Up

-- When an operator asked the agent for other keys; NULL if none did.
ALTER TABLE enrolments ADD COLUMN asked_at INTEGER;

-- The request for a certificate, PEM, if the agent made one.
ALTER TABLE enrolments ADD COLUMN csr TEXT NOT NULL DEFAULT '';
