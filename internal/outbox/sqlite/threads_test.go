package sqlite_test

import (
	"runtime"
	"testing"

	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

func TestAddThread(t *testing.T) {
	own := runtime.GOMAXPROCS(0)
	for _, tc := range []struct {
		name, environment string
		want              int
	}{
		{"one more than Go's own", "", own + 1},
		{"the operator's setting counts", "7", own}, // Go read the environment at its start
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("GOMAXPROCS", tc.environment)
			t.Cleanup(func() { runtime.GOMAXPROCS(own) })
			if before := sqlite.AddThread(); before != own {
				t.Errorf("before: %d, want %d", before, own)
			}
			if got := runtime.GOMAXPROCS(0); got != tc.want {
				t.Errorf("after: %d, want %d", got, tc.want)
			}
		})
	}
}
