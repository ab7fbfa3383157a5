package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// current says that no newer version of the secret came without a copy for the
// delivery.
const current = "version = (SELECT version FROM secrets WHERE name = secret)"

// listLimit is what a Limit of 0 stands for.
const listLimit = 1000

// List implements outbox.Outbox.
func (o *Outbox) List(ctx context.Context, filter outbox.Filter) ([]outbox.Delivery, error) {
	where, args := conditions(filter)
	if after := filter.After; after != nil {
		where += ` AND (agent, destination, secret) > (?, ?, ?)`
		args = append(args, after.Agent, after.Destination, after.Secret)
	}
	limit := filter.Limit
	if limit == 0 {
		limit = listLimit
	}
	query := `SELECT ` + deliveryColumns + ` FROM deliveries WHERE ` + where + ` ORDER BY agent, destination, secret LIMIT ?`
	var found []outbox.Delivery
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(query, func(row []driver.Value) error {
			found = append(found, scanDelivery(row))
			return nil
		}, append(args, int64(limit))...)
	})
	return found, err
}

// Retry implements outbox.Outbox. It takes no notice of After and Limit, which
// are for listings. A running claim keeps its lease. A delivery whose secret
// has a newer version that was not sealed for it has nothing to deliver.
// Without a delivery to retry there is no audit row.
func (o *Outbox) Retry(ctx context.Context, filter outbox.Filter, entry audit.Entry) (int, error) {
	encoded, err := audit.Encode(entry)
	if err != nil {
		return 0, err
	}
	where, args := conditions(filter)
	query := `UPDATE deliveries SET state = 'pending', attempts = 0, reason = '', due = iif(leased, due, ?), updated_at = ?
		WHERE ` + where + ` AND state <> 'blocked' AND ` + current + ` RETURNING agent, destination`
	args = append([]driver.Value{micros(entry.At), micros(entry.At)}, args...)
	var count int
	err = o.writer.do(ctx, len(encoded), func(t *tx) error {
		count = 0
		at := map[outbox.Destination]bool{}
		err := t.conn.once(query, func(row []driver.Value) error {
			count++
			at[outbox.Destination{Agent: row[0].(string), Destination: row[1].(string)}] = true
			return nil
		}, args...)
		if err != nil {
			return fmt.Errorf("retry deliveries: %w", err)
		}
		if count == 0 {
			return nil
		}
		if err := t.retryAt(at, micros(entry.At)); err != nil {
			return err
		}
		t.wake = true
		return t.audit(encoded)
	})
	if err != nil {
		return 0, err
	}
	return count, nil
}

// retryAt lets the destinations be claimed from, those that are broken too.
func (t *tx) retryAt(destinations map[outbox.Destination]bool, now int64) error {
	for at := range destinations {
		d, err := t.destination(at)
		if err != nil {
			return err
		}
		d.reschedule(now)
		d.brokenUntil = min(d.brokenUntil, now)
		if err := t.saveDestination(d); err != nil {
			return err
		}
	}
	return nil
}

// conditions is the filter in SQL, without After and Limit.
func conditions(filter outbox.Filter) (string, []driver.Value) {
	where := []string{"TRUE"}
	var args []driver.Value
	for _, c := range []struct{ column, value string }{
		{"agent", filter.Agent}, {"destination", filter.Destination}, {"secret", filter.Secret},
	} {
		if c.value != "" {
			where = append(where, c.column+" = ?")
			args = append(args, c.value)
		}
	}
	if filter.Current {
		where = append(where, current)
	}
	if slices.Equal(filter.States, []outbox.State{outbox.Waiting}) {
		// Written out, so that the index of those that wait serves.
		return strings.Join(append(where, "state = 'waiting'"), " AND "), args
	}
	if len(filter.States) > 0 {
		where = append(where, "state IN (?"+strings.Repeat(", ?", len(filter.States)-1)+")")
		for _, state := range filter.States {
			args = append(args, string(state))
		}
	}
	return strings.Join(where, " AND "), args
}
