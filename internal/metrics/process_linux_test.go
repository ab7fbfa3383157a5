package metrics_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/metrics"
)

func TestProcess(t *testing.T) {
	var page metrics.Page
	metrics.WriteProcess(&page)
	got := families(t, &page)
	want := []string{
		"process_cpu_seconds_total", "process_max_fds", "process_network_receive_bytes_total", "process_network_transmit_bytes_total",
		"process_open_fds", "process_resident_memory_bytes", "process_start_time_seconds", "process_virtual_memory_bytes",
		"process_virtual_memory_max_bytes",
	}
	if diff := cmp.Diff(want, names(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	gauge := func(name string) float64 { return got[name].GetMetric()[0].GetGauge().GetValue() }
	if age := time.Since(time.Unix(int64(gauge("process_start_time_seconds")), 0)); age < -2*time.Second || age > time.Hour {
		t.Errorf("started %s ago", age)
	}
	if files := gauge("process_open_fds"); files < 3 || files > gauge("process_max_fds") {
		t.Errorf("%v files are open", files)
	}
	if resident := gauge("process_resident_memory_bytes"); resident < 1<<20 || resident > gauge("process_virtual_memory_bytes") {
		t.Errorf("%v bytes are resident", resident)
	}
}
