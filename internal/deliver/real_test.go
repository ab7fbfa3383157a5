package deliver_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// real is a dispatcher on a real outbox, in a synctest bubble: its time passes
// only while nobody has anything to do.
type real struct {
	t   *testing.T
	box *sqlite.Outbox
	log bytes.Buffer
	// attempts counts the calls of each agent's destination, busy those that
	// run and most the most that ran at once.
	mu                   sync.Mutex
	attempts, busy, most map[string]int
}

// bubble runs a test in a bubble. Its outbox does not sync: what a loss of power
// leaves is not what these tests are about.
func bubble(t *testing.T, test func(*testing.T)) {
	t.Helper()
	t.Setenv("SEALRELAY_TESTONLY_SYNCHRONOUS", "OFF")
	synctest.Test(t, test)
}

func openReal(t *testing.T) *real {
	t.Helper()
	box, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{Warn: func(m string) { t.Log(m) }})
	if err != nil {
		t.Fatal(err)
	}
	return &real{t: t, box: box, attempts: map[string]int{}, busy: map[string]int{}, most: map[string]int{}}
}

// commit makes version 1 of n secrets wanted at the agent.
func (r *real) commit(agent string, n int) {
	r.t.Helper()
	var senders sync.WaitGroup
	for i := range n {
		senders.Go(func() {
			now := time.Now()
			secret := fmt.Sprintf("%s/%d", agent, i)
			err := r.box.Commit(r.t.Context(), outbox.Change{
				Source: "test", EventID: secret, Secret: secret, Operation: "set", Version: 1, ReceivedAt: now, Answer: []byte("{}"),
				Sealed: []outbox.Sealed{{Agent: agent, Destination: "d", Format: "age", KeyID: "k", Envelope: []byte("e"), Statement: "s"}},
				Audit:  audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/test", EventID: secret, Secret: secret, Version: 1},
			})
			if err != nil {
				r.t.Error(err)
			}
		})
	}
	senders.Wait()
}

// behaviour is how the destinations of agents by these names behave; of others
// every delivery succeeds at once.
type behaviour map[string]func(context.Context, outbox.Delivery) error

// deliverer is the destination of an agent.
type deliverer struct {
	*real
	behave func(context.Context, outbox.Delivery) error
}

func (d deliverer) Deliver(ctx context.Context, delivery outbox.Delivery) (string, error) {
	agent := delivery.Agent
	d.mu.Lock()
	d.attempts[agent]++
	d.busy[agent]++
	d.most[agent] = max(d.most[agent], d.busy[agent])
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		d.busy[agent]--
		d.mu.Unlock()
	}()
	if d.behave == nil {
		return "", nil
	}
	return "", d.behave(ctx, delivery)
}

// run is start, and what it returns closes the outbox too.
func (r *real) run(behave behaviour, change func(*deliver.Options)) (stop func()) {
	r.t.Helper()
	stopAttempts := r.start(behave, change)
	return func() {
		stopAttempts()
		if err := r.box.Close(); err != nil {
			r.t.Error(err)
		}
	}
}

// start starts a dispatcher of eight workers, four to a destination, and
// returns what stops it.
func (r *real) start(behave behaviour, change func(*deliver.Options)) (stop func()) {
	r.t.Helper()
	opts := deliver.Options{
		Outbox: r.box,
		Resolve: func(agent, _ string) (deliver.Destination, error) {
			return deliverer{r, behave[agent]}, nil
		},
		Workers: 8, PerDestination: 4, BreakAfter: 5, Lease: 45 * time.Second,
		Schedule: deliver.DefaultSchedule, Log: zerolog.New(zerolog.SyncWriter(&r.log)),
	}
	if change != nil {
		change(&opts)
	}
	dispatcher, err := deliver.New(opts)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(r.t.Context())
	var running sync.WaitGroup
	running.Go(func() { dispatcher.Run(ctx) })
	return func() {
		cancel()
		running.Wait()
	}
}

// tried is how many attempts were made at the agent's destination.
func (r *real) tried(agent string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.attempts[agent]
}

func (r *real) counts() map[outbox.State]int {
	r.t.Helper()
	counts, err := r.box.Count(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return counts
}

// pass lets the bubble's time go on, and then everybody finish.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
