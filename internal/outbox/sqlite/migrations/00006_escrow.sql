-- +goose Up

-- The copy of each secret's latest version for the escrow key, if there is one.
CREATE TABLE escrows (
    secret    TEXT    PRIMARY KEY,
    version   INTEGER NOT NULL,
    format    TEXT    NOT NULL,
    key_id    TEXT    NOT NULL,
    statement TEXT    NOT NULL,
    envelope  BLOB    NOT NULL
) STRICT;
