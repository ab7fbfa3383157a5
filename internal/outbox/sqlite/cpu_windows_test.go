package sqlite_test

import "time"

var start = time.Now()

// cpuTime is the elapsed time, as there is no getrusage here.
func cpuTime() time.Duration { return time.Since(start) }
