-- +goose Up

-- When the latest version came, whether it deleted the secret, and the keyed
-- digest by which the same value is known again; NULL where there is none.
ALTER TABLE secrets ADD COLUMN received_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE secrets ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE secrets ADD COLUMN digest BLOB;

-- Secrets of which a source said that they changed, without the value. A row
-- is settled when the latest version is not older than the change, so that
-- accepting a value does not have to touch it.
CREATE TABLE awaited (
    secret      TEXT PRIMARY KEY,
    source      TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    changed_at  INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    due         INTEGER NOT NULL,
    alerted_at  INTEGER
) STRICT, WITHOUT ROWID;
