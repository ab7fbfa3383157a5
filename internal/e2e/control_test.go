package e2e

import (
	"bytes"
	"database/sql"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

// TestSearcherFinds is the control of TestNoPlaintext: the same searcher finds
// each form of each value wherever one is planted.
func TestSearcherFinds(t *testing.T) {
	values := withCores([][]byte{newCanary(0), newCanary(1), newCanary(2)})
	dir := t.TempDir()
	planted, found := 0, 0
	finds := func(i int, name, where string, look func(*searcher) ([]hit, error)) {
		t.Helper()
		planted++
		hits, err := look(newSearcher(values))
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range hits {
			if h.value == i && h.form == name {
				found++
				return
			}
		}
		t.Errorf("value %d as %s in %s was not found", i, name, where)
	}
	tree := func(folder string) func(*searcher) ([]hit, error) {
		return func(s *searcher) ([]hit, error) {
			hits, _, err := s.searchTree(folder)
			return hits, err
		}
	}
	for i, value := range values {
		for n, f := range forms(value) {
			folder := filepath.Join(dir, fmt.Sprintf("%d-%d", i, n))
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			text := append(append([]byte("before "), f.bytes...), " after"...)
			if err := os.WriteFile(filepath.Join(folder, "file"), text, 0o600); err != nil {
				t.Fatal(err)
			}
			finds(i, f.name, "a file", tree(folder))
			closeWAL := plantInWAL(t, filepath.Join(folder, "db"), f.bytes)
			if err := os.Remove(filepath.Join(folder, "file")); err != nil {
				t.Fatal(err)
			}
			finds(i, f.name, "a WAL", tree(folder))
			closeWAL()
		}
		// A whole base64 with something before and behind, at each alignment, in
		// each alphabet, with padding and without.
		for before := range 3 {
			text := append(append(bytes.Repeat([]byte("x"), 6+before), value...), "yz"...)
			for alphabet, encoding := range map[string]*base64.Encoding{"base64": base64.StdEncoding, "base64url": base64.URLEncoding} {
				for _, encoded := range []string{encoding.EncodeToString(text), encoding.WithPadding(base64.NoPadding).EncodeToString(text)} {
					// Where the alphabets agree, the first one's name is told.
					hits := newSearcher(values).search("base64", []byte(encoded))
					planted++
					if len(hits) == 0 || hits[0].value != i || !strings.HasPrefix(hits[0].form, "base64") {
						t.Errorf("value %d in %s with %d before: %v", i, alphabet, before, hits)
						continue
					}
					found++
				}
			}
		}
	}
	// A log takes liberties with what is not UTF-8; the core is found all the same.
	for i, value := range values {
		var log bytes.Buffer
		logger := zerolog.New(&log)
		logger.Debug().Bytes("value", value).Msg("planted")
		planted++
		if hits := newSearcher(values).search("log", log.Bytes()); len(hits) == 0 {
			t.Errorf("value %d in the log %s", i, log.String())
		} else {
			found++
		}
	}
	if hits := newSearcher(values).search("nothing", bytes.Repeat([]byte("nothing of the kind "), 1000)); len(hits) != 0 {
		t.Errorf("found where there is nothing: %v", hits)
	}
	t.Logf("control: %d of %d planted values found", found, planted)
}

// plantInWAL puts the bytes into a row that is in the WAL only, until the
// function that it returns closes the database.
func plantInWAL(t *testing.T, path string, value []byte) (closeIt func()) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)") // the outbox's own driver
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE t (v BLOB)"); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO t VALUES (?)", value); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil || bytes.Contains(file, value) {
		t.Fatalf("the row is not in the WAL only: %v", err)
	}
	return func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}
