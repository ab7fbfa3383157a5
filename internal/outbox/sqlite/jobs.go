package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

var _ outbox.Jobs = (*Outbox)(nil)

// runColumns are what scanRun reads.
const runColumns = `id, job, runner, kind, trigger, actor, origin, slot, timeout, retries, retry_after, state, result, cancel,
	added_at, due_at, ready, started_at, ended_at, claims, fence, output, acknowledged_at, acknowledged_by, message, settings`

// JobsChanged implements outbox.Jobs.
func (o *Outbox) JobsChanged() <-chan struct{} { return o.writer.jobsChanged }

// AddRun implements outbox.Jobs.
func (o *Outbox) AddRun(ctx context.Context, run outbox.Run, entry *audit.Entry) error {
	encoded, err := encodeOptional(entry)
	if err != nil {
		return err
	}
	return o.writer.do(ctx, len(run.Settings), func(t *tx) error {
		if err := t.addRun(run); err != nil {
			return err
		}
		return t.auditOptional(encoded)
	})
}

func encodeOptional(entry *audit.Entry) ([]byte, error) {
	if entry == nil {
		return nil, nil
	}
	return audit.Encode(*entry)
}

func (t *tx) auditOptional(encoded []byte) error {
	if encoded == nil {
		return nil
	}
	return t.audit(encoded)
}

func (t *tx) addRun(run outbox.Run) error {
	t.wakeJobs = true
	err := t.conn.once(`INSERT INTO runs (id, job, runner, kind, trigger, actor, origin, slot, timeout, retries, retry_after,
			state, added_at, due_at, ready, settings) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, ?, ?, ?)`, nil,
		run.ID, run.Job, run.Runner, run.Kind, string(run.Trigger), run.By, run.From, optional(run.Slot), run.Timeout.Microseconds(),
		int64(run.Retries), run.RetryAfter.Microseconds(), micros(run.AddedAt), micros(run.DueAt), micros(run.DueAt), blob(run.Settings))
	if err != nil {
		return fmt.Errorf("write a run: %w", err)
	}
	return nil
}

// PlanRun implements outbox.Jobs.
func (o *Outbox) PlanRun(ctx context.Context, run outbox.Run, schedule string, queue bool) (bool, error) {
	added := false
	err := o.writer.do(ctx, len(run.Settings), func(t *tx) (err error) {
		added, err = t.planRun(run, schedule, queue)
		return err
	})
	if err != nil {
		return false, err
	}
	return added, nil
}

func (t *tx) planRun(run outbox.Run, schedule string, queue bool) (bool, error) {
	moved := false
	err := t.conn.once(`INSERT INTO plans (job, schedule, last, off) VALUES (?, ?, ?, 0) ON CONFLICT (job) DO UPDATE SET
			schedule = excluded.schedule, last = excluded.last
		WHERE NOT off AND (schedule <> excluded.schedule OR last IS NULL OR last < excluded.last) RETURNING 1`,
		func([]driver.Value) error { moved = true; return nil }, run.Job, schedule, micros(run.Slot))
	if err != nil {
		return false, fmt.Errorf("move a plan: %w", err)
	}
	if !moved {
		return false, nil
	}
	if !queue {
		busy := false
		err := t.conn.once(`SELECT 1 FROM runs WHERE job = ? AND ready IS NOT NULL AND (state = 'running' OR ready <= ?) LIMIT 1`,
			func([]driver.Value) error { busy = true; return nil }, run.Job, micros(run.AddedAt))
		if err != nil || busy {
			return false, err
		}
	}
	return true, t.addRun(run)
}

// CancelRun implements outbox.Jobs.
func (o *Outbox) CancelRun(ctx context.Context, id string, entry audit.Entry) (outbox.Run, error) {
	var run outbox.Run
	changed, err := o.audited(ctx, entry, func(t *tx) (changed int64, err error) {
		t.wakeJobs = true
		err = t.conn.once(`UPDATE runs SET cancel = 1, state = iif(state = 'waiting', 'cancelled', state),
				ready = iif(state = 'waiting', NULL, ready), ended_at = iif(state = 'waiting', ?, ended_at)
			WHERE id = ? AND ready IS NOT NULL RETURNING `+runColumns,
			func(row []driver.Value) error { run, changed = scanRun(row), 1; return nil }, micros(entry.At), id)
		return changed, err
	})
	switch {
	case err != nil:
		return outbox.Run{}, err
	case changed == 0:
		return outbox.Run{}, outbox.ErrNoRun
	}
	return run, nil
}

