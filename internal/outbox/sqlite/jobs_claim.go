package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// ClaimRun implements outbox.Jobs.
func (o *Outbox) ClaimRun(ctx context.Context, runner string, now time.Time, lease time.Duration, limit int) (outbox.Run, bool, error) {
	var run outbox.Run
	var ok bool
	err := o.writer.do(ctx, 0, func(t *tx) (err error) {
		run, ok, err = t.claimRun(runner, now, lease, limit)
		return err
	})
	if err != nil { // The writer may still be at work on what nobody waits for.
		return outbox.Run{}, false, err
	}
	return run, ok, nil
}

// lostAtOnce bounds how many lost runs one claim ends.
const lostAtOnce = 1000

func (t *tx) claimRun(runner string, now time.Time, lease time.Duration, limit int) (run outbox.Run, ok bool, err error) {
	for range lostAtOnce {
		var id string
		lost := false
		err := t.runDue.query(func(row []driver.Value) error {
			id = row[0].(string)
			lost = row[1] == "running" && (row[2] == int64(1) || row[3].(int64) >= int64(limit))
			return nil
		}, runner, micros(now))
		if err != nil {
			return run, false, fmt.Errorf("read which run is due: %w", err)
		}
		if id == "" {
			return run, false, nil
		}
		if !lost {
			run, err := t.leaseRun(id, now, lease)
			return run, err == nil, err
		}
		if err := t.endLost(id, now); err != nil {
			return run, false, err
		}
	}
	return run, false, nil
}

func (t *tx) leaseRun(id string, now time.Time, lease time.Duration) (run outbox.Run, err error) {
	err = t.runLease.query(func(row []driver.Value) error { run = scanRun(row); return nil }, micros(now), micros(now.Add(lease)), id)
	if err != nil {
		return run, fmt.Errorf("claim a run: %w", err)
	}
	if run.Claims > 1 {
		if err := t.conn.once(`DELETE FROM run_outputs WHERE run = ?`, nil, run.ID); err != nil {
			return run, fmt.Errorf("empty the output of a run: %w", err)
		}
	}
	return run, nil
}

// endLost ends a run whose lease has run out and that is not to be begun again.
func (t *tx) endLost(id string, now time.Time) error {
	t.wakeJobs = true
	if _, err := t.runLost.exec(micros(now), id); err != nil {
		return fmt.Errorf("end a run that was lost: %w", err)
	}
	return nil
}

// ExtendRun implements outbox.Jobs.
func (o *Outbox) ExtendRun(ctx context.Context, id string, fence int64, until time.Time) (bool, error) {
	stop := false
	err := o.writer.do(ctx, 0, func(t *tx) error {
		held := false
		err := t.conn.once(`UPDATE runs SET ready = ? WHERE id = ? AND fence = ? AND state = 'running' RETURNING cancel`,
			func(row []driver.Value) error { held, stop = true, row[0] == int64(1); return nil }, micros(until), id, fence)
		if err == nil && !held {
			return outbox.ErrFenced
		}
		return err
	})
	if err != nil {
		return false, err
	}
	return stop, nil
}

// AppendOutput implements outbox.Jobs.
func (o *Outbox) AppendOutput(ctx context.Context, id string, fence int64, seq int, chunk []byte) error {
	return o.writer.do(ctx, len(chunk), func(t *tx) error {
		held, last := false, int64(-1)
		err := t.conn.once(`SELECT (SELECT max(seq) FROM run_outputs WHERE run = id) FROM runs WHERE id = ? AND fence = ? AND state = 'running'`,
			func(row []driver.Value) error {
				held = true
				if row[0] != nil {
					last = row[0].(int64)
				}
				return nil
			}, id, fence)
		switch {
		case err != nil:
			return fmt.Errorf("read how far an output is: %w", err)
		case !held:
			return outbox.ErrFenced
		case int64(seq) == last:
			return nil // its answer was lost
		case int64(seq) != last+1:
			return outbox.ErrOutput
		}
		if err := t.conn.once(`INSERT INTO run_outputs (run, seq, chunk) VALUES (?, ?, ?)`, nil, id, int64(seq), chunk); err != nil {
			return fmt.Errorf("write an output: %w", err)
		}
		return t.conn.once(`UPDATE runs SET output = output + ? WHERE id = ?`, nil, int64(len(chunk)), id)
	})
}

// EndRun implements outbox.Jobs.
func (o *Outbox) EndRun(ctx context.Context, end outbox.RunEnd, entry *audit.Entry) error {
	encoded, err := encodeOptional(entry)
	if err != nil {
		return err
	}
	return o.writer.do(ctx, len(end.Message), func(t *tx) error {
		if err := t.endRun(end); err != nil {
			return err
		}
		for _, run := range end.Then {
			if err := t.addRun(run); err != nil {
				return err
			}
		}
		return t.auditOptional(encoded)
	})
}

func (t *tx) endRun(end outbox.RunEnd) error {
	t.wakeJobs = true // another run of the job may wait for this one
	held := false
	mark := func([]driver.Value) error { held = true; return nil }
	var err error
	if end.State == outbox.RunWaiting {
		err = t.conn.once(`UPDATE runs SET state = iif(cancel, 'cancelled', 'waiting'), ready = iif(cancel, NULL, ?1), claims = claims - 1,
				ended_at = iif(cancel, ?1, NULL)
			WHERE id = ?2 AND fence = ?3 AND state = 'running' RETURNING 1`, mark, micros(end.At), end.ID, end.Fence)
	} else {
		err = t.conn.once(`UPDATE runs SET state = ?, result = ?, message = ?, ready = NULL, ended_at = ? WHERE id = ? AND fence = ? AND state = 'running' RETURNING 1`,
			mark, string(end.State), string(end.Result), end.Message, micros(end.At), end.ID, end.Fence)
	}
	if err == nil && !held {
		return outbox.ErrFenced
	}
	return err
}

// NextRun implements outbox.Jobs.
func (o *Outbox) NextRun(ctx context.Context, runner string) (at time.Time, ok bool, err error) {
	err = o.read(ctx, func(r *reader) error {
		return r.nextRun.query(func(row []driver.Value) error {
			at, ok = moment(row[0]), row[0] != nil
			return nil
		}, runner)
	})
	return at, ok, err
}

// Output implements outbox.Jobs. Each chunk is a read of its own, so that a slow visit
// holds nobody up.
func (o *Outbox) Output(ctx context.Context, id string, visit func(chunk []byte) error) error {
	for seq := int64(0); ; seq++ {
		var chunk []byte
		found := false
		err := o.read(ctx, func(r *reader) error {
			return r.conn.once(`SELECT chunk FROM run_outputs WHERE run = ? AND seq = ?`, func(row []driver.Value) error {
				chunk, _ = row[0].([]byte)
				found = true
				return nil
			}, id, seq)
		})
		if err != nil || !found {
			return err
		}
		if err := visit(chunk); err != nil {
			return err
		}
	}
}
