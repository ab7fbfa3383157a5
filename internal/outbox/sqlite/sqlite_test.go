package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/outboxtest"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(helperFile); path != "" {
		os.Exit(commitUntilFailed(path))
	}
	goleak.VerifyTestMain(m)
}

func open(t *testing.T, path string) *sqlite.Outbox {
	t.Helper()
	o, err := sqlite.Open(t.Context(), path, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestConformance(t *testing.T) {
	outboxtest.Run(t, func(t *testing.T) func() outbox.Outbox {
		path := filepath.Join(t.TempDir(), "outbox.db")
		return func() outbox.Outbox { return open(t, path) }
	})
}

func TestJobsConformance(t *testing.T) {
	outboxtest.RunJobs(t, func(t *testing.T) func() outboxtest.Jobs {
		path := filepath.Join(t.TempDir(), "outbox.db")
		return func() outboxtest.Jobs { return open(t, path) }
	})
}