// AcknowledgeRuns implements outbox.Jobs.
func (o *Outbox) AcknowledgeRuns(ctx context.Context, filter outbox.RunFilter, entry audit.Entry) (int, error) {
	filter.Unacknowledged, filter.Before = true, ""
	where, args := whereRun(filter)
	return o.audited(ctx, entry, func(t *tx) (changed int64, err error) {
		err = t.conn.once(`UPDATE runs SET acknowledged_at = ?, acknowledged_by = ? WHERE `+where+` RETURNING 1`,
			func([]driver.Value) error { changed++; return nil }, append([]driver.Value{micros(entry.At), entry.Actor}, args...)...)
		return changed, err
	})
}

// GetRun implements outbox.Jobs.
func (o *Outbox) GetRun(ctx context.Context, id string) (outbox.Run, error) {
	found, err := o.Runs(ctx, outbox.RunFilter{ID: id, Limit: 1})
	if err == nil && len(found) == 0 {
		return outbox.Run{}, outbox.ErrNoRun
	}
	if err != nil {
		return outbox.Run{}, err
	}
	return found[0], nil
}

// Runs implements outbox.Jobs.
func (o *Outbox) Runs(ctx context.Context, filter outbox.RunFilter) ([]outbox.Run, error) {
	where, args := whereRun(filter)
	limit := filter.Limit
	if limit == 0 {
		limit = listLimit
	}
	var found []outbox.Run
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT `+runColumns+` FROM runs WHERE `+where+` ORDER BY id DESC LIMIT ?`, func(row []driver.Value) error {
			found = append(found, scanRun(row))
			return nil
		}, append(args, int64(limit))...)
	})
	return found, err
}

// whereRun is the condition of a filter.
func whereRun(f outbox.RunFilter) (where string, args []driver.Value) {
	conditions := []string{"1"}
	add := func(condition string, values ...driver.Value) {
		conditions, args = append(conditions, condition), append(args, values...)
	}
	for _, exact := range []struct{ column, value string }{{"id", f.ID}, {"job", f.Job}, {"runner", f.Runner}, {"kind", f.Kind}} {
		if exact.value != "" {
			add(exact.column+" = ?", exact.value)
		}
	}
	if f.OnService {
		add("runner = ''")
	}
	if len(f.States) > 0 {
		add(among("state", len(f.States)), texts(f.States)...)
	}
	if len(f.Results) > 0 {
		add(among("result", len(f.Results)), texts(f.Results)...)
	}
	if f.Unacknowledged {
		add("result IN ('warning', 'failure') AND acknowledged_at IS NULL")
	}
	if f.Before != "" {
		add("id < ?", f.Before)
	}
	return strings.Join(conditions, " AND "), args
}

func among(column string, n int) string {
	return column + " IN (?" + strings.Repeat(", ?", n-1) + ")"
}

func texts[T ~string](values []T) []driver.Value {
	var found []driver.Value
	for _, value := range values {
		found = append(found, string(value))
	}
	return found
}

func scanRun(row []driver.Value) outbox.Run {
	span := func(value driver.Value) time.Duration { return time.Duration(value.(int64)) * time.Microsecond }
	run := outbox.Run{
		ID: row[0].(string), Job: row[1].(string), Runner: row[2].(string), Kind: row[3].(string),
		Trigger: outbox.RunTrigger(row[4].(string)), By: row[5].(string), From: row[6].(string), Slot: moment(row[7]),
		Timeout: span(row[8]), Retries: int(row[9].(int64)), RetryAfter: span(row[10]),
		State: outbox.RunState(row[11].(string)), Result: outbox.RunResult(row[12].(string)), Cancel: row[13] == int64(1),
		AddedAt: moment(row[14]), DueAt: moment(row[15]), StartedAt: moment(row[17]), EndedAt: moment(row[18]),
		Claims: int(row[19].(int64)), Fence: row[20].(int64), Output: row[21].(int64),
		AcknowledgedAt: moment(row[22]), AcknowledgedBy: row[23].(string), Message: row[24].(string),
	}
	run.Settings, _ = row[25].([]byte)
	if run.State == outbox.RunRunning {
		run.LeaseUntil = moment(row[16])
	}
	return run
}
