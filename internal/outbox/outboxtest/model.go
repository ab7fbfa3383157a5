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

// modelled is an outbox beside the model that it has to agree with. Its time
// is in seconds after start.
type modelled struct {
	store  *store
	prefix string
	now    int64
	latest map[string]int64
	rows   map[outbox.Key]*modelRow
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
		rt.Repeat(map[string]func(*rapid.T){
			"commit": m.commit, "claim": m.claim, "settle": m.settle, "retry": m.retry, "wait": m.wait, "": m.check,
		})
		m.drain(rt)
	})
}

var modelAgents = []string{"a", "b"}

func (m *modelled) commit(t *rapid.T) {
	secret := m.prefix + rapid.SampledFrom([]string{"x", "y"}).Draw(t, "secret")
	version := m.latest[secret] + rapid.SampledFrom([]int64{1, 1, 1, 0, 2}).Draw(t, "step")
	c := change(secret, version, int(m.now), modelAgents...)
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
	for _, agent := range modelAgents {
		row := m.rows[key(agent, secret)]
		if row == nil {
			row = &modelRow{}
			m.rows[key(agent, secret)] = row
		}
		row.Version, row.Attempts, row.State = version, 0, outbox.Pending
		if isBlocked && agent == modelAgents[0] {
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

func (m *modelled) claim(t *rapid.T) {
	var want []string
	for k, row := range m.rows {
		if row.State == outbox.Pending && row.due <= m.now {
			want = append(want, fmt.Sprint(k, row.Version))
		}
	}
	var got []string
	for _, d := range m.store.claim(int(m.now), 100, 30*time.Second) {
		got = append(got, fmt.Sprint(d.Key, d.Version))
		row := m.rows[d.Key]
		if d.Fence <= row.fence {
			t.Fatalf("fence %d after %d", d.Fence, row.fence)
		}
		row.leased, row.due, row.fence = true, m.now+30, d.Fence
		m.claims = append(m.claims, d)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Fatalf("claimed %v, want %v", got, want)
	}
}

func (m *modelled) settle(t *rapid.T) {
	if len(m.claims) == 0 {
		t.Skip("no claim to settle")
	}
	claimed := rapid.SampledFrom(m.claims).Draw(t, "claim")
	state := rapid.SampledFrom([]outbox.State{outbox.Delivered, outbox.Pending, outbox.Dead}).Draw(t, "state")
	row := m.rows[claimed.Key]
	held := row.leased && row.fence == claimed.Fence
	current := held && row.Version == claimed.Version
	_, err := m.store.Settle(m.store.t.Context(), outcome(claimed, state, int(m.now)))
	if current != (err == nil) || err != nil && !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, held %v, current %v", err, held, current)
	}
	if !held {
		return
	}
	row.leased = false
	if state == outbox.Delivered {
		row.DeliveredVersion = max(row.DeliveredVersion, claimed.Version)
	}
	if state == outbox.Delivered || current && state == outbox.Dead {
		m.audits++
	}
	if !current {
		row.due = m.now
		return
	}
	row.State = state
	if state != outbox.Delivered {
		row.Attempts++
		row.due = m.now + 60
	}
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
}

// drain leaves nothing due for the next run, and checks the audit chain.
func (m *modelled) drain(t *rapid.T) {
	if got := len(m.store.rows()); got != m.audits {
		t.Fatalf("%d audit rows, want %d", got, m.audits)
	}
	for _, d := range m.store.claim(int(m.now)+1000, 100, time.Second) {
		if _, err := m.store.Settle(m.store.t.Context(), outcome(d, outbox.Delivered, int(m.now)+1000)); err != nil {
			t.Fatal(err)
		}
	}
}
