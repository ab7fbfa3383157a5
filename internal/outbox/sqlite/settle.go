package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Settle implements outbox.Outbox. The audit row of an older version's
// delivery is written too, as DeliveredVersion changes with it.
func (o *Outbox) Settle(ctx context.Context, outcome outbox.Outcome) (outbox.Health, error) {
	entry, err := outcomeEntry(outcome)
	if err != nil {
		return outbox.Health{}, err
	}
	var health outbox.Health
	err = o.writer.do(ctx, len(entry), func(t *tx) (err error) {
		health, err = t.settleClaim(&outcome, entry)
		return err
	})
	if err != nil && !errors.Is(err, outbox.ErrFenced) {
		return outbox.Health{}, err
	}
	return health, err
}

// outcomeEntry is the outcome's encoded audit entry. It refuses the outcomes
// that no caller may give.
func outcomeEntry(outcome outbox.Outcome) ([]byte, error) {
	switch {
	case outcome.State == outbox.Pending, outcome.State == outbox.Waiting:
		return nil, nil
	case outcome.State != outbox.Delivered && outcome.State != outbox.Dead:
		return nil, fmt.Errorf("a claim cannot be settled as %q", outcome.State)
	case outcome.Audit == nil:
		return nil, fmt.Errorf("a claim cannot be settled as %q without an audit entry", outcome.State)
	}
	return audit.Encode(*outcome.Audit)
}

// settledRow is what settling changed a row to. It is never due if it is not
// pending.
type settledRow struct{ id, wanted, due int64 }

func (t *tx) settleClaim(outcome *outbox.Outcome, entry []byte) (outbox.Health, error) {
	row, err := t.settleRow(outcome)
	if err != nil {
		return outbox.Health{}, err
	}
	if err := t.keepFailure(row.id, outcome); err != nil {
		return outbox.Health{}, err
	}
	health, err := t.settleDestination(outcome, row.due)
	if err != nil {
		return outbox.Health{}, err
	}
	current := row.wanted == outcome.Version
	if entry != nil && (current || outcome.State == outbox.Delivered) {
		if err := t.audit(entry); err != nil {
			return outbox.Health{}, err
		}
	}
	if !current {
		t.wake = true // the newer version waited for this claim to end
		return health, outbox.ErrFenced
	}
	return health, nil
}

// keepFailure keeps a failed attempt in the place of the oldest. One that
// delivered costs nothing more: the row tells of it.
func (t *tx) keepFailure(delivery int64, o *outbox.Outcome) error {
	if o.State != outbox.Pending && o.State != outbox.Dead {
		return nil
	}
	_, err := t.attemptInsert.exec(delivery, int64(outbox.KeptAttempts), o.Fence, micros(o.At), o.Version, string(o.State), o.Reason)
	if err != nil {
		return fmt.Errorf("keep an attempt: %w", err)
	}
	return nil
}

func (t *tx) settleRow(outcome *outbox.Outcome) (row settledRow, err error) {
	err = t.settle.query(func(values []driver.Value) error {
		row = settledRow{values[0].(int64), values[1].(int64), orNever(values[2])}
		return nil
	}, outcome.Agent, outcome.Destination, outcome.Secret, outcome.Fence, outcome.Version, string(outcome.State),
		micros(outcome.Next), outcome.Reason, micros(outcome.At), outcome.Receipt)
	if err != nil {
		return row, fmt.Errorf("settle a delivery: %w", err)
	}
	if row.id == 0 {
		return row, t.notHeld(outcome.Key)
	}
	return row, nil
}

// settleDestination records what the outcome says of the destination. What
// waits there for another attempt does not wait longer once it is mended.
func (t *tx) settleDestination(outcome *outbox.Outcome, due int64) (outbox.Health, error) {
	d, err := t.destination(outcome.Key.At())
	if err != nil {
		return outbox.Health{}, err
	}
	health := d.judge(outcome)
	if health.Turned && !d.broken() {
		due = micros(outcome.At)
		if _, err := t.destinationWake.exec(due, d.Agent, d.Destination.Destination, due); err != nil {
			return health, fmt.Errorf("wake what waits at a destination: %w", err)
		}
		if d.first, err = t.firstDue(d.Destination); err != nil {
			return health, err
		}
		t.wake = true
	}
	d.reschedule(due)
	return health, t.saveDestination(d)
}

// notHeld tells a lost lease from a delivery that never was.
func (t *tx) notHeld(key outbox.Key) error {
	verdict := outbox.ErrNotFound
	err := t.deliveryExists.query(func([]driver.Value) error {
		verdict = outbox.ErrFenced
		return nil
	}, key.Agent, key.Destination, key.Secret)
	if err != nil {
		return fmt.Errorf("settle a delivery: %w", err)
	}
	return verdict
}
