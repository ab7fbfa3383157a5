package metrics_test

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/sealrelay/sealrelay/internal/metrics"
)

// families reads a page with Prometheus' own parser.
func families(t *testing.T, page *metrics.Page) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	read, err := parser.TextToMetricFamilies(strings.NewReader(string(page.Bytes())))
	if err != nil {
		t.Fatalf("%v in\n%s", err, page.Bytes())
	}
	return read
}

func TestContentType(t *testing.T) {
	if got := string(expfmt.NewFormat(expfmt.TypeTextPlain)); !strings.HasPrefix(got, metrics.ContentType) {
		t.Errorf("a page is said to be %s, which is %s", metrics.ContentType, got)
	}
}

func TestPage(t *testing.T) {
	for _, text := range []string{"", "plain", `a"b`, `a\b`, `ends in \`, "two\nlines", `\n`, "€ {le=\"1\"} 🔑"} {
		var page metrics.Page
		page.Family("some_info", metrics.GaugeType, text)
		page.Sample("some_info", 1, metrics.Label{Name: "a", Value: text}, metrics.Label{Name: "b", Value: "b"})
		got := families(t, &page)["some_info"]
		labels := got.GetMetric()[0].GetLabel()
		if got.GetHelp() != text || labels[0].GetValue() != text || labels[1].GetValue() != "b" {
			t.Errorf("%q is read as %q and %v", text, got.GetHelp(), labels)
		}
	}
	for _, number := range []float64{0, -1.5, 1e300, math.MaxInt64, math.Inf(1), math.Inf(-1)} {
		var page metrics.Page
		page.One("some_total", metrics.CounterType, "Some.", number)
		if got := families(t, &page)["some_total"].GetMetric()[0].GetCounter().GetValue(); got != number {
			t.Errorf("%v is read as %v", number, got)
		}
	}
}

func TestHistogram(t *testing.T) {
	h := metrics.NewHistogram("took_seconds", "Time.", []float64{.1, 1}, "outcome", "source")
	var none metrics.Page
	if h.Write(&none); len(none.Bytes()) != 0 {
		t.Errorf("nothing was observed, and there is %s", none.Bytes())
	}
	for _, seconds := range []float64{.05, .1, .5, 1.5, 2.5} {
		h.Observe(seconds, "ok", "b")
	}
	h.Observe(1, "ok", "a")
	var page metrics.Page
	h.Write(&page)
	want := `# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{outcome="ok",source="a",le="0.1"} 0
took_seconds_bucket{outcome="ok",source="a",le="1"} 1
took_seconds_bucket{outcome="ok",source="a",le="+Inf"} 1
took_seconds_sum{outcome="ok",source="a"} 1
took_seconds_count{outcome="ok",source="a"} 1
took_seconds_bucket{outcome="ok",source="b",le="0.1"} 2
took_seconds_bucket{outcome="ok",source="b",le="1"} 3
took_seconds_bucket{outcome="ok",source="b",le="+Inf"} 5
took_seconds_sum{outcome="ok",source="b"} 4.65
took_seconds_count{outcome="ok",source="b"} 5
`
	if diff := cmp.Diff(want, string(page.Bytes())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := families(t, &page)["took_seconds"]; got.GetType() != dto.MetricType_HISTOGRAM || len(got.GetMetric()) != 2 {
		t.Errorf("read as %v", got)
	}
}

func TestHistogramAtOnce(t *testing.T) {
	h := metrics.NewHistogram("took_seconds", "Time.", []float64{1}, "source")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				h.Observe(.5, "a")
				h.Write(&metrics.Page{})
			}
		})
	}
	all.Wait()
	var page metrics.Page
	h.Write(&page)
	if got := families(t, &page)["took_seconds"].GetMetric()[0].GetHistogram(); got.GetSampleCount() != 800 || got.GetSampleSum() != 400 {
		t.Errorf("800 observations of 0.5 are read as %v", got)
	}
}

func TestCounter(t *testing.T) {
	c := metrics.NewCounter("overdue_total", "Overdue.", "source")
	var none metrics.Page
	if c.Write(&none); len(none.Bytes()) != 0 {
		t.Errorf("nothing was counted, and there is %s", none.Bytes())
	}
	c.Inc("b")
	c.Inc("a")
	c.Inc("b")
	var page metrics.Page
	c.Write(&page)
	want := `# HELP overdue_total Overdue.
# TYPE overdue_total counter
overdue_total{source="a"} 1
overdue_total{source="b"} 2
`
	if diff := cmp.Diff(want, string(page.Bytes())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := families(t, &page)["overdue_total"].GetMetric()[1].GetCounter().GetValue(); got != 2 {
		t.Errorf("2 are read as %v", got)
	}
}

func TestMisused(t *testing.T) {
	for name, misuse := range map[string]func(){
		"four labels":     func() { metrics.NewHistogram("h", "", nil, "a", "b", "c", "d") },
		"a label missing": func() { metrics.NewHistogram("h", "", nil, "a", "b").Observe(1, "a") },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			misuse()
		})
	}
}

func TestRuntime(t *testing.T) {
	runtime.GC()
	var page metrics.Page
	metrics.WriteRuntime(&page)
	got := families(t, &page)
	want := []string{
		"go_gc_duration_seconds", "go_gc_gogc_percent", "go_gc_gomemlimit_bytes", "go_goroutines", "go_info",
		"go_memstats_alloc_bytes", "go_memstats_alloc_bytes_total", "go_memstats_buck_hash_sys_bytes", "go_memstats_frees_total",
		"go_memstats_gc_sys_bytes", "go_memstats_heap_alloc_bytes", "go_memstats_heap_idle_bytes", "go_memstats_heap_inuse_bytes",
		"go_memstats_heap_objects", "go_memstats_heap_released_bytes", "go_memstats_heap_sys_bytes", "go_memstats_last_gc_time_seconds",
		"go_memstats_mallocs_total", "go_memstats_mcache_inuse_bytes", "go_memstats_mcache_sys_bytes", "go_memstats_mspan_inuse_bytes",
		"go_memstats_mspan_sys_bytes", "go_memstats_next_gc_bytes", "go_memstats_other_sys_bytes", "go_memstats_stack_inuse_bytes",
		"go_memstats_stack_sys_bytes", "go_memstats_sys_bytes", "go_sched_gomaxprocs_threads", "go_threads",
	}
	if diff := cmp.Diff(want, names(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	pauses := got["go_gc_duration_seconds"].GetMetric()[0].GetSummary()
	if len(pauses.GetQuantile()) != 5 || pauses.GetSampleCount() == 0 || pauses.GetSampleSum() <= 0 {
		t.Errorf("the pauses are %v", pauses)
	}
	if got := got["go_gc_gogc_percent"].GetMetric()[0].GetGauge().GetValue(); got != 100 {
		t.Errorf("GOGC is %v", got)
	}
	for _, name := range []string{"go_goroutines", "go_threads", "go_memstats_heap_objects", "go_memstats_last_gc_time_seconds"} {
		if got[name].GetMetric()[0].GetGauge().GetValue() < 1 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
}

func names(families map[string]*dto.MetricFamily) []string {
	var names []string
	for name := range families {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
