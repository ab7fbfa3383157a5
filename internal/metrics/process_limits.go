//go:build unix

package metrics

import "golang.org/x/sys/unix"

// readLimits reads how much the process may have.
func readLimits(told map[string]float64) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil {
		told["max_fds"] = float64(limit.Cur)
	}
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) == nil {
		told["virtual_memory_max_bytes"] = float64(limit.Cur)
	}
}
