package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Plans implements outbox.Jobs.
func (o *Outbox) Plans(ctx context.Context) (map[string]outbox.Plan, error) {
	plans := map[string]outbox.Plan{}
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT job, schedule, last, off FROM plans`, func(row []driver.Value) error {
			plan := outbox.Plan{Job: row[0].(string), Schedule: row[1].(string), Last: moment(row[2]), Off: row[3] == int64(1)}
			plans[plan.Job] = plan
			return nil
		})
	})
	return plans, err
}

// SetPlan implements outbox.Jobs.
func (o *Outbox) SetPlan(ctx context.Context, plan outbox.Plan, entry *audit.Entry) error {
	encoded, err := encodeOptional(entry)
	if err != nil {
		return err
	}
	off := int64(0)
	if plan.Off {
		off = 1
	}
	return o.writer.do(ctx, 0, func(t *tx) error {
		t.wakeJobs = true
		if err := t.conn.once(`INSERT OR REPLACE INTO plans (job, schedule, last, off) VALUES (?, ?, ?, ?)`, nil,
			plan.Job, plan.Schedule, optional(plan.Last), off); err != nil {
			return fmt.Errorf("write a plan: %w", err)
		}
		return t.auditOptional(encoded)
	})
}

// CountRuns implements outbox.Jobs.
func (o *Outbox) CountRuns(ctx context.Context) ([]outbox.RunCount, error) {
	var counts []outbox.RunCount
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT job, state, result, count(*), sum(result IN ('warning', 'failure') AND acknowledged_at IS NULL), max(ended_at)
			FROM runs GROUP BY job, state, result ORDER BY job, state, result`, func(row []driver.Value) error {
			counts = append(counts, outbox.RunCount{
				Job: row[0].(string), State: outbox.RunState(row[1].(string)), Result: outbox.RunResult(row[2].(string)),
				Count: int(row[3].(int64)), Unacknowledged: int(row[4].(int64)), Latest: moment(row[5]),
			})
			return nil
		})
	})
	return counts, err
}

// ForgetRuns implements outbox.Jobs.
func (o *Outbox) ForgetRuns(ctx context.Context, before time.Time, keep, limit int) (int, error) {
	old, err := o.oldRuns(ctx, before, keep, limit)
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = o.writer.do(ctx, 0, func(t *tx) error {
		for _, id := range old {
			if err := t.conn.once(`DELETE FROM run_outputs WHERE run = ?`, nil, id); err != nil {
				return fmt.Errorf("forget the output of a run: %w", err)
			}
			if err := t.conn.once(`DELETE FROM runs WHERE id = ? AND ready IS NULL`, nil, id); err != nil {
				return fmt.Errorf("forget a run: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(old), nil
}

// oldRuns are those that ended and are to be forgotten. What ended stays so.
func (o *Outbox) oldRuns(ctx context.Context, before time.Time, keep, limit int) ([]string, error) {
	var old []string
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT id FROM (SELECT id, ended_at, row_number() OVER (PARTITION BY job ORDER BY id DESC) AS nth FROM runs WHERE ready IS NULL)
			WHERE ended_at < ? OR nth > ? ORDER BY id LIMIT ?`, func(row []driver.Value) error {
			old = append(old, row[0].(string))
			return nil
		}, micros(before), int64(keep), int64(limit))
	})
	return old, err
}
