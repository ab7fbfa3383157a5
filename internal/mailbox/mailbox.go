// Package mailbox is what agents fetch from, and where their receipts arrive: an
// agent asks what waits for it, fetches it, and acknowledges it. It asks for runs of
// jobs that are its own as well, and reports them. An agent sees its own alone.
package mailbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// MaxWait is the longest that List waits.
const MaxWait = time.Minute

// pollEvery is how soon what another process has put there is seen.
const pollEvery = 10 * time.Second

// ErrNoEntry says that nothing of that ID waits for the agent.
var ErrNoEntry = errors.New("nothing of that ID waits for the agent")

// Outbox is the part of [outbox.Outbox] that the mailbox works on.
type Outbox interface {
	List(ctx context.Context, filter outbox.Filter) ([]outbox.Delivery, error)
	Get(ctx context.Context, key outbox.Key) (outbox.Delivery, error)
	Holds(ctx context.Context) ([]outbox.Hold, error)
	Acknowledge(ctx context.Context, ack outbox.Acknowledgement) error
}

// Options are what a Mailbox needs; all are required.
type Options struct {
	Outbox Outbox
	// Agents finds an agent in the configuration that holds now, the same one
	// each time, or nil. It is called by many goroutines.
	Agents func(name string) *Agent
	// Issuer names the service in its statements.
	Issuer string
	// Jobs is where the agent of that name gets runs of jobs and reports them; it sees
	// its own alone.
	Jobs func(agent string) jobs.Work
	Log  zerolog.Logger
}

// Mailbox is safe for concurrent use.
type Mailbox struct {
	outbox   Outbox
	agents   func(name string) *Agent
	issuer   string
	log      zerolog.Logger
	stranger *Agent
	bell     bell
	closed   atomic.Bool

	jobs func(agent string) jobs.Work
	// runners are those that wait for runs; it rings for all at once only.
	runners    bell
	claims     *once[*wire.Run]
	signatures *once[[]byte]
	ends       *once[struct{}]
}

// New returns a Mailbox.
func New(o Options) (*Mailbox, error) {
	stranger, err := newStranger()
	if err != nil {
		return nil, err
	}
	return &Mailbox{
		outbox: o.Outbox, agents: o.Agents, issuer: o.Issuer, log: o.Log, stranger: stranger,
		bell: newBell(), jobs: o.Jobs, runners: newBell(), claims: newOnce[*wire.Run](maxClaims), signatures: newOnce[[]byte](maxSignatures),
		ends: newOnce[struct{}](maxClaims),
	}, nil
}

// Ring says that something has come to wait for the agent.
func (m *Mailbox) Ring(agent string) { m.bell.ring(agent) }

// Reloaded says that there is a new configuration. Those that wait are answered
// with nothing, so that they ask again under the new one.
func (m *Mailbox) Reloaded() {
	m.bell.ringAll()
	m.runners.ringAll()
}

// Close ends each wait, and those to come, at once.
func (m *Mailbox) Close() {
	m.closed.Store(true)
	m.bell.ringAll()
	m.runners.ringAll()
}

// List returns what waits for the agent, the entries behind the one of the ID
// after, which is empty for the first. If nothing does, it waits for as long as
// wait says, at most MaxWait, unless it continues a listing. It returns ErrFull
// or ErrAgentWaits in place of waiting.
func (m *Mailbox) List(ctx context.Context, agent *Agent, after string, wait time.Duration) (wire.Mailbox, error) {
	if after != "" {
		key, err := agent.key(after)
		if err != nil {
			return wire.Mailbox{}, err
		}
		return m.list(ctx, agent, &key)
	}
	if wait <= 0 {
		return m.list(ctx, agent, nil)
	}
	// Listening comes before the first look, so that nothing is missed between.
	rings, leave, err := m.bell.listen(agent.Name)
	if err != nil {
		return wire.Mailbox{}, err
	}
	defer leave()
	return m.await(ctx, agent, rings, min(wait, MaxWait))
}

