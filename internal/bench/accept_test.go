package bench_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/bench"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox/outboxtest"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

const (
	connections = 64
	// round is how many hooks are sent to one server before it is the other's
	// turn, so that both meet the same moods of the machine.
	round = 4000
)

// BenchmarkAccept is the rate of accepted hooks over TLS at 64 connections, one
// RSA-2048 recipient, with the outbox on disk beside the same server with one
// that keeps nothing, and with a bare log that is synced as often, in turns. All
// have as many threads as the service. The events' IDs rise with the time, as
// those of push do; the outbox is measured with random ones as well.
func BenchmarkAccept(b *testing.B) {
	defer runtime.GOMAXPROCS(sqlite.AddThread())
	durable := newDriver(b, newStore(b), false)
	random := newDriver(b, newStore(b), true)
	discard := newDriver(b, outboxtest.NewDiscard(), false)
	log := newDriver(b, newBareLog(b), false)
	var durableTime, randomTime, discardTime, logTime time.Duration
	cpus := map[*bench.Driver]time.Duration{}
	run := func(driver *bench.Driver) time.Duration {
		before := bench.CPUTime()
		defer func() { cpus[driver] += bench.CPUTime() - before }()
		took, err := driver.Run(b.Context(), round)
		if err != nil {
			b.Fatal(err)
		}
		return took
	}
	run(durable)
	run(random)
	run(discard)
	run(log)
	clear(cpus)
	for b.Loop() {
		discardTime += run(discard)
		durableTime += run(durable)
		randomTime += run(random)
		logTime += run(log)
	}
	events := float64(b.N) * round
	b.ReportMetric(events/durableTime.Seconds(), "hooks/s")
	b.ReportMetric(events/randomTime.Seconds(), "hooks/s-random-ids")
	b.ReportMetric(events/discardTime.Seconds(), "hooks/s-without-outbox")
	b.ReportMetric(events/logTime.Seconds(), "hooks/s-bare-log")
	b.ReportMetric(discardTime.Seconds()/durableTime.Seconds(), "ratio")
	b.ReportMetric(discardTime.Seconds()/randomTime.Seconds(), "ratio-random-ids")
	b.ReportMetric(discardTime.Seconds()/logTime.Seconds(), "ratio-bare-log")
	b.ReportMetric(cpus[durable].Seconds()*1e6/events, "cpu-us")
	b.ReportMetric(cpus[random].Seconds()*1e6/events, "cpu-us-random-ids")
	b.ReportMetric(cpus[discard].Seconds()*1e6/events, "cpu-us-without")
	b.ReportMetric(cpus[log].Seconds()*1e6/events, "cpu-us-log")
	b.ReportMetric(0, "ns/op")
}

func newStore(b *testing.B) *sqlite.Outbox {
	store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "data", "outbox.db"), sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

// newDriver starts a server on the store and makes a driver for it.
func newDriver(b *testing.B, store intake.Store, randomIDs bool) *bench.Driver {
	secret := verify.NewSecret()
	server := newServer(b, secret, newIntake(b, store, secret, "rsa-2048", 1))
	driver := bench.NewDriver(bench.Load{
		URL: server.URL + "/v1/hooks/bench", Secret: secret, Connections: connections,
		Names: round, NamePrefix: "prod/", RandomIDs: randomIDs,
		TLS: &tls.Config{RootCAs: pool(server.Certificate()), MinVersion: tls.VersionTLS12},
	})
	b.Cleanup(driver.Close)
	return driver
}

func pool(certificate *x509.Certificate) *x509.CertPool {
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	return roots
}

func newServer(b *testing.B, secret *verify.Secret, in *intake.Intake) *httptest.Server {
	handler := httpapi.New(httpapi.Options{Intake: in, MaxInFlight: 256, Observer: silent{}, Log: zerolog.Nop()})
	server := httptest.NewUnstartedServer(handler)
	server.Config = httpapi.NewServer(handler, nil, zerolog.Nop())
	server.TLS = &tls.Config{NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	b.Cleanup(server.Close)
	return server
}

type silent struct{}

func (silent) Hook(string, string, time.Duration) {}

// newIntake makes an intake whose source's events go to that many agents with
// keys of that kind.
func newIntake(b *testing.B, store intake.Store, secret *verify.Secret, kind string, agents int) *intake.Intake {
	text, err := secret.Text()
	if err != nil {
		b.Fatal(err)
	}
	verifier, err := verify.NewStandardWebhooks(verify.StandardWebhooks{Secrets: []*hooks.Value{text}})
	if err != nil {
		b.Fatal(err)
	}
	source := &intake.Source{
		Name: "bench", Verifier: verifier, Adapter: adapters.Push{}, MayWrite: []string{"**"},
		Limiter: rate.NewLimiter(rate.Inf, 0), MaxBody: 1 << 20,
	}
	registry, names := newAgents(b, kind, agents)
	rules := intake.NewRules([]*intake.Source{source}, registry,
		[]intake.Route{{Secrets: []string{"**"}, To: agentkeys.Selection{Agents: names}}})
	key := newSigningKey(b)
	return intake.New(store, newSigner(b, key), key.Seed(), zerolog.Nop(), rules)
}
