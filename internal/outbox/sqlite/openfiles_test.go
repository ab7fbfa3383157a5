package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// TestFilesTakenAway has the outbox's files removed or replaced below it: what
// is committed then is not there after a restart, so nothing is acknowledged.
func TestFilesTakenAway(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file cannot be removed")
	}
	for _, tc := range []struct {
		name string
		take func(path string) error
		want string
	}{
		{"database", os.Remove, "removed"},
		{"log", func(path string) error { return os.Remove(path + "-wal") }, "removed"},
		{"folder", func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, "removed"},
		{"database replaced", func(path string) error {
			data, err := os.ReadFile(path)
			return errors.Join(err, os.Remove(path), os.WriteFile(path, data, 0o600))
		}, "replaced"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "data", "outbox.db")
			o, err := Open(t.Context(), path, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Commit(t.Context(), testChange(1, 10)); err != nil {
				t.Fatal(err)
			}
			if err := tc.take(path); err != nil {
				t.Fatal(err)
			}
			if err := o.Commit(t.Context(), testChange(2, 10)); !errors.Is(err, outbox.ErrAmbiguous) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want ErrAmbiguous that says %q", err, tc.want)
			}
			<-o.Failed()
			if err := o.Probe(t.Context()); !errors.Is(err, outbox.ErrUnavailable) {
				t.Errorf("probe: error %v, want ErrUnavailable", err)
			}
			_ = o.Close() // closing may miss the files too
		})
	}
}
