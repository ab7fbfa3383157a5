package outboxtest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// modelRow is what the model knows of a delivery.
type modelRow struct {
	State                     outbox.State
	Version, DeliveredVersion int64
	Attempts                  int
	due, fence                int64
	leased                    bool
}

// modelPlace is what the model knows of a destination.
type modelPlace struct {
	faults         int
	broken, paused bool
	until          int64
}

// modelled is an outbox beside the model that it has to agree with. Its time
// is in seconds after start.
type modelled struct {
	store  *store
	prefix string
	now    int64
	latest map[string]int64
	rows   map[outbox.Key]*modelRow
	places map[string]*modelPlace
	claims []outbox.Delivery
	audits int
}

// model drives an outbox and a few maps with the same random calls. All runs
// share a store, each with secrets of its own.
func model(t *testing.T, s *store) {
	runs := 0
	rapid.Check(t, func(rt *rapid.T) {
		runs++
		m := &modelled{store: s, prefix: fmt.Sprint("run", runs, "/"), latest: map[string]int64{}, rows: map[outbox.Key]*modelRow{}, audits: len(s.rows())}
		m.places = map[string]*modelPlace{m.prefix + "a": {}, m.prefix + "b": {}}
		rt.Repeat(map[string]func(*rapid.T){
			"commit": m.commit, "claim": m.claim, "settle": m.settle, "retry": m.retry, "wait": m.wait, "pause": m.pause, "": m.check,
		})
		m.drain(rt)
	})
}

// agents are those of the run, in order.
func (m *modelled) agents() []string { return slices.Sorted(maps.Keys(m.places)) }

func (m *modelled) commit(t *rapid.T) {
	secret := m.prefix + rapid.SampledFrom([]string{"x", "y"}).Draw(t, "secret")
	version := m.latest[secret] + rapid.SampledFrom([]int64{1, 1, 1, 0, 2}).Draw(t, "step")
	c := change(secret, version, int(m.now), m.agents()...)
	c.EventID = fmt.Sprint(secret, m.audits, m.now)
	isBlocked := rapid.Bool().Draw(t, "blocked")
	if isBlocked {
		c = block(c, "bad key")
	}
	err := m.store.Commit(m.store.t.Context(), c)
	if version != m.latest[secret]+1 {
		if !errors.Is(err, outbox.ErrConflict) && !isDuplicate(err) {
			t.Fatalf("version %d after %d: error %v", version, m.latest[secret], err)
		}
		return
	}
	if isDuplicate(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	m.latest[secret] = version
	m.audits++
	for _, agent := range m.agents() {
		row := m.rows[key(agent, secret)]
		if row == nil {
			row = &modelRow{}
			m.rows[key(agent, secret)] = row
		}
		row.Version, row.Attempts, row.State = version, 0, outbox.Pending
		if isBlocked && agent == m.agents()[0] {
			row.State = outbox.Blocked
		}
		if !row.leased {
			row.due = m.now
		}
	}
}

func isDuplicate(err error) bool {
	var duplicate *outbox.DuplicateError
	return errors.As(err, &duplicate)
}

func (m *modelled) retry(t *rapid.T) {
	secret := m.prefix + rapid.SampledFrom([]string{"x", "y"}).Draw(t, "secret")
	want := 0
	for k, row := range m.rows {
		if k.Secret != secret || row.State == outbox.Blocked {
			continue
		}
		want++
		row.State, row.Attempts = outbox.Pending, 0
		place := m.places[k.Agent]
		place.until = min(place.until, m.now)
		if !row.leased {
			row.due = m.now
		}
	}
	got, err := m.store.Retry(m.store.t.Context(), outbox.Filter{Secret: secret}, audit.Entry{At: at(int(m.now)), Kind: audit.DeliveryRetried})
	if err != nil || got != want {
		t.Fatalf("retried %d, %v; want %d", got, err, want)
	}
	if want > 0 {
		m.audits++
	}
}

func (m *modelled) wait(t *rapid.T) { m.now += rapid.Int64Range(1, 40).Draw(t, "seconds") }

// check compares every row.
func (m *modelled) check(t *rapid.T) {
	for _, k := range slices.SortedFunc(maps.Keys(m.rows), func(a, b outbox.Key) int { return len(a.Secret+a.Agent) - len(b.Secret+b.Agent) }) {
		d, row := m.store.get(k), m.rows[k]
		if d.State != row.State || d.Version != row.Version || d.DeliveredVersion != row.DeliveredVersion || d.Attempts != row.Attempts {
			t.Fatalf("row is %+v, model has %+v", d, row)
		}
	}
	m.checkNext(t)
}

// checkNext compares when something is due next: any time that has come is as
// good as another. Nothing of other runs is due.
func (m *modelled) checkNext(t *rapid.T) {
	next, some := int64(0), false
	for k, row := range m.rows {
		place := m.places[k.Agent]
		if row.State != outbox.Pending || place.paused {
			continue
		}
		due := max(row.due, place.until)
		if !some || due < next {
			next, some = due, true
		}
	}
	got, ok, err := m.store.NextDue(m.store.t.Context(), nil)
	if ok && !got.After(at(int(m.now))) && next <= m.now {
		got = at(int(next))
	}
	if err != nil || ok != some || some && !got.Equal(at(int(next))) {
		t.Fatalf("next due %v, %v, %v; model has %d s after the start, %v", got, ok, err, next, some)
	}
}

// drain leaves nothing due for the next run, and checks the audit chain.
func (m *modelled) drain(t *rapid.T) {
	if got := len(m.store.rows()); got != m.audits {
		t.Fatalf("%d audit rows, want %d", got, m.audits)
	}
	for agent, place := range m.places {
		if place.paused {
			m.store.resume(files(agent), int(m.now), 1)
		}
	}
	for {
		claimed := m.store.claim(int(m.now)+1000, 100, time.Second)
		if len(claimed) == 0 {
			return
		}
		for _, d := range claimed {
			m.store.settle(outcome(d, outbox.Delivered, int(m.now)+1000))
		}
	}
}
