//go:build unix

package e2e

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The moments that a kill can follow.
const (
	onAck     = "a hook was acknowledged"
	onService = "the service logged a line"
	onAgent   = "an agent logged a line"
	atStart   = "a start" // which is cut off at any point
)

// TestKillBoth kills the service, either agent, or several of them at random
// points, while four senders rotate five secrets and a replayer sends one agent what
// it took before. In the end every secret is at
// its latest version on both agents, with the receipt that the service has; no
// version was stored twice, and none after a newer one.
// SEALRELAY_KILL_ROUNDS sets the number of rounds.
func TestKillBoth(t *testing.T) {
	rounds, err := strconv.Atoi(cmp.Or(os.Getenv("SEALRELAY_KILL_ROUNDS"), "10"))
	if err != nil || rounds < 1 {
		t.Fatal("SEALRELAY_KILL_ROUNDS must be a number of at least 1")
	}
	w := newKillWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- w.load.run(ctx) }()
	w.startAll()
	replaying, stopReplaying := context.WithCancel(ctx)
	defer stopReplaying()
	replayed := make(chan error, 1)
	go func() { replayed <- w.replayer.run(replaying, t) }()
	for range rounds {
		w.round()
	}
	// On a busy machine the replayer may have met a killed agent each time so far.
	select {
	case <-w.replayer.enough:
	case <-time.After(patience):
	}
	stopReplaying()
	if err := <-replayed; err != nil {
		t.Error(err)
	}
	w.load.end()
	select {
	case err = <-done:
	case <-time.After(patience):
		cancel()
		err = <-done
	}
	if err != nil {
		t.Fatal(err)
	}
	w.site.waitSettled(t)
	for _, p := range w.members {
		p.mustReady(t)
		p.stop(t)
	}
	w.check(rounds)
}

// killWorld is what is killed. Its members are the service and the agents, by
// their names.
type killWorld struct {
	t    *testing.T
	site *site
	load *load
	// replayer sends what one agent took before.
	replayer *replayer
	members  map[string]*process
	names    []string
	// kills counts those of each member, moments those of each kind.
	kills, moments map[string]int

	mu   sync.Mutex
	trip *trip
	// stored are the versions that each agent said to have stored, in the order
	// in which it did, over all its runs.
	stored map[string][]stored
}

type stored struct {
	secret  string
	version int64
}

// trip closes its channel at the n-th moment of a kind.
type trip struct {
	kind string
	left int
	hit  chan struct{}
}

func newKillWorld(t *testing.T) *killWorld {
	t.Helper()
	w := &killWorld{
		t: t, site: newSite(t, recording), members: map[string]*process{}, names: []string{"service", "pushed", "fetching"},
		kills: map[string]int{}, moments: map[string]int{}, stored: map[string][]stored{},
	}
	w.replayer = newReplayer(t, w.site)
	w.load = newLoad(w.site, func() { w.moment(onAck) })
	t.Cleanup(func() {
		if t.Failed() {
			for name, p := range w.members {
				t.Logf("log of %s, its end:\n%s", name, p.tail())
			}
		}
	})
	return w
}

func (w *killWorld) moment(kind string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trip == nil || w.trip.kind != kind || w.trip.left == 0 {
		return
	}
	if w.trip.left--; w.trip.left == 0 {
		close(w.trip.hit)
	}
}

func (w *killWorld) start(name string) {
	w.t.Helper()
	if name == "service" {
		w.members[name] = w.site.serve(w.t, func(logLine) { w.moment(onService) })
		return
	}
	w.members[name] = w.site.agent(name).run(w.t, func(line logLine) {
		if line.Message == "version stored" {
			w.mu.Lock()
			w.stored[name] = append(w.stored[name], stored{line.Secret, line.Version})
			w.mu.Unlock()
		}
		w.moment(onAgent)
	})
}

func (w *killWorld) startAll() {
	w.t.Helper()
	for _, name := range w.names {
		w.start(name)
	}
}

// round waits for a random moment and kills random members there. In a quarter of
// the rounds their next start is cut off too.
func (w *killWorld) round() {
	w.t.Helper()
	kind, most := onAck, 60
	switch rand.IntN(3) {
	case 0:
		kind, most = onService, 300
	case 1:
		kind, most = onAgent, 100
	}
	tr := &trip{kind: kind, left: 1 + rand.IntN(most), hit: make(chan struct{})}
	w.mu.Lock()
	w.trip = tr
	w.mu.Unlock()
	select {
	case <-tr.hit:
	case <-time.After(patience):
		w.t.Fatalf("nothing to kill at came within %v", patience)
	}
	victims := w.victims()
	w.kill(kind, victims)
	if rand.IntN(4) == 0 {
		// The moment is random beside what the start does; there is nothing to
		// wait for.
		<-time.After(rand.N(400 * time.Millisecond))
		w.kill(atStart, victims)
	}
}

// victims are one member, two or all.
func (w *killWorld) victims() []string {
	names := append([]string{}, w.names...)
	rand.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	return names[:1+rand.IntN(len(names))]
}

// kill kills the victims at once and starts them again.
func (w *killWorld) kill(kind string, victims []string) {
	w.t.Helper()
	w.moments[kind]++
	var killing sync.WaitGroup
	for _, name := range victims {
		w.kills[name]++
		killing.Go(w.members[name].kill)
	}
	killing.Wait()
	for _, name := range victims {
		w.start(name)
	}
}

func (s *site) agent(name string) *siteAgent {
	for _, a := range s.agents {
		if a.name == name {
			return a
		}
	}
	panic(fmt.Sprintf("there is no agent %s", name))
}
