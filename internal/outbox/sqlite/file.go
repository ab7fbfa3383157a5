package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
)

// The write-ahead log is copied into the database when it has this many pages,
// and a file that outgrew walLimit bytes is cut back to it afterwards.
const (
	checkpointPages = 4000
	walLimit        = 32 << 20
	busyTimeout     = 5000 // milliseconds
)

// writerDSN is how the one writing connection opens the file at path. The
// driver runs the pragmas in this order. fullfsync matters on darwin, where
// fsync alone does not reach the disk.
func writerDSN(path, synchronous string) string {
	return dsn(path,
		fmt.Sprintf("busy_timeout(%d)", busyTimeout),
		"journal_mode(WAL)",
		fmt.Sprintf("synchronous(%s)", synchronous),
		"fullfsync(1)",
		"checkpoint_fullfsync(1)",
		fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages),
		fmt.Sprintf("journal_size_limit(%d)", walLimit),
		"trusted_schema(0)",
		"cache_size(-16000)",
	)
}

// readerDSN is how a reading connection opens the file; it cannot write.
func readerDSN(path string) string {
	return dsn(path,
		fmt.Sprintf("busy_timeout(%d)", busyTimeout),
		"query_only(1)",
		"trusted_schema(0)",
	)
}

func dsn(path string, pragmas ...string) string {
	slashed := filepath.ToSlash(path)
	if filepath.VolumeName(path) != "" {
		slashed = "/" + slashed // file:/C:/..., as SQLite wants it on Windows
	}
	query := url.Values{"_pragma": pragmas, "_txlock": {"immediate"}}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: slashed, RawQuery: query.Encode()}).String()
}

// prepareFile makes the folder (mode 0700) and the file (0600) that are not
// there, and refuses those that others can get at: whoever may write to the
// folder can put another file in the database's place. SQLite gives its
// side files the mode of the database.
func prepareFile(path string) error {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("create the outbox's folder: %w", err)
	}
	if err := checkMode(folder, 0o002, "may be written by everybody; run chmod o-w on it or choose another folder"); err != nil {
		return err
	}
	// The file is opened only to create it: closing a file that SQLite has
	// open in this process would drop SQLite's locks on it.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return checkMode(path, 0o077, "may be accessed by others; run chmod 600 on it")
	}
	if err != nil {
		return fmt.Errorf("create the outbox's file: %w", err)
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("create the outbox's file: %w", err)
	}
	// A file whose folder entry is lost with the power is lost as a whole.
	return errors.Join(syncFolder(folder), syncFolder(filepath.Dir(folder)))
}

func checkMode(path string, forbidden fs.FileMode, problem string) error {
	if runtime.GOOS == "windows" {
		return nil // access is by inherited lists there, the mode says nothing
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("check the outbox's file: %w", err)
	}
	if info.Mode().Perm()&forbidden != 0 {
		return fmt.Errorf("%s (mode %04o) %s", path, info.Mode().Perm(), problem)
	}
	return nil
}

func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil // folders cannot be synced there, NTFS journals their entries
	}
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync the outbox's folder: %w", err)
	}
	if err := errors.Join(folder.Sync(), folder.Close()); err != nil {
		return fmt.Errorf("sync the outbox's folder: %w", err)
	}
	return nil
}
