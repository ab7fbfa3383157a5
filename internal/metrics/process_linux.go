package metrics

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
)

// clockTicks is Linux' USER_HZ, which is the same on every architecture that Go
// runs on.
const clockTicks = 100

// Fields of /proc/PID/stat after the command's name, which is the second and may
// hold spaces: proc_pid_stat(5) numbers them from one, and they are three less
// here.
const (
	statUserTime   = 14 - 3
	statSystemTime = 15 - 3
	statStartTime  = 22 - 3
	statVirtual    = 23 - 3
	statResident   = 24 - 3
)

// readProcess reads the values of WriteProcess out of /proc.
func readProcess() map[string]float64 {
	told := map[string]float64{}
	readStat(told)
	readLimits(told)
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		told["open_fds"] = float64(len(files) - 1) // But for the folder itself.
	}
	if traffic, err := os.ReadFile("/proc/self/net/netstat"); err == nil {
		readTraffic(told, string(traffic))
	}
	return told
}

func readStat(told map[string]float64) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return
	}
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= statResident {
		return
	}
	told["cpu_seconds_total"] = (number(fields[statUserTime]) + number(fields[statSystemTime])) / clockTicks
	told["virtual_memory_bytes"] = number(fields[statVirtual])
	told["resident_memory_bytes"] = number(fields[statResident]) * float64(os.Getpagesize())
	if boot, ok := bootSeconds(); ok {
		told["start_time_seconds"] = boot + number(fields[statStartTime])/clockTicks
	}
}

// bootSeconds is when the system was started, since 1970.
func bootSeconds() (seconds float64, ok bool) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(stat)) {
		if text, ok := strings.CutPrefix(line, "btime "); ok {
			return number(strings.TrimSpace(text)), true
		}
	}
	return 0, false
}

// readTraffic reads the traffic of the network that the process is in. For each
// protocol the file has a line of names and then one of numbers.
func readTraffic(told map[string]float64, netstat string) {
	var names []string
	for line := range strings.Lines(netstat) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "IpExt:" {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		readColumn(told, "network_receive_bytes_total", names, fields, "InOctets")
		readColumn(told, "network_transmit_bytes_total", names, fields, "OutOctets")
		return
	}
}

func readColumn(told map[string]float64, metric string, names, numbers []string, name string) {
	if i := slices.Index(names, name); i >= 0 && i < len(numbers) {
		told[metric] = number(numbers[i])
	}
}

// number reads a number of the kernel's, which writes nothing else there.
func number(text string) float64 {
	value, _ := strconv.ParseFloat(text, 64)
	return value
}
