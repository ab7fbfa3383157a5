package harden_test

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sealrelay/sealrelay/internal/harden"
)

// TestNoCoreDumps reads back both settings, which a second call leaves alone.
func TestNoCoreDumps(t *testing.T) {
	for range 2 {
		if err := harden.NoCoreDumps(); err != nil {
			t.Fatal(err)
		}
		var limit unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit != (unix.Rlimit{}) {
			t.Errorf("RLIMIT_CORE is %+v, %v", limit, err)
		}
		filter, err := os.ReadFile("/proc/self/coredump_filter")
		if err != nil || strings.Trim(string(filter), "0\n") != "" {
			t.Errorf("coredump_filter is %q, %v", filter, err)
		}
	}
}