// await looks at each ring, and slowly without one.
func (m *Mailbox) await(ctx context.Context, agent *Agent, rings <-chan struct{}, wait time.Duration) (wire.Mailbox, error) {
	end := time.NewTimer(wait)
	defer end.Stop()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		box, err := m.list(ctx, agent, nil)
		if err != nil || len(box.Entries) > 0 || m.closed.Load() {
			return box, err
		}
		select {
		case <-rings:
		case <-poll.C:
		case <-end.C:
			return box, nil
		case <-ctx.Done():
			return wire.Mailbox{}, ctx.Err()
		}
		if now := m.agents(agent.Name); now != agent {
			box.AskedKeys = now != nil && now.AskedKeys
			return box, nil
		}
	}
}

// list reads one page.
func (m *Mailbox) list(ctx context.Context, agent *Agent, after *outbox.Key) (wire.Mailbox, error) {
	box := wire.Mailbox{Entries: []wire.MailboxEntry{}, AskedKeys: agent.AskedKeys}
	open, err := m.open(ctx, agent)
	if err != nil {
		return wire.Mailbox{}, err
	}
	for _, destination := range open {
		if after != nil && destination < after.Destination {
			continue
		}
		filter := waiting(agent.Name, destination)
		filter.After, filter.Limit = after, wire.MaxMailboxPage-len(box.Entries)
		found, err := m.outbox.List(ctx, filter)
		if err != nil {
			return wire.Mailbox{}, err
		}
		for _, d := range found {
			box.Entries = append(box.Entries, wire.MailboxEntry{ID: idOf(d.Key), Secret: d.Secret, Version: d.Version, Operation: d.Operation})
		}
		if len(box.Entries) == wire.MaxMailboxPage {
			box.Next = box.Entries[wire.MaxMailboxPage-1].ID
			break
		}
	}
	return box, nil
}

// open are the agent's mailboxes that no operator has paused.
func (m *Mailbox) open(ctx context.Context, agent *Agent) ([]string, error) {
	holds, err := m.outbox.Holds(ctx)
	if err != nil {
		return nil, err
	}
	var open []string
	for _, name := range agent.Mailboxes {
		paused := func(h outbox.Hold) bool {
			return !h.Paused.IsZero() && h.Agent == agent.Name && (h.Destination.Destination == "" || h.Destination.Destination == name)
		}
		if !slices.ContainsFunc(holds, paused) {
			open = append(open, name)
		}
	}
	return open, nil
}

// waiting selects what waits at a destination. After a newer commit the older
// version is not sent, even if the agent gets no copy of the newer one.
func waiting(agent, destination string) outbox.Filter {
	return outbox.Filter{Agent: agent, Destination: destination, States: []outbox.State{outbox.Waiting}, Current: true}
}

// Fetch returns the entry as it waits now, or ErrNoEntry.
func (m *Mailbox) Fetch(ctx context.Context, agent *Agent, id string) (wire.Delivery, error) {
	key, err := agent.key(id)
	if err != nil {
		return wire.Delivery{}, err
	}
	if waits, err := m.waits(ctx, agent, key); !waits || err != nil {
		return wire.Delivery{}, cmp.Or(err, ErrNoEntry)
	}
	d, err := m.outbox.Get(ctx, key)
	if errors.Is(err, outbox.ErrNotFound) || err == nil && d.State != outbox.Waiting {
		return wire.Delivery{}, ErrNoEntry // it changed in between
	}
	if err != nil {
		return wire.Delivery{}, fmt.Errorf("fetch for agent %s: %w", agent.Name, err)
	}
	return wire.Delivery{Envelope: d.Envelope, Statement: d.Statement}, nil
}

// waits says whether the delivery would be listed.
func (m *Mailbox) waits(ctx context.Context, agent *Agent, key outbox.Key) (bool, error) {
	open, err := m.open(ctx, agent)
	if err != nil || !slices.Contains(open, key.Destination) {
		return false, err
	}
	filter := waiting(key.Agent, key.Destination)
	filter.Secret, filter.Limit = key.Secret, 1
	found, err := m.outbox.List(ctx, filter)
	return len(found) > 0, err
}
