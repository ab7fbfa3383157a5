//go:build unix

package harden

import (
	"errors"
	"fmt"
	"io/fs"
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
	err := os.WriteFile("/proc/self/coredump_filter", []byte("0"), 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // A kernel without it dumps no cores.
		return fmt.Errorf("a crash could hand values to the system's core dump handler: %w", err)
	}
	return nil
}
