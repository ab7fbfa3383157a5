package metrics

// WriteProcess adds what the system tells of this process, with the names that
// Prometheus' own client gives it: all of it on Linux, part of it elsewhere.
// What cannot be read is left out.
func WriteProcess(p *Page) {
	told := readProcess()
	for _, m := range []struct {
		name string
		kind Type
		help string
	}{
		{"cpu_seconds_total", CounterType, "Total user and system CPU time spent in seconds."},
		{"max_fds", GaugeType, "Maximum number of open file descriptors."},
		{"network_receive_bytes_total", CounterType, "Number of bytes received by the process over the network."},
		{"network_transmit_bytes_total", CounterType, "Number of bytes sent by the process over the network."},
		{"open_fds", GaugeType, "Number of open file descriptors."},
		{"resident_memory_bytes", GaugeType, "Resident memory size in bytes."},
		{"start_time_seconds", GaugeType, "Start time of the process since unix epoch in seconds."},
		{"virtual_memory_bytes", GaugeType, "Virtual memory size in bytes."},
		{"virtual_memory_max_bytes", GaugeType, "Maximum amount of virtual memory available in bytes."},
	} {
		if value, ok := told[m.name]; ok {
			p.One("process_"+m.name, m.kind, m.help, value)
		}
	}
}
