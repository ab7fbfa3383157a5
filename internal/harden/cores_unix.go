//go:build unix

package harden

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

func noCoreDumps() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("a crash could write values to a core file: set RLIMIT_CORE: %w", err)
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	if err := os.WriteFile("/proc/self/coredump_filter", []byte("0"), 0); err != nil {
		return fmt.Errorf("a crash could hand values to the system's core dump handler: %w", err)
	}
	return nil
}
