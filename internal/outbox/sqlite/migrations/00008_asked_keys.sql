-- +goose Up

-- When an operator asked the agent for other keys; NULL if none did.
ALTER TABLE enrolments ADD COLUMN asked_at INTEGER;
