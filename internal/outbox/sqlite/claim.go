package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// due is a row that Claim found.
type due struct {
	outbox.Delivery
	id int64
	// latest is the newest version of the row's secret.
	latest int64
}

// Claim implements outbox.Outbox. In the claimed deliveries, Next is the end
// of the lease. If ctx ends the wait, what was claimed is due again when the
// lease has run out.
func (o *Outbox) Claim(ctx context.Context, now time.Time, limit int, lease time.Duration) ([]outbox.Delivery, error) {
	var claimed []outbox.Delivery
	err := o.writer.do(ctx, 0, func(t *tx) (err error) {
		claimed, err = t.claim(now, limit, now.Add(lease))
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func (t *tx) claim(now time.Time, limit int, until time.Time) ([]outbox.Delivery, error) {
	var found []due
	err := t.claimSelect.query(func(row []driver.Value) error {
		d := due{Delivery: scanDelivery(row)}
		d.Statement, _ = row[deliveryWidth].(string)
		d.Envelope, _ = row[deliveryWidth+1].([]byte)
		d.id = row[deliveryWidth+2].(int64)
		d.latest, _ = row[deliveryWidth+3].(int64)
		found = append(found, d)
		return nil
	}, micros(now), int64(limit))
	if err != nil {
		return nil, fmt.Errorf("read due deliveries: %w", err)
	}
	claimed := make([]outbox.Delivery, 0, len(found))
	for i := range found {
		d := &found[i]
		if d.Version < d.latest {
			if err := t.giveUp(d, now); err != nil {
				return nil, err
			}
			continue
		}
		if _, err := t.claimLease.exec(micros(until), d.id); err != nil {
			return nil, fmt.Errorf("lease a delivery: %w", err)
		}
		d.Fence++
		d.Next = moment(micros(until))
		claimed = append(claimed, d.Delivery)
	}
	return claimed, nil
}

// giveUp ends a delivery whose secret has a newer version that was not sealed
// for its agent: after a newer commit the older is not sent.
func (t *tx) giveUp(d *due, now time.Time) error {
	reason := fmt.Sprintf("version %d of the secret came and has no copy for this delivery", d.latest)
	if _, err := t.claimGiveUp.exec(reason, micros(now), d.id); err != nil {
		return fmt.Errorf("give up a superseded delivery: %w", err)
	}
	entry, err := audit.Encode(audit.Entry{
		At: now, Kind: audit.DeliveryDead, Actor: "dispatcher", EventID: d.EventID, Secret: d.Secret, Version: d.Version,
		Operation: d.Operation, Agents: []string{d.Agent}, Destination: d.Destination, Detail: reason,
	})
	if err != nil {
		return err
	}
	return t.audit(entry)
}

// Settle implements outbox.Outbox. The audit row of an older version's
// delivery is written too, as DeliveredVersion changes with it.
func (o *Outbox) Settle(ctx context.Context, outcome outbox.Outcome) error {
	entry, err := outcomeEntry(outcome)
	if err != nil {
		return err
	}
	return o.writer.do(ctx, len(entry), func(t *tx) error { return t.settleClaim(&outcome, entry) })
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

func (t *tx) settleClaim(outcome *outbox.Outcome, entry []byte) error {
	var wanted int64
	err := t.settle.query(func(row []driver.Value) error {
		wanted = row[0].(int64)
		return nil
	}, outcome.Agent, outcome.Destination, outcome.Secret, outcome.Fence, outcome.Version, string(outcome.State),
		micros(outcome.Next), outcome.Reason, micros(outcome.At), outcome.Receipt)
	if err != nil {
		return fmt.Errorf("settle a delivery: %w", err)
	}
	if wanted == 0 {
		return t.notHeld(outcome.Key)
	}
	current := wanted == outcome.Version
	if entry != nil && (current || outcome.State == outbox.Delivered) {
		if err := t.audit(entry); err != nil {
			return err
		}
	}
	if !current {
		t.wake = true // the newer version waited for this claim to end
		return outbox.ErrFenced
	}
	return nil
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
