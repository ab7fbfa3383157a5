package sqlite_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/outboxtest"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// connections is how many requests of the benchmarks run at once.
const connections = 64

func openBench(b *testing.B) outbox.Outbox {
	b.Helper()
	o, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "outbox.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := o.Close(); err != nil {
			b.Error(err)
		}
	})
	return o
}

// benchChange is an event for n agents with envelope and statement of 600
// bytes each.
func benchChange(event int64, secret string, version int64, n int) outbox.Change {
	now := time.Now()
	sealed := make([]outbox.Sealed, n)
	for i := range sealed {
		sealed[i] = outbox.Sealed{
			Agent: fmt.Sprintf("agent-%04d", i), Destination: "files", Format: "js7", KeyID: "SHA256:0123456789abcdef",
			Envelope: bytes.Repeat([]byte{'e'}, 600), Statement: strings.Repeat("s", 600),
		}
	}
	eventID := fmt.Sprintf("msg_%x", sha256.Sum256(fmt.Append(nil, event)))[:31]
	return outbox.Change{
		Source: "vault", EventID: eventID, Secret: secret, Operation: "set", Version: version,
		OccurredAt: now, ReceivedAt: now, Sealed: sealed, Answer: bytes.Repeat([]byte{'a'}, 200),
		Audit: audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/vault", EventID: eventID, Secret: secret, Version: version, Operation: "set"},
	}
}

// BenchmarkCommit is what an event costs the outbox: Prior and Commit of one
// delivery, of distinct secrets, on 64 goroutines.
func BenchmarkCommit(b *testing.B) {
	o := openBench(b)
	var next atomic.Int64
	concurrently(b, func() {
		event := next.Add(1)
		change := benchChange(event, fmt.Sprintf("prod/db/%d", event), 1, 1)
		if _, err := o.Prior(b.Context(), change.Source, change.EventID, change.Secret); err != nil {
			b.Error(err)
		}
		if err := o.Commit(b.Context(), change); err != nil {
			b.Error(err)
		}
	})
}

