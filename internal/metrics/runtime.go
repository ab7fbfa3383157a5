package metrics

import (
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// pauseQuantiles is how many quantiles of the collector's pauses are shown,
// evenly from the shortest to the longest.
const pauseQuantiles = 5

// WriteRuntime adds what Go's runtime tells of itself, with the names that
// Prometheus' own client gives it. It stops the program for some ten
// microseconds.
func WriteRuntime(p *Page) {
	writePauses(p)
	p.One("go_gc_gogc_percent", GaugeType, "Heap size target percentage configured by the user, otherwise 100. This value is set by the GOGC environment variable, and the runtime/debug.SetGCPercent function. Sourced from /gc/gogc:percent.", gcPercent())
	p.One("go_gc_gomemlimit_bytes", GaugeType, "Go runtime memory limit configured by the user, otherwise math.MaxInt64. This value is set by the GOMEMLIMIT environment variable, and the runtime/debug.SetMemoryLimit function. Sourced from /gc/gomemlimit:bytes.", float64(debug.SetMemoryLimit(-1)))
	p.One("go_goroutines", GaugeType, "Number of goroutines that currently exist.", float64(runtime.NumGoroutine()))
	p.Family("go_info", GaugeType, "Information about the Go environment.")
	p.Sample("go_info", 1, Label{"version", runtime.Version()})
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	for _, m := range memory {
		p.One("go_memstats_"+m.name, m.kind, m.help, m.value(&stats))
	}
	p.One("go_sched_gomaxprocs_threads", GaugeType, "The current runtime.GOMAXPROCS setting, or the number of operating system threads that can execute user-level Go code simultaneously. Sourced from /sched/gomaxprocs:threads.", float64(runtime.GOMAXPROCS(0)))
	threads, _ := runtime.ThreadCreateProfile(nil)
	p.One("go_threads", GaugeType, "Number of OS threads created.", float64(threads))
}

// gcPercent is the collector's setting, which nothing in the service changes.
// Without runtime/metrics, which costs every start of the program some 300 µs,
// it can be read only by setting it.
var gcPercent = sync.OnceValue(func() float64 {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return float64(percent)
})

func writePauses(p *Page) {
	const name = "go_gc_duration_seconds"
	stats := debug.GCStats{PauseQuantiles: make([]time.Duration, pauseQuantiles)}
	debug.ReadGCStats(&stats)
	p.Family(name, SummaryType, "A summary of the wall-time pause (stop-the-world) duration in garbage collection cycles.")
	for i, pause := range stats.PauseQuantiles {
		p.Sample(name, pause.Seconds(), Label{"quantile", format(float64(i) / (pauseQuantiles - 1))})
	}
	p.Sample(name+"_sum", stats.PauseTotal.Seconds())
	p.Sample(name+"_count", float64(stats.NumGC))
}
