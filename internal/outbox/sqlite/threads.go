package sqlite

import (
	"os"
	"runtime"
)

// AddThread lets one goroutine more run at a time than Go would by itself,
// and returns how many it was. It is for the writer, which spends much of its
// time in system calls of the disk: Go counts a goroutine in such a call as
// running until its monitor has noticed, which may be after the call, so that
// with two cores one is idle while the disk syncs.
//
// The price is that Go no longer follows a processor limit that is changed
// while the process runs. Where the environment sets GOMAXPROCS, that counts.
// Call it once in a process.
func AddThread() (before int) {
	before = runtime.GOMAXPROCS(0)
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(before + 1)
	}
	return before
}
