package deliver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// actor is the dispatcher's name in the audit log.
const actor = "dispatcher"

// maxReason bounds the reason kept in a row, in bytes.
const maxReason = 500

var (
	errPanic   = errors.New("internal error")
	errStopped = errors.New("relay stopped during the attempt")
)

// attempt makes one attempt at a claimed delivery and settles its outcome.
func (d *Dispatcher) attempt(ctx context.Context, claimed outbox.Delivery) {
	log := d.Log.With().Str("agent", claimed.Agent).Str("destination", claimed.Destination).
		Str("secret", claimed.Secret).Int64("version", claimed.Version).Logger()
	started := time.Now()
	receipt, err := d.try(ctx, claimed, log)
	now := time.Now()
	outcome := d.outcome(claimed, receipt, err, now)
	health, settled := d.settle(ctx, log, outcome)
	reportHealth(d.Log, outcome, health)
	if !settled {
		return
	}
	report(log, claimed, outcome, health)
	if d.Observe != nil {
		d.Observe(Attempt{Key: claimed.Key, State: outcome.State, Took: now.Sub(started)})
	}
}

// try calls the destination within two thirds of the lease.
func (d *Dispatcher) try(ctx context.Context, claimed outbox.Delivery, log zerolog.Logger) (receipt string, err error) {
	destination, err := d.Resolve(claimed.Agent, claimed.Destination)
	if err != nil {
		return "", Final(fmt.Errorf("%w; mend the configuration, then retry the delivery", err))
	}
	limit := d.Lease * 2 / 3
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	receipt, err = guard(limited, destination, claimed, log)
	switch {
	case err == nil || isFinal(err) || errors.Is(err, ErrWaiting):
		return receipt, err
	case ctx.Err() != nil:
		return "", errStopped
	case limited.Err() != nil:
		return "", fmt.Errorf("no result within %v: %w", limit, err)
	}
	return "", err
}

// guard turns a panic of a destination into a retryable failure. What it
// panicked with is not logged: it may hold data.
func guard(ctx context.Context, destination Destination, claimed outbox.Delivery, log zerolog.Logger) (receipt string, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			log.Error().Str("type", fmt.Sprintf("%T", cause)).Bytes("stack", debug.Stack()).Msg("destination panicked")
			err = errPanic
		}
	}()
	return destination.Deliver(ctx, claimed)
}

// outcome decides what the end of an attempt means for the row.
func (d *Dispatcher) outcome(claimed outbox.Delivery, receipt string, err error, now time.Time) outbox.Outcome {
	outcome := outbox.Outcome{Key: claimed.Key, Fence: claimed.Fence, Version: claimed.Version, Probe: claimed.Probe, At: now}
	if err == nil {
		outcome.State, outcome.Receipt = outbox.Delivered, receipt
		outcome.Audit = entry(audit.DeliveryDelivered, claimed, now, "")
		return outcome
	}
	if errors.Is(err, ErrWaiting) {
		outcome.State = outbox.Waiting
		return outcome
	}
	outcome.Reason = reason(err)
	if errors.Is(err, errStopped) {
		// Not the destination's failure: whoever runs next may try at once.
		outcome.State, outcome.Next = outbox.Pending, now
		return outcome
	}
	later, waits := errors.AsType[*LaterError](err)
	if !isFinal(err) && !waits {
		outcome.Fault = d.fault(claimed, err, now)
	}
	next, giveUp := d.Schedule.nextAfter(notBefore(err), claimed.Attempts+1, wantedSince(claimed), now, rand.Float64())
	if giveUp || isFinal(err) {
		outcome.State = outbox.Dead
		outcome.Audit = entry(audit.DeliveryDead, claimed, now, outcome.Reason)
		return outcome
	}
	if waits {
		next = d.Schedule.within(later.at, now)
	}
	outcome.State, outcome.Next = outbox.Pending, next
	return outcome
}

// wantedSince is from when on the time counts after which a delivery is given
// up: no pause of its destination is held against it.
func wantedSince(claimed outbox.Delivery) time.Time {
	if claimed.Resumed.After(claimed.AcceptedAt) {
		return claimed.Resumed
	}
	return claimed.AcceptedAt
}

// fault says for how long the destination is left alone if it is broken: as
// long as a delivery would wait that failed as often as it did since it broke.
func (d *Dispatcher) fault(claimed outbox.Delivery, err error, now time.Time) *outbox.Fault {
	until := d.Schedule.pause(notBefore(err), claimed.Faults+2-d.BreakAfter, now, rand.Float64())
	return &outbox.Fault{Limit: d.BreakAfter, Until: until}
}

func entry(kind audit.Kind, claimed outbox.Delivery, now time.Time, detail string) *audit.Entry {
	return &audit.Entry{
		At:          now,
		Kind:        kind,
		Actor:       actor,
		EventID:     claimed.EventID,
		Secret:      claimed.Secret,
		Version:     claimed.Version,
		Operation:   claimed.Operation,
		Agents:      []string{claimed.Agent},
		Destination: claimed.Destination,
		Detail:      detail,
	}
}

// settle records the outcome and says whether it did. It outlives the
// attempt's ctx, because the attempt was made.
func (d *Dispatcher) settle(ctx context.Context, log zerolog.Logger, outcome outbox.Outcome) (outbox.Health, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleFor)
	defer cancel()
	health, err := d.Outbox.Settle(ctx, outcome)
	switch {
	case err == nil:
	case errors.Is(err, outbox.ErrFenced):
		log.Debug().Msg("a newer version or another claim took over the delivery")
	default:
		// The lease runs out and the attempt is made again; destinations take
		// repeats.
		log.Error().Err(err).Msg("cannot settle delivery; its lease brings it back")
	}
	return health, err == nil
}

// reason is the text of err, fit for a row, a log and a terminal.
func reason(err error) string { return Line(err.Error(), maxReason) }
