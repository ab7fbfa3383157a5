package bench

import "time"

var start = time.Now()

// CPUTime is the elapsed time, as there is no getrusage here.
func CPUTime() time.Duration { return time.Since(start) }
