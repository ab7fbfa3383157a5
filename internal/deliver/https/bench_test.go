package https_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/bench"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	// workers is the service's default.
	workers = 8
	// round is how many requests one client makes before it is the other's turn, so
	// that both meet the same moods of the machine.
	round = 400
)

// BenchmarkDeliver is the rate of deliveries to a receiver on loopback beside a
// bare client that posts as large bodies of the same kind to it, over as many
// connections. "agent" does what an agent has to before it answers: it verifies
// the statement, writes envelope and statement durably, and signs a receipt.
// "sink" only reads, so that what is left is the cost of the client.
func BenchmarkDeliver(b *testing.B) {
	sink := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	for _, size := range []int{1000, 10_000} {
		b.Run(fmt.Sprint("agent/", size), func(b *testing.B) { compare(b, newStoring(b), size, public(agentKey)) })
		b.Run(fmt.Sprint("sink/", size), func(b *testing.B) { compare(b, sink, size) })
	}
}

func compare(b *testing.B, handler http.Handler, size int, keys ...ed25519.PublicKey) {
	server, dir := serve(b, handler)
	destination := to(b, server.URL, dir, "", keys...)
	ours := func(d outbox.Delivery) error {
		_, err := destination.Deliver(b.Context(), d)
		return err
	}
	bare := bareClient(server)
	version := int64(1)
	inParallel(b, deliveries(b, "ours", version, size), ours)
	inParallel(b, bodies(b, deliveries(b, "bare", version, size)), bare)
	var oursTook, bareTook, oursCPU, bareCPU time.Duration
	for b.Loop() {
		version++
		own, others := deliveries(b, "ours", version, size), bodies(b, deliveries(b, "bare", version, size))
		start := bench.CPUTime()
		oursTook += inParallel(b, own, ours)
		between := bench.CPUTime()
		bareTook += inParallel(b, others, bare)
		oursCPU += between - start
		bareCPU += bench.CPUTime() - between
	}
	requests := float64(version-1) * round
	b.ReportMetric(requests/oursTook.Seconds(), "deliveries/s")
	b.ReportMetric(requests/bareTook.Seconds(), "bare/s")
	b.ReportMetric(bareTook.Seconds()/oursTook.Seconds(), "ratio")
	b.ReportMetric(bareCPU.Seconds()/oursCPU.Seconds(), "cpu-ratio")
	b.ReportMetric(0, "ns/op")
}

// deliveries are those of one version of many secrets.
func deliveries(b *testing.B, prefix string, version int64, size int) (out []outbox.Delivery) {
	for i := range round {
		out = append(out, delivertest.Set(b, fmt.Sprint(prefix, i), version, size))
	}
	return out
}

func bodies(b *testing.B, deliveries []outbox.Delivery) (out [][]byte) {
	for _, d := range deliveries {
		body, err := json.Marshal(wire.Delivery{Envelope: d.Envelope, Statement: d.Statement})
		if err != nil {
			b.Fatal(err)
		}
		out = append(out, body)
	}
	return out
}

// bareClient posts a body and reads the answer.
func bareClient(server *httptest.Server) func([]byte) error {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, MaxIdleConnsPerHost: workers}}
	return func(body []byte) error {
		response, err := client.Post(server.URL, "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer response.Body.Close()
		_, err = io.ReadAll(response.Body)
		return err
	}
}

// inParallel calls do with each, as many at once as there are workers.
func inParallel[T any](b *testing.B, all []T, do func(T) error) time.Duration {
	started := time.Now()
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := worker; i < len(all); i += workers {
				if err := do(all[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	group.Wait()
	return time.Since(started)
}

// storing is an agent that keeps what it gets on disk.
type storing struct {
	*agent
	root *os.Root
}

func newStoring(b *testing.B) *storing {
	b.Helper()
	root, err := os.OpenRoot(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { root.Close() })
	return &storing{newAgent(), root}
}

func (s *storing) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var d wire.Delivery
	if err != nil || json.Unmarshal(body, &d) != nil {
		problem(w, http.StatusBadRequest, "not a delivery")
		return
	}
	claims, err := statement.Verify(d.Statement, public(serviceKey))
	if err != nil {
		problem(w, http.StatusUnprocessableEntity, "not the service's")
		return
	}
	for name, data := range map[string][]byte{claims.Secret + ".jws": []byte(d.Statement), claims.Secret: d.Envelope} {
		if err := durable.WriteFile(s.root, name, data, durable.Options{Mode: 0o600}); err != nil {
			problem(w, http.StatusInternalServerError, "not stored")
			return
		}
	}
	s.answer(w, body)
}
