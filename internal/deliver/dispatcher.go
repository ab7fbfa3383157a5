package deliver

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

const (
	// pollEvery bounds the wait for work that another process committed.
	pollEvery = 5 * time.Second
	// pollFloor keeps a delivery that is due but held elsewhere from making
	// the loop spin.
	pollFloor = 10 * time.Millisecond
	// settleFor bounds one settlement, beyond the outbox's own limits.
	settleFor = 10 * time.Second
)

// Outbox is the part of [outbox.Outbox] that the dispatcher works on.
type Outbox interface {
	Claim(ctx context.Context, now time.Time, limit int, lease time.Duration, room outbox.Room) ([]outbox.Delivery, error)
	Settle(ctx context.Context, outcome outbox.Outcome) (outbox.Health, error)
	NextDue(ctx context.Context, room outbox.Room) (at time.Time, ok bool, err error)
	Changed() <-chan struct{}
}

// Attempt is what [Options].Observe is told of each attempt.
type Attempt struct {
	outbox.Key
	// State is Delivered, Pending (to be tried again) or Dead.
	State outbox.State
	// Took is how long the destination took.
	Took time.Duration
}

// Options configure a [Dispatcher].
type Options struct {
	Outbox Outbox
	// Resolve finds the destination of an agent in the configuration that
	// holds now. It is called at each attempt, by many goroutines. An error
	// gives the delivery up, so it says what to do.
	Resolve func(agent, destination string) (Destination, error)
	// Workers is the number of attempts made at once, at least 1.
	Workers int
	// PerDestination is how many of them may be at one destination, at least
	// 1: so many workers a slow one holds, and the others have the rest.
	PerDestination int
	// Rate is how many attempts a second are begun at a destination; nil, or 0
	// or less for one, means any number. It is called often, by many
	// goroutines, and must not block.
	Rate func(outbox.Destination) float64
	// BreakAfter is the number of failures in a row, at least 1, after which a
	// destination is broken: from then on it gets one attempt at a time, after
	// the pauses of the schedule, until one succeeds. Failures that are
	// [Final] are the delivery's and do not count.
	BreakAfter int
	// Lease is how long a claim is held; an attempt gets two thirds of it, so
	// that its outcome is settled while the claim still holds. At least 1 s.
	Lease time.Duration
	// Drain is how long Run lets attempts finish after its ctx ended.
	Drain    time.Duration
	Schedule Schedule
	Log      zerolog.Logger
	// Observe, if not nil, is told of each settled attempt. It is called by
	// many goroutines and must not block.
	Observe func(Attempt)
}

// Dispatcher moves deliveries from the outbox to their destinations. Several,
// in one or in many processes, may work on one outbox.
type Dispatcher struct {
	Options
	shares *shares
	// finished gets one signal for each attempt that ended.
	finished chan struct{}
}

// New returns a Dispatcher that does nothing until Run. It refuses options
// that cannot work.
func New(opts Options) (*Dispatcher, error) {
	if opts.Outbox == nil || opts.Resolve == nil {
		return nil, errors.New("dispatcher needs an outbox and a way to resolve destinations")
	}
	if opts.Workers < 1 || opts.Lease < time.Second || opts.Drain < 0 {
		return nil, fmt.Errorf("dispatcher with %d workers, lease %v and drain %v: needs at least 1 worker, a lease of 1s and no negative drain",
			opts.Workers, opts.Lease, opts.Drain)
	}
	if opts.PerDestination < 1 || opts.BreakAfter < 1 {
		return nil, fmt.Errorf("dispatcher with %d attempts at once at a destination, broken after %d failures: needs at least 1 of each",
			opts.PerDestination, opts.BreakAfter)
	}
	if err := opts.Schedule.validate(); err != nil {
		return nil, err
	}
	if opts.Rate == nil {
		opts.Rate = func(outbox.Destination) float64 { return 0 }
	}
	return &Dispatcher{
		Options:  opts,
		shares:   &shares{limit: opts.PerDestination, rate: opts.Rate, used: map[outbox.Destination]*share{}},
		finished: make(chan struct{}, opts.Workers),
	}, nil
}

// Run delivers until ctx ends, then lets what is in flight finish for Drain
// and cancels the rest. What a cancelled attempt does not settle comes back by
// the end of its lease. Run is called once.
func (d *Dispatcher) Run(ctx context.Context) {
	attempts, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	free := d.Workers
	for ctx.Err() == nil {
		// No more than there are free workers: a claimed delivery that waited
		// in line here could go out after a newer version was committed.
		claimed, err := d.claim(ctx, free)
		for _, delivery := range claimed {
			free--
			d.shares.begin(delivery.At())
			go func() {
				defer func() { d.finished <- struct{}{} }()
				defer d.shares.end(delivery.At())
				d.attempt(attempts, delivery)
			}()
		}
		free += d.wait(ctx, free, err)
	}
	d.drain(d.Workers-free, cancel)
}

func (d *Dispatcher) claim(ctx context.Context, free int) ([]outbox.Delivery, error) {
	if free == 0 {
		return nil, nil
	}
	claimed, err := d.Outbox.Claim(ctx, time.Now(), free, d.Lease, d.shares.room)
	if err != nil && ctx.Err() == nil {
		d.Log.Error().Err(err).Msg("cannot claim deliveries; trying again")
	}
	return claimed, err
}

// wait returns when there may be something to claim, or ctx ended, with the
// number of workers that became free meanwhile.
func (d *Dispatcher) wait(ctx context.Context, free int, claimErr error) int {
	var due <-chan time.Time
	var changed <-chan struct{}
	if free > 0 {
		timer := time.NewTimer(d.untilDue(ctx, claimErr))
		defer timer.Stop()
		due, changed = timer.C, d.Outbox.Changed()
	}
	select {
	case <-ctx.Done():
		return 0
	case <-due:
		return 0
	case <-changed:
		return 0
	case <-d.finished:
		return 1 + d.alsoFinished()
	}
}

// untilDue is how long to wait for the next due delivery. After an error it
// is the full poll, so that a broken outbox is not hammered.
func (d *Dispatcher) untilDue(ctx context.Context, claimErr error) time.Duration {
	if claimErr != nil {
		return pollEvery
	}
	at, ok, err := d.Outbox.NextDue(ctx, d.shares.room)
	if refill := d.shares.nextRefill(); !refill.IsZero() && (!ok || refill.Before(at)) {
		at, ok = refill, true
	}
	if err != nil || !ok {
		return pollEvery
	}
	return min(max(time.Until(at), pollFloor), pollEvery)
}

// alsoFinished counts the attempts that ended meanwhile: one claim serves all.
func (d *Dispatcher) alsoFinished() int {
	for n := 0; ; n++ {
		select {
		case <-d.finished:
		default:
			return n
		}
	}
}

// drain waits for the attempts in flight, cancels those that take longer than
// Drain, and leaves those that do not even heed that to their leases.
func (d *Dispatcher) drain(inFlight int, cancel context.CancelFunc) {
	soft := time.AfterFunc(d.Drain, cancel)
	defer soft.Stop()
	hard := time.NewTimer(d.Drain + settleFor)
	defer hard.Stop()
	for ; inFlight > 0; inFlight-- {
		select {
		case <-d.finished:
		case <-hard.C:
			d.Log.Error().Int("attempts", inFlight).Msg("attempts did not end when cancelled; their leases will")
			return
		}
	}
}
