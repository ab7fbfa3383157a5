package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Quarantine implements outbox.Outbox.
func (o *Outbox) Quarantine(ctx context.Context, agent string, entry audit.Entry) (bool, error) {
	changed, err := o.audited(ctx, entry, func(t *tx) (int64, error) {
		changed, err := t.quarantineInsert.exec(agent, micros(entry.At), entry.Actor)
		if err != nil || changed == 0 {
			return 0, err
		}
		return changed, t.recall(agent, micros(entry.At))
	})
	return changed > 0, err
}

// recall makes pending what waits for the agent to fetch it, so that there is
// nothing to fetch until a claim leaves it to the agent again.
func (t *tx) recall(agent string, now int64) error {
	at := map[outbox.Destination]bool{}
	err := t.quarantineRecall.query(func(row []driver.Value) error {
		at[outbox.Destination{Agent: agent, Destination: row[0].(string)}] = true
		return nil
	}, agent, now)
	if err != nil {
		return fmt.Errorf("recall what waits: %w", err)
	}
	for destination := range at {
		if err := t.turnBy(destination, now); err != nil {
			return fmt.Errorf("recall what waits: %w", err)
		}
	}
	return nil
}

// Release implements outbox.Outbox. No quarantine is held against a delivery:
// the time after which it is given up begins anew.
func (o *Outbox) Release(ctx context.Context, agent string, entry audit.Entry) (bool, error) {
	changed, err := o.audited(ctx, entry, func(t *tx) (int64, error) {
		changed, err := t.quarantineDelete.exec(agent)
		if err != nil || changed == 0 {
			return 0, err
		}
		t.wake = true
		_, err = t.releaseClock.exec(agent, micros(entry.At))
		return changed, err
	})
	return changed > 0, err
}