// BenchmarkServer stands for the server: each request works for about 300
// microseconds, as TLS, sealing and the client do, and commits one delivery.
// Its rate with the outbox has to be at least 0.8 of that with none.
func BenchmarkServer(b *testing.B) {
	work := make([]byte, 1024)
	rounds := workRounds(work, 300*time.Microsecond)
	for _, tc := range []struct {
		name string
		open func(*testing.B) outbox.Outbox
	}{
		{"none", func(*testing.B) outbox.Outbox { return outboxtest.NewDiscard() }},
		{"sqlite", openBench},
	} {
		b.Run(tc.name, func(b *testing.B) {
			o := tc.open(b)
			var next atomic.Int64
			concurrently(b, func() {
				event := next.Add(1)
				change := benchChange(event, fmt.Sprintf("prod/db/%d", event), 1, 1)
				for range rounds {
					sha256.Sum256(work)
				}
				if _, err := o.Prior(b.Context(), change.Source, change.EventID, change.Secret); err != nil {
					b.Error(err)
				}
				if err := o.Commit(b.Context(), change); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

// workRounds is how often work is hashed in d of processor time.
func workRounds(work []byte, d time.Duration) int {
	start := cpuTime()
	const sample = 100_000
	for range sample {
		sha256.Sum256(work)
	}
	return int(sample * d / (cpuTime() - start))
}

// BenchmarkFanOut is one event for 1,000 agents, first and rotated.
func BenchmarkFanOut(b *testing.B) {
	const agents = 1000
	for _, tc := range []struct {
		name    string
		secrets int64
	}{{"new", 1 << 40}, {"rotated", 10}} {
		b.Run(tc.name, func(b *testing.B) {
			o := openBench(b)
			before := cpuTime()
			event := int64(0)
			for b.Loop() {
				secret, version := event%tc.secrets, event/tc.secrets+1
				if err := o.Commit(b.Context(), benchChange(event, fmt.Sprintf("prod/db/%d", secret), version, agents)); err != nil {
					b.Fatal(err)
				}
				event++
			}
			b.ReportMetric(float64(b.N)*agents/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N)/agents, "cpu-us/row")
		})
	}
}

// BenchmarkDeliver claims and settles what was committed.
func BenchmarkDeliver(b *testing.B) {
	o := openBench(b)
	for i := range b.N {
		if i%1000 == 0 {
			change := benchChange(int64(i), fmt.Sprintf("prod/db/%d", i), 1, min(1000, b.N-i))
			if err := o.Commit(b.Context(), change); err != nil {
				b.Fatal(err)
			}
		}
	}
	queue := make(chan outbox.Delivery, connections)
	var workers sync.WaitGroup
	b.ResetTimer()
	before := cpuTime()
	for range connections {
		workers.Go(func() {
			for d := range queue {
				_, err := o.Settle(b.Context(), delivered(d))
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	for claimed := 0; claimed < b.N; {
		deliveries, err := o.Claim(b.Context(), time.Now().Add(time.Second), connections, time.Hour, nil)
		if err != nil {
			b.Fatal(err)
		}
		claimed += len(deliveries)
		for _, d := range deliveries {
			queue <- d
		}
	}
	close(queue)
	workers.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// concurrently runs request b.N times on 64 goroutines, and reports the rate
// and the processor time of the whole process for each.
func concurrently(b *testing.B, request func()) {
	var left atomic.Int64
	left.Store(int64(b.N))
	var clients sync.WaitGroup
	b.ResetTimer()
	before := cpuTime()
	for range connections {
		clients.Go(func() {
			for left.Add(-1) >= 0 {
				request()
			}
		})
	}
	clients.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

// BenchmarkClaimBeside claims and settles one delivery while many are pending
// at a destination that is broken, has no room, or is paused. It has to cost
// the same for each number of them.
func BenchmarkClaimBeside(b *testing.B) {
	for _, pending := range []int{0, 10_000, 100_000} {
		for _, held := range []string{"broken", "full", "paused"} {
			b.Run(fmt.Sprintf("%s/%d", held, pending), func(b *testing.B) { claimBeside(b, held, pending) })
		}
	}
}

func claimBeside(b *testing.B, held string, pending int) {
	path := filepath.Join(b.TempDir(), "outbox.db")
	o, err := sqlite.Open(b.Context(), path, sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer o.Close()
	now := time.Now()
	bad := benchChange(0, "prod/bad", 1, 1)
	bad.Sealed[0].Agent = "bad"
	if err := o.Commit(b.Context(), bad); err != nil {
		b.Fatal(err)
	}
	hold(b, o, held, now)
	multiply(b, path, pending)
	room := func(at outbox.Destination) int {
		if held == "full" && at.Agent == "bad" {
			return 0
		}
		return 4
	}
	event := int64(0)
	before := cpuTime()
	for b.Loop() {
		event++
		if err := o.Commit(b.Context(), benchChange(event, "prod/good", event, 1)); err != nil {
			b.Fatal(err)
		}
		claimed, err := o.Claim(b.Context(), time.Now().Add(time.Second), 8, time.Hour, room)
		if err != nil || len(claimed) != 1 || claimed[0].Agent == "bad" {
			b.Fatalf("claimed %d (error %v), want the one of the other destination", len(claimed), err)
		}
		if _, _, err := o.NextDue(b.Context(), room); err != nil {
			b.Fatal(err)
		}
		if _, err := o.Settle(b.Context(), delivered(claimed[0])); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpuTime()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func delivered(d outbox.Delivery) outbox.Outcome {
	now := time.Now()
	return outbox.Outcome{
		Key: d.Key, Fence: d.Fence, Version: d.Version, State: outbox.Delivered, At: now,
		Audit: &audit.Entry{At: now, Kind: audit.DeliveryDelivered, Actor: "dispatcher", Secret: d.Secret, Version: d.Version, Agents: []string{d.Agent}, Destination: d.Destination},
	}
}

// hold makes the bad destination, at which one delivery is due, one that
// nothing is claimed of.
func hold(b *testing.B, o outbox.Outbox, held string, now time.Time) {
	b.Helper()
	switch held {
	case "paused":
		entry := audit.Entry{At: now, Kind: audit.DeliveryPaused, Actor: "operator"}
		if _, err := o.Pause(b.Context(), outbox.Destination{Agent: "bad"}, entry); err != nil {
			b.Fatal(err)
		}
	case "broken":
		claimed, err := o.Claim(b.Context(), now.Add(time.Second), 1, time.Hour, nil)
		if err != nil || len(claimed) != 1 {
			b.Fatalf("claimed %d (error %v)", len(claimed), err)
		}
		failed := delivered(claimed[0])
		failed.State, failed.Next, failed.Audit = outbox.Pending, now, nil
		failed.Fault = &outbox.Fault{Limit: 1, Until: now.Add(time.Hour)}
		if _, err := o.Settle(b.Context(), failed); err != nil {
			b.Fatal(err)
		}
	}
}

// multiply adds n copies of the one delivery, of other secrets.
func multiply(b *testing.B, path string, n int) {
	b.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	const columns = `agent, destination, state, version, due, accepted_at, updated_at, operation, format, key_id, source, event_id, reason, statement, envelope`
	_, err = db.ExecContext(b.Context(), `WITH RECURSIVE number(n) AS (SELECT 1 WHERE ?1 > 0 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
		INSERT INTO deliveries (secret, `+columns+`) SELECT 'copy/' || n, `+columns+` FROM number, deliveries WHERE secret = 'prod/bad'`, n)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := db.ExecContext(b.Context(), `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
		b.Fatal(err)
	}
}
