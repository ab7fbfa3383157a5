package metrics

import "golang.org/x/sys/windows"

// readProcess asks the system for the values of WriteProcess that Windows tells.
func readProcess() map[string]float64 {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) != nil {
		return nil
	}
	return map[string]float64{
		"start_time_seconds": float64(created.Nanoseconds()) / 1e9,
		"cpu_seconds_total":  seconds(kernel) + seconds(user),
	}
}

// seconds is a Filetime that is a duration, which counts in 100 ns.
func seconds(t windows.Filetime) float64 {
	return float64(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime)) / 1e7
}
