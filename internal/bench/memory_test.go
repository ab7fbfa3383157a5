//go:build unix

package bench_test

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/bench"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

const (
	// agents are those of the demo's configuration; secrets times agents are
	// the rows, rows times rounds the deliveries.
	agents  = 3
	secrets = 3334
	rounds  = 10
)

// BenchmarkResidentMemory is the resident memory of the running program, idle
// and after 100,020 deliveries of 10,002 rows to folders, with the rate of
// deliveries from the hook to the synced file. It takes minutes: run it with
// -benchtime 1x.
func BenchmarkResidentMemory(b *testing.B) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.Skip("resident memory is read from /proc, which is not there")
	}
	program := build(b, "../../cmd/sealrelay")
	for b.Loop() {
		folder, process, ready := serve(b, program)
		idle := resident(b, process.Pid)
		driver := bench.NewDriver(load(b, folder, ready))
		started := time.Now()
		for range rounds {
			if _, err := driver.Run(b.Context(), secrets); err != nil {
				b.Fatal(err)
			}
			waitDelivered(b, ready)
		}
		took := time.Since(started)
		driver.Close()
		b.ReportMetric(idle, "idle-MiB")
		b.ReportMetric(resident(b, process.Pid), "after-MiB")
		b.ReportMetric(agents*secrets*rounds/took.Seconds(), "deliveries/s")
		b.ReportMetric(size(b, filepath.Join(folder, "data")), "data-MiB")
	}
}

func load(b *testing.B, folder string, ready addresses) bench.Load {
	text, err := os.ReadFile(filepath.Join(folder, "hook.secret"))
	if err != nil {
		b.Fatal(err)
	}
	secret, err := verify.ParseSecret(secretbytes.New(text))
	if err != nil {
		b.Fatal(err)
	}
	authority, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		b.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return bench.Load{
		URL: "https://" + ready.Hooks + "/v1/hooks/password-manager", Secret: secret, Connections: connections,
		Names: secrets, NamePrefix: "prod/db/s", TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}
}

// addresses are where a service listens.
type addresses struct{ Hooks, Admin string }

// waitReady reads the log until the service is ready, and the rest of it away.
func waitReady(b *testing.B, log io.Reader) addresses {
	var ready addresses
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		if !strings.Contains(lines.Text(), "sealrelay is ready") {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &ready); err != nil {
			b.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, log) }()
		return ready
	}
	b.Fatal("the service did not start")
	return ready
}

// waitDelivered waits until nothing is pending, as /metrics tells.
func waitDelivered(b *testing.B, ready addresses) {
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for time.Now().Before(deadline) {
		<-ticker.C
		response, err := http.Get("http://" + ready.Admin + "/metrics")
		if err != nil {
			b.Fatal(err)
		}
		page, err := io.ReadAll(response.Body)
		if err != nil {
			b.Fatal(err)
		}
		_ = response.Body.Close()
		if strings.Contains(string(page), "sealrelay_deliveries{state=\"pending\"} 0\n") {
			return
		}
	}
	b.Fatal("deliveries are still pending")
}

// resident is the resident memory of a process, in MiB.
func resident(b *testing.B, pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmRSS:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Fatal("there is no VmRSS")
	return 0
}

// size is how large the files of a folder are, in MiB.
func size(b *testing.B, folder string) float64 {
	entries, err := os.ReadDir(folder)
	if err != nil {
		b.Fatal(err)
	}
	var total int64
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			b.Fatal(err)
		}
		total += info.Size()
	}
	return float64(total) / (1 << 20)
}
