package bench_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// fanout is how many agents get one event.
const fanout = 1000

// BenchmarkFanout is one event to 1,000 agents, verified, sealed, signed and
// committed: alone, and with two such events under way at a time, so that one
// is sealed while the other is committed. Beside it are the bare seals of the
// same plaintext for the same keys on all cores, and the seals with the
// statements that go with them; the ratios are to those.
func BenchmarkFanout(b *testing.B) {
	for _, kind := range []string{"rsa-2048", "ec-p256", "ec-p384", "age", "age-pq"} {
		b.Run(kind, func(b *testing.B) { benchmarkFanout(b, kind) })
	}
}

func benchmarkFanout(b *testing.B, kind string) {
	defer runtime.GOMAXPROCS(sqlite.AddThread())
	store, err := sqlite.Open(b.Context(), b.TempDir()+"/data/outbox.db", sqlite.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	}()
	secret := verify.NewSecret()
	in := newIntake(b, store, secret, kind, fanout)
	signer := newSigner(b, newSigningKey(b))
	var alone, pair, seals, signed time.Duration
	var peak atomic.Uint64
	for b.Loop() {
		seals += timed(func() { sealAll(b, in, nil) })
		signed += timed(func() { sealAll(b, in, signer) })
		stop := watchHeap(&peak)
		alone += timed(func() { accept(b, in, secret, "prod/alone") })
		pair += timed(func() { acceptPair(b, in, secret) }) / (2 * inEach)
		stop()
	}
	each := float64(b.N) * fanout
	b.ReportMetric(each/alone.Seconds(), "deliveries/s")
	b.ReportMetric(each/pair.Seconds(), "deliveries/s-two-at-a-time")
	b.ReportMetric(each/seals.Seconds(), "seals/s")
	b.ReportMetric(each/signed.Seconds(), "seals+statements/s")
	b.ReportMetric(seals.Seconds()/alone.Seconds(), "ratio-to-seals")
	b.ReportMetric(signed.Seconds()/alone.Seconds(), "ratio")
	b.ReportMetric(signed.Seconds()/pair.Seconds(), "ratio-two-at-a-time")
	b.ReportMetric(float64(peak.Load())/(1<<20), "peak-heap-MiB")
	b.ReportMetric(0, "ns/op")
}

// inEach is how many events each of two senders has accepted, one after the
// other.
const inEach = 4

func acceptPair(b *testing.B, in *intake.Intake, secret *verify.Secret) {
	var senders sync.WaitGroup
	for _, name := range []string{"prod/left", "prod/right"} {
		senders.Go(func() {
			for range inEach {
				accept(b, in, secret, name)
			}
		})
	}
	senders.Wait()
}

func timed(work func()) time.Duration {
	started := time.Now()
	work()
	return time.Since(started)
}

// sealAll seals a value for each key on all cores, as intake does, and with a
// signer makes the statement of each as well.
func sealAll(b *testing.B, in *intake.Intake, signer *statement.Signer) {
	plaintext := []byte(rand.Text())
	agents := in.Rules().Registry().Agents()
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(agents); i = int(next.Add(1)) - 1 {
				key := agents[i].Destinations[0].Key
				envelope, err := key.Recipient.Seal(plaintext)
				if err == nil && signer != nil {
					_, err = signer.Sign(statement.Claims{
						Agent: agents[i].Name, Secret: "prod/fanout", Version: 1, Operation: "set", Format: key.Format.Name,
						KeyID: key.ID, Digest: statement.Digest(envelope), IssuedAt: time.Now(),
					})
				}
				if err != nil {
					b.Error(err)
				}
			}
		})
	}
	workers.Wait()
}

func newSigningKey(b *testing.B) ed25519.PrivateKey {
	private, _, err := keys.Generate("ed25519")
	if err != nil {
		b.Fatal(err)
	}
	key, err := keys.ParseSigning(private)
	if err != nil {
		b.Fatal(err)
	}
	return key
}

func newSigner(b *testing.B, key ed25519.PrivateKey) *statement.Signer {
	signer, err := statement.NewSigner(key, "bench")
	if err != nil {
		b.Fatal(err)
	}
	return signer
}

// accept takes one signed event through the pipeline.
func accept(b *testing.B, in *intake.Intake, secret *verify.Secret, name string) {
	value := hooks.Event{Secret: name, Operation: hooks.Set, Value: newValue()}
	body, err := adapters.EncodePush(value)
	if err != nil {
		b.Error(err)
		return
	}
	id, now := "msg_"+rand.Text(), time.Now()
	signature, err := verify.SignV1(secret, id, now, body)
	if err != nil {
		b.Error(err)
		return
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set(verify.IDHeader, id)
	header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	header.Set(verify.SignatureHeader, signature)
	result, err := in.Accept(b.Context(), in.Rules().Source("bench"), &hooks.Request{
		Method: http.MethodPost, Header: header, Body: body, Received: now,
	})
	if err != nil {
		b.Error(err)
		return
	}
	if reached := len(result.Answers[0].Agents); reached != len(in.Rules().Registry().Agents()) {
		b.Errorf("the event went to %d agents", reached)
	}
}

// watchHeap notes the largest heap until it is stopped.
func watchHeap(peak *atomic.Uint64) (stop func()) {
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		ticker := time.NewTicker(2 * time.Millisecond)
		defer ticker.Stop()
		for {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			peak.Store(max(peak.Load(), stats.HeapInuse))
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		watching.Wait()
	}
}

// newAgents makes agents with a key each. Keys of one kind cost the same, so
// a few are shared, and each agent has its own recipient of one.
func newAgents(b *testing.B, kind string, n int) (*agentkeys.Registry, []string) {
	var publics [][]byte
	for range min(n, 4) {
		private, public, err := keys.Generate(kind)
		if err != nil {
			b.Fatal(err)
		}
		clear(private)
		publics = append(publics, []byte(public))
	}
	var agents []*agentkeys.Agent
	var names []string
	for i := range n {
		key, err := agentkeys.NewKey(publics[i%len(publics)], agentkeys.Requirements{})
		if err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprintf("agent%04d", i)
		names = append(names, name)
		agents = append(agents, &agentkeys.Agent{Name: name, Destinations: []agentkeys.Destination{{Name: "folder", Key: key}}})
	}
	registry, err := agentkeys.NewRegistry(agents, nil)
	if err != nil {
		b.Fatal(err)
	}
	return registry, names
}

func newValue() *hooks.Value {
	var value hooks.Value
	_ = value.UnmarshalText([]byte(rand.Text()))
	return &value
}
