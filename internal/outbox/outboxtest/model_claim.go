package outboxtest

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// due are the rows of an agent that may be claimed, oldest due first.
func (m *modelled) due(agent string) []*modelRow {
	place := m.places[agent]
	if place.paused || place.broken && place.until > m.now {
		return nil
	}
	var due []*modelRow
	for k, row := range m.rows {
		if k.Agent == agent && row.State == outbox.Pending && row.due <= m.now {
			due = append(due, row)
		}
	}
	slices.SortFunc(due, func(a, b *modelRow) int { return cmp.Compare(a.due, b.due) })
	return due
}

func (m *modelled) claim(t *rapid.T) {
	wanted := map[string][]*modelRow{}
	want := 0
	for agent, place := range m.places {
		due := m.due(agent)
		wanted[agent] = due
		if place.broken {
			want += min(len(due), 1)
		} else {
			want += len(due)
		}
	}
	claimed := m.store.claim(int(m.now), 100, 30*time.Second)
	if len(claimed) != want {
		t.Fatalf("claimed %d, want %d", len(claimed), want)
	}
	for _, d := range claimed {
		m.leased(t, d, wanted[d.Agent])
	}
}

// leased compares a claimed delivery with those that could be.
func (m *modelled) leased(t *rapid.T, d outbox.Delivery, due []*modelRow) {
	row, place := m.rows[d.Key], m.places[d.Agent]
	switch {
	case !slices.Contains(due, row) || d.Version != row.Version || d.Fence <= row.fence:
		t.Fatalf("claimed %+v, model has %+v", d, row)
	case d.Probe != place.broken || d.Faults != place.faults:
		t.Fatalf("claimed %+v, model has %+v", d, place)
	case place.broken && row.due > due[0].due:
		t.Fatal("a destination was tried by another than its oldest due delivery")
	}
	row.leased, row.due, row.fence = true, m.now+30, d.Fence
	if place.broken {
		place.until = m.now + 30
	}
	m.claims = append(m.claims, d)
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
	settled := outcome(claimed, state, int(m.now))
	settled.Probe = claimed.Probe
	if state == outbox.Pending {
		settled.Fault = &outbox.Fault{Limit: 3, Until: at(int(m.now) + 50)}
	}
	health, err := m.store.Settle(m.store.t.Context(), settled)
	if current != (err == nil) || err != nil && !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, held %v, current %v", err, held, current)
	}
	if held {
		m.settled(row, claimed.Version, state)
		m.judge(t, claimed, state, health)
	}
}

// settled is what the end of a claim means for its row.
func (m *modelled) settled(row *modelRow, version int64, state outbox.State) {
	current := row.Version == version
	row.leased, row.due = false, m.now
	if state == outbox.Delivered {
		row.DeliveredVersion = max(row.DeliveredVersion, version)
	}
	if state == outbox.Delivered || current && state == outbox.Dead {
		m.audits++
	}
	if !current {
		return
	}
	row.State, row.due = state, m.now+60
	if state != outbox.Delivered {
		row.Attempts++
	}
}

// judge is what the end of a claim says of its destination.
func (m *modelled) judge(t *rapid.T, claimed outbox.Delivery, state outbox.State, health outbox.Health) {
	place := m.places[claimed.Agent]
	was := place.broken
	switch {
	case state == outbox.Delivered:
		m.mend(claimed.Agent)
	case state == outbox.Pending:
		place.fault(claimed.Probe, m.now+50)
	case claimed.Probe:
		place.until = min(place.until, m.now)
	}
	if health.Faults != place.faults || health.BrokenSince.IsZero() == place.broken || health.Turned != (was != place.broken) {
		t.Fatalf("health is %+v, model has %+v", health, place)
	}
}

// fault counts a failure; the third in a row breaks a destination.
func (p *modelPlace) fault(probe bool, until int64) {
	p.faults++
	switch {
	case p.broken && !probe:
		p.until = max(p.until, until)
	case p.broken || p.faults >= 3:
		p.until = until
	}
	p.broken = p.broken || p.faults >= 3
}

func (m *modelled) mend(agent string) {
	place := m.places[agent]
	for k, row := range m.rows {
		if place.broken && k.Agent == agent && !row.leased {
			row.due = min(row.due, m.now)
		}
	}
	*place = modelPlace{paused: place.paused}
}

func (m *modelled) pause(t *rapid.T) {
	agent := rapid.SampledFrom(m.agents()).Draw(t, "agent")
	place := m.places[agent]
	if place.paused {
		m.store.resume(files(agent), int(m.now), 1)
	} else {
		m.store.pause(files(agent), int(m.now), true)
	}
	m.audits++
	place.paused = !place.paused
}
