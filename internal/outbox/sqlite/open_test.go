package sqlite_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

func TestFileModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	folder := filepath.Join(t.TempDir(), "new", "folder")
	o := open(t, filepath.Join(folder, "outbox.db"))
	if err := o.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]os.FileMode{"": 0o700, "outbox.db": 0o600, "outbox.db-wal": 0o600, "outbox.db-shm": 0o600} {
		info, err := os.Stat(filepath.Join(folder, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%q has mode %04o, want %04o", path, got, want)
		}
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRefusesAccessOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes say nothing on Windows")
	}
	folder := filepath.Join(t.TempDir(), "folder")
	path := filepath.Join(folder, "outbox.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		path string
		mode os.FileMode
		want string
	}{
		{path, 0o640, "chmod 600"},
		{path, 0o602, "chmod 600"},
		{folder, 0o707, "chmod o-w"},
	} {
		info, err := os.Stat(tc.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(tc.path, tc.mode); err != nil {
			t.Fatal(err)
		}
		_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("mode %04o of %s: error %v, want one that says %q", tc.mode, filepath.Base(tc.path), err, tc.want)
		}
		if err := os.Chmod(tc.path, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRefusesNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	if err == nil || !strings.Contains(err.Error(), "schema version 999") {
		t.Fatalf("error %v, want one that names the schema version", err)
	}
}

func TestRefusesOtherFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if o, err := sqlite.Open(t.Context(), path, sqlite.Options{}); err == nil {
		t.Fatal("a text file was opened", o.Close())
	}
}

func TestStrangePath(t *testing.T) {
	name := "a ?b%20c#d&e=f.db"
	if runtime.GOOS == "windows" {
		name = "a %20c#d&e=f.db"
	}
	path := filepath.Join(t.TempDir(), name)
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Fatalf("the database is not at its path: %v", err)
	}
}

// TestConcurrentFirstOpen has several processes find no database at once.
func TestConcurrentFirstOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "outbox.db")
	var opens sync.WaitGroup
	for range 6 {
		opens.Go(func() {
			o, err := sqlite.Open(t.Context(), path, sqlite.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			if err := o.Probe(t.Context()); err != nil {
				t.Error(err)
			}
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	opens.Wait()
}

func TestWeakenedDurability(t *testing.T) {
	const name = "SEALRELAY_TESTONLY_SYNCHRONOUS"
	for _, tc := range []struct {
		value        string
		warn, opened bool
	}{
		{"NORMAL", true, true}, {"OFF", true, true}, {"NORMAL", false, false}, {"FULL", true, false}, {"", true, false}, {"off", true, false},
	} {
		t.Setenv(name, tc.value)
		var warnings []string
		var options sqlite.Options
		if tc.warn {
			options.Warn = func(message string) { warnings = append(warnings, message) }
		}
		o, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), options)
		if (err == nil) != tc.opened || tc.opened != (len(warnings) == 1) {
			t.Errorf("%q: error %v, %d warnings", tc.value, err, len(warnings))
		}
		if err == nil {
			if err := o.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
