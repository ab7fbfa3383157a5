package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"
)

// forgetPage is how many events are removed in one transaction, so that none
// of them keeps other requests waiting for long.
const forgetPage = 1000

// Forget implements outbox.Outbox. If it fails, some may have been removed;
// the number says how many are known to be.
func (o *Outbox) Forget(ctx context.Context, before time.Time) (int, error) {
	total, after := 0, int64(0)
	for {
		page, err := o.eventsBefore(ctx, before, after)
		if err != nil || len(page) == 0 {
			return total, err
		}
		removed, err := o.forget(ctx, page, before)
		total += removed
		if err != nil {
			return total, err
		}
		after = page[len(page)-1]
	}
}

// eventsBefore reads the next events that were received before the time.
func (o *Outbox) eventsBefore(ctx context.Context, before time.Time, after int64) ([]int64, error) {
	var page []int64
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT id FROM events WHERE received_at < ? AND id > ? ORDER BY id LIMIT ?`,
			func(row []driver.Value) error {
				page = append(page, row[0].(int64))
				return nil
			}, micros(before), after, int64(forgetPage))
	})
	return page, err
}

func (o *Outbox) forget(ctx context.Context, page []int64, before time.Time) (int, error) {
	removed := 0
	err := o.writer.do(ctx, 0, func(t *tx) error {
		removed = 0
		for _, id := range page {
			n, err := t.eventForget.exec(id, micros(before))
			if err != nil {
				return fmt.Errorf("forget events: %w", err)
			}
			removed += int(n)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}

// Probe implements outbox.Outbox.
func (o *Outbox) Probe(ctx context.Context) error {
	return o.writer.do(ctx, 0, func(t *tx) error {
		if _, err := t.probe.exec(micros(time.Now())); err != nil {
			return fmt.Errorf("write a probe: %w", err)
		}
		return nil
	})
}
