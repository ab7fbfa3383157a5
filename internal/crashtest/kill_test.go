//go:build unix

package crashtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// The moments that a kill can follow.
const (
	onSend  = "hook sent"
	onAck   = "hook acknowledged"
	onLine  = "line logged"     // among them: delivered, event accepted
	onStart = "start, line 1-2" // recovery is cut off too; a third comes only if something is pending
)

// trip closes its channel at the n-th moment of a kind.
type trip struct {
	kind string

	mu   sync.Mutex
	left int
	hit  chan struct{}
}

// newTrip draws one. About a hundred hooks come before it.
func newTrip(random *rand.Rand) *trip {
	tr := &trip{kind: onAck, left: 1 + random.IntN(200), hit: make(chan struct{})}
	switch random.IntN(8) {
	case 0, 1:
		tr.kind = onSend
	case 2, 3:
		tr.kind, tr.left = onLine, 4+random.IntN(600)
	case 4:
		tr.kind, tr.left = onStart, 1+random.IntN(2)
	}
	return tr
}

func (tr *trip) count(kind string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.kind != kind && (tr.kind != onStart || kind != onLine) {
		return
	}
	if tr.left--; tr.left == 0 {
		close(tr.hit)
	}
}

func TestKill(t *testing.T) {
	rounds := count(t, "SEALRELAY_CRASH_ROUNDS", 25)
	random := random(t)
	site := newSite(t, t.TempDir())
	var current *trip
	var mu sync.Mutex
	moment := func(kind string) func() {
		return func() {
			mu.Lock()
			defer mu.Unlock()
			current.count(kind)
		}
	}
	load := newLoad(site, 1<<30)
	load.sent, load.acked = moment(onSend), moment(onAck)
	ctx, cancel := context.WithTimeout(t.Context(), patience+time.Duration(rounds)*5*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- load.run(ctx) }()

	kinds := map[string]int{}
	for range rounds {
		mu.Lock()
		current = newTrip(random)
		tr := current
		mu.Unlock()
		kinds[tr.kind]++
		run := site.start(t, nil, nil, moment(onLine))
		if tr.kind == onStart {
			wait(ctx, t, tr.hit)
		} else {
			load.serve(run.mustReady(t))
			wait(ctx, t, tr.hit)
		}
		run.kill()
	}
	last := site.start(t, nil, nil, nil).mustReady(t)
	load.end()
	load.serve(last)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	load.finish(t, last)
	hooks, refused := load.counts()
	t.Logf("%d kills (%v), %d hooks acknowledged, each known and delivered with its version: %v; %d answers of 503",
		rounds, kinds, hooks, !t.Failed(), refused)
	if hooks < rounds*20 {
		t.Errorf("only %d hooks in %d rounds: the kills come too early to prove much", hooks, rounds)
	}
}

func wait(ctx context.Context, t *testing.T, hit <-chan struct{}) {
	t.Helper()
	select {
	case <-hit:
	case <-ctx.Done():
		t.Fatal("nothing to kill at came within the time")
	}
}

// finish checks a service that has all acknowledged events: it knows them,
// delivers them, and leaves nothing behind.
func (l *load) finish(t *testing.T, run *service) {
	t.Helper()
	l.repeatAll(t, run)
	// One more event for every agent, so that each folder is swept.
	to := run
	l.mu.Lock()
	extra := makeEvent(l.next)
	l.next++
	l.mu.Unlock()
	if err := l.push(t.Context(), extra, &to); err != nil {
		t.Fatal(err)
	}
	waitDelivered(t, filepath.Join(l.site.state, "data"))
	run.stop(t)
	if f := l.site.inspect(t.Context(), l.site.state, l.expected()); f.bad() || f.pending > 0 {
		t.Errorf("%s; %d delivered, %d not", f, f.delivered, f.pending)
	}
	left, err := temporary(filepath.Join(l.site.state, "delivered"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v (error %v)", left, err)
	}
	l.checkVersions(t)
}

// expected is what must be there at the end.
func (l *load) expected() expected {
	want := expected{acks: l.book(), events: map[version]event{}}
	for _, a := range want.acks {
		want.events[version{a.secret, a.version}] = a.event
	}
	return want
}

// checkVersions checks that the versions of a secret count its events: none
// was used twice and none is missing.
func (l *load) checkVersions(t *testing.T) {
	t.Helper()
	events, newest := map[string]int64{}, map[string]int64{}
	for _, a := range l.book() {
		events[a.secret]++
		newest[a.secret] = max(newest[a.secret], a.version)
	}
	for secret, n := range events {
		if newest[secret] != n {
			t.Errorf("%s: %d events made version %d", secret, n, newest[secret])
		}
	}
}

// waitDelivered waits until no delivery of the outbox in the folder is
// pending.
func waitDelivered(t testing.TB, data string) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(data, "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	until(t, "everything is delivered", func() bool {
		counts, err := store.Count(t.Context())
		if err != nil && !errors.Is(err, outbox.ErrUnavailable) {
			t.Fatal(fmt.Errorf("count deliveries: %w", err))
		}
		return err == nil && counts[outbox.Pending] == 0
	})
}
