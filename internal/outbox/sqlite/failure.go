package sqlite

import (
	"errors"
	"fmt"

	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// code is the primary result code of a database error, and SQLITE_OK for an
// error of another kind.
func code(err error) int {
	var failure *sqlitedriver.Error
	if errors.As(err, &failure) {
		return failure.Code() & 0xff
	}
	return sqlite3.SQLITE_OK
}

// transient says whether a transaction that met err was rolled back as a whole
// and may succeed later: another process held the lock, or there was no space.
func transient(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM:
		return true
	}
	return false
}

// fatal says whether err means that the file or the disk below it cannot be
// trusted any more. After a failed fsync the kernel has dropped the pages that
// it could not write and calls them clean: only a restart, which reads what is
// really on the disk, gets to a known state.
func fatal(err error) bool {
	switch code(err) {
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN,
		sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL:
		return true
	}
	return false
}

// unavailable is err for a caller of whose call nothing was persisted.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", outbox.ErrUnavailable, err)
}

// verdict says whether err is an answer to one request, and not a failure of
// the transaction that the request shares with others.
func verdict(err error) bool {
	var duplicate *outbox.DuplicateError
	return err == nil || errors.As(err, &duplicate) || errors.Is(err, outbox.ErrConflict) ||
		errors.Is(err, outbox.ErrFenced) || errors.Is(err, outbox.ErrNotFound) || errors.Is(err, outbox.ErrAcknowledged) ||
		errors.Is(err, outbox.ErrNoRun) || errors.Is(err, outbox.ErrOutput)
}
