package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Pause implements outbox.Outbox.
func (o *Outbox) Pause(ctx context.Context, at outbox.Destination, entry audit.Entry) (bool, error) {
	changed, err := o.audited(ctx, entry, func(t *tx) (int64, error) {
		return t.pauseInsert.exec(at.Agent, at.Destination, micros(entry.At), entry.Actor)
	})
	return changed > 0, err
}

// Resume implements outbox.Outbox.
func (o *Outbox) Resume(ctx context.Context, at outbox.Destination, entry audit.Entry) (int, error) {
	return o.audited(ctx, entry, func(t *tx) (int64, error) {
		if _, err := t.resumeClock.exec(at.Agent, at.Destination, micros(entry.At)); err != nil {
			return 0, err
		}
		t.wake = true
		return t.pauseDelete.exec(at.Agent, at.Destination)
	})
}

// audited makes a change and, if it changed anything, its audit row.
func (o *Outbox) audited(ctx context.Context, entry audit.Entry, change func(*tx) (int64, error)) (int, error) {
	encoded, err := audit.Encode(entry)
	if err != nil {
		return 0, err
	}
	var changed int64
	err = o.writer.do(ctx, len(encoded), func(t *tx) (err error) {
		changed, err = change(t)
		switch {
		case err != nil:
			return fmt.Errorf("make an audited change: %w", err)
		case changed == 0:
			return nil
		}
		return t.audit(encoded)
	})
	if err != nil {
		return 0, err
	}
	return int(changed), nil
}

// Record implements outbox.Outbox.
func (o *Outbox) Record(ctx context.Context, entry audit.Entry) error {
	_, err := o.audited(ctx, entry, func(*tx) (int64, error) { return 1, nil })
	return err
}

// Holds implements outbox.Outbox.
func (o *Outbox) Holds(ctx context.Context) ([]outbox.Hold, error) {
	var holds []outbox.Hold
	err := o.read(ctx, func(r *reader) error {
		return r.holds.query(func(row []driver.Value) error {
			holds = append(holds, outbox.Hold{
				Destination: outbox.Destination{Agent: row[0].(string), Destination: row[1].(string)},
				Quarantined: moment(row[2]), Paused: moment(row[3]), By: row[4].(string),
				Broken: moment(row[5]), Faults: int(row[6].(int64)), Reason: row[7].(string), Until: moment(row[8]),
			})
			return nil
		})
	})
	slices.SortStableFunc(holds, func(a, b outbox.Hold) int {
		return cmp.Or(strings.Compare(a.Agent, b.Agent), strings.Compare(a.Destination.Destination, b.Destination.Destination))
	})
	return holds, err
}

// Attempts implements outbox.Outbox.
func (o *Outbox) Attempts(ctx context.Context, key outbox.Key) ([]outbox.Attempt, error) {
	var attempts []outbox.Attempt
	err := o.read(ctx, func(r *reader) error {
		return r.attempts.query(func(row []driver.Value) error {
			attempts = append(attempts, outbox.Attempt{
				At: moment(row[0]), Version: row[1].(int64), State: outbox.State(row[2].(string)), Reason: row[3].(string),
			})
			return nil
		}, key.Agent, key.Destination, key.Secret)
	})
	return attempts, err
}
