package sqlite

import (
	"database/sql/driver"
	"fmt"
	"math"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// never is the turn of a destination at which nothing is pending.
const never = math.MaxInt64

// destination is a row of destinations that a transaction works on.
type destination struct {
	outbox.Destination
	destinationState
	// first is when the first of its pending deliveries is due, or never.
	first int64
	// stored is what the row has.
	stored destinationState
}

type destinationState struct {
	turn   int64
	faults int
	reason string
	// brokenSince and resumedAt are nil where there was no such time.
	brokenSince, resumedAt driver.Value
	brokenUntil            int64
}

func (d *destinationState) broken() bool { return d.brokenSince != nil }

// destination reads the row of a destination that a delivery was committed for.
func (t *tx) destination(at outbox.Destination) (*destination, error) {
	d := &destination{Destination: at, first: never}
	d.turn = never
	err := t.destinationSelect.query(func(row []driver.Value) error {
		d.turn, d.faults, d.reason = orNever(row[0]), int(row[1].(int64)), row[2].(string)
		d.brokenSince, d.brokenUntil, d.resumedAt = row[3], row[4].(int64), row[5]
		d.first = orNever(row[6])
		return nil
	}, at.Agent, at.Destination)
	if err != nil {
		return nil, fmt.Errorf("read a destination: %w", err)
	}
	d.stored = d.destinationState
	return d, nil
}

// firstDue is when the first pending delivery of a destination is due.
func (t *tx) firstDue(at outbox.Destination) (int64, error) {
	first := int64(never)
	err := t.destinationFirst.query(func(row []driver.Value) error {
		first = orNever(row[0])
		return nil
	}, at.Agent, at.Destination)
	if err != nil {
		return 0, fmt.Errorf("read when a destination is due: %w", err)
	}
	return first, nil
}

// knownTurns is how many destinations turnBy remembers: an event for more is alone in
// its transaction as a rule, and remembering costs as much as it saves.
const knownTurns = 64

// turnBy makes the destination's turn come at that time or before. Events that share
// a transaction go to the same destinations as a rule, of which the first writes.
func (t *tx) turnBy(at outbox.Destination, due int64) error {
	if by, known := t.turnsBy[at]; known && by <= due {
		return nil
	}
	if _, err := t.destinationTurn.exec(at.Agent, at.Destination, due); err != nil {
		return fmt.Errorf("write the destination: %w", err)
	}
	if t.turnsBy == nil {
		t.turnsBy = map[outbox.Destination]int64{}
	}
	if len(t.turnsBy) < knownTurns {
		t.turnsBy[at] = due
	}
	return nil
}

// saveDestination writes what was changed.
func (t *tx) saveDestination(d *destination) error {
	if d.destinationState == d.stored {
		return nil
	}
	var turn driver.Value = d.turn
	if d.turn == never {
		turn = nil
	}
	delete(t.turnsBy, d.Destination)
	_, err := t.destinationUpdate.exec(turn, int64(d.faults), d.reason, d.brokenSince, d.brokenUntil, d.Agent, d.Destination.Destination)
	if err != nil {
		return fmt.Errorf("write a destination: %w", err)
	}
	return nil
}

// reschedule puts the turn right after a change of the destination's deliveries,
// of which one may now be due at that time. A turn that is behind the first
// delivery's because others are to go first stays.
func (d *destination) reschedule(due int64) { d.turn = max(min(d.turn, due), d.first) }

// judge is what a settled claim says of its destination.
func (d *destination) judge(o *outbox.Outcome) outbox.Health {
	was, news := d.broken(), false
	switch {
	case o.State == outbox.Delivered || o.State == outbox.Waiting:
		d.faults, d.reason, d.brokenSince, d.brokenUntil = 0, "", nil, 0
	case o.Fault != nil:
		news = d.reason != o.Reason
		d.fault(o)
	case o.Probe:
		d.brokenUntil = min(d.brokenUntil, micros(o.At)) // the next may try
	}
	return outbox.Health{Faults: d.faults, BrokenSince: moment(d.brokenSince), News: news, Turned: was != d.broken()}
}

func (d *destination) fault(o *outbox.Outcome) {
	d.faults++
	d.reason = o.Reason
	switch until := micros(o.Fault.Until); {
	case d.broken() && o.Probe:
		d.brokenUntil = until
	case d.broken():
		d.brokenUntil = max(d.brokenUntil, until) // an attempt from before it broke
	case d.faults >= o.Fault.Limit:
		d.brokenSince, d.brokenUntil = micros(o.At), until
	}
}

func orNever(value driver.Value) int64 {
	if at, ok := value.(int64); ok {
		return at
	}
	return never
}
