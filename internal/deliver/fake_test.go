package deliver

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// fakeOutbox keeps rows in memory with the promises of outbox.Outbox, but for
// what it says of destinations: it knows of none that is paused or broken.
type fakeOutbox struct {
	mu      sync.Mutex
	rows    map[outbox.Key]*fakeRow
	changed chan struct{}
	// settled is every outcome that was accepted, in order.
	settled []outbox.Outcome
	// claimErr and settleErr are returned, once each, when set.
	claimErr, settleErr error
}

type fakeRow struct {
	outbox.Delivery
	leased time.Time
}

func newFakeOutbox() *fakeOutbox {
	return &fakeOutbox{rows: map[outbox.Key]*fakeRow{}, changed: make(chan struct{}, 1)}
}

// commit makes a version wanted, as another process would: without a signal.
func (f *fakeOutbox) commit(key outbox.Key, version int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fence := int64(0)
	if old := f.rows[key]; old != nil {
		fence = old.Fence
	}
	now := time.Now()
	f.rows[key] = &fakeRow{Delivery: outbox.Delivery{
		Key: key, State: outbox.Pending, Operation: "set", Version: version, Format: "age",
		EventID: "event", AcceptedAt: now, Next: now, Fence: fence,
	}}
}

func (f *fakeOutbox) signal() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

func (f *fakeOutbox) Changed() <-chan struct{} { return f.changed }

func (f *fakeOutbox) Claim(_ context.Context, now time.Time, limit int, lease time.Duration, room outbox.Room) ([]outbox.Delivery, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.claimErr; err != nil {
		f.claimErr = nil
		return nil, err
	}
	var claimed []outbox.Delivery
	of := map[outbox.Destination]int{}
	for _, row := range f.rows {
		if len(claimed) < limit && of[row.At()] < room(row.At()) && row.State == outbox.Pending && !row.Next.After(now) && !row.leased.After(now) {
			row.Fence++
			row.leased = now.Add(lease)
			claimed = append(claimed, row.Delivery)
			of[row.At()]++
		}
	}
	return claimed, nil
}

func (f *fakeOutbox) Settle(_ context.Context, outcome outbox.Outcome) (outbox.Health, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.settleErr; err != nil {
		f.settleErr = nil
		return outbox.Health{}, err
	}
	row := f.rows[outcome.Key]
	if row.Fence != outcome.Fence || row.Version != outcome.Version {
		return outbox.Health{}, outbox.ErrFenced
	}
	health := outbox.Health{News: outcome.Fault != nil && outcome.Reason != row.Reason}
	row.State, row.Reason, row.Next, row.leased = outcome.State, outcome.Reason, outcome.Next, time.Time{}
	if outcome.State == outbox.Pending {
		row.Attempts++
	}
	f.settled = append(f.settled, outcome)
	return health, nil
}

func (f *fakeOutbox) NextDue(_ context.Context, room outbox.Room) (at time.Time, ok bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, row := range f.rows {
		due := row.Next
		if row.leased.After(due) {
			due = row.leased
		}
		if row.State == outbox.Pending && room(row.At()) > 0 && (!ok || due.Before(at)) {
			at, ok = due, true
		}
	}
	return at, ok, nil
}

func (f *fakeOutbox) outcomes() []outbox.Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]outbox.Outcome(nil), f.settled...)
}

// destinationFunc is a Destination made of its method.
type destinationFunc func(ctx context.Context, d outbox.Delivery) error

// Deliver returns a receipt that names the version.
func (f destinationFunc) Deliver(ctx context.Context, d outbox.Delivery) (string, error) {
	return fmt.Sprint("receipt ", d.Version), f(ctx, d)
}
