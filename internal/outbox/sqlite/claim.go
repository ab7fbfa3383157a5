package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
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

// claiming is a call of Claim at work.
type claiming struct {
	now, until time.Time
	limit      int
	room       outbox.Room
	claimed    []outbox.Delivery
	// of counts what was claimed of each destination.
	of map[outbox.Destination]int
}

// Claim implements outbox.Outbox. In the claimed deliveries, Next is the end
// of the lease. If ctx ends the wait, what was claimed is due again when the
// lease has run out.
func (o *Outbox) Claim(ctx context.Context, now time.Time, limit int, lease time.Duration, room outbox.Room) ([]outbox.Delivery, error) {
	var c claiming
	err := o.writer.do(ctx, 0, func(t *tx) error {
		c = claiming{now: now, until: now.Add(lease), limit: limit, room: room, of: map[outbox.Destination]int{}}
		return t.claim(&c)
	})
	if err != nil {
		return nil, err
	}
	return c.claimed, nil
}

// claim takes the destinations whose turn has come, until there are none or it
// has enough. What it costs grows with what is claimed and with the number of
// destinations that have no room, and not with what is pending at them.
func (t *tx) claim(c *claiming) error {
	for len(c.claimed) < c.limit {
		turns, err := t.turns(c)
		if err != nil {
			return fmt.Errorf("read whose turn it is: %w", err)
		}
		if len(turns) == 0 {
			return nil
		}
		for _, at := range turns {
			if err := t.claimFrom(c, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// roomAt is how many more may be claimed of a destination.
func (c *claiming) roomAt(at outbox.Destination) int {
	room := c.limit - len(c.claimed)
	if c.room != nil {
		room = min(room, c.room(at)-c.of[at])
	}
	return room
}

// errEnough ends a query early.
var errEnough = errors.New("enough rows")

// turns reads the destinations with room whose turn has come, first in line
// first, as many as have room for what is still to be claimed.
func (t *tx) turns(c *claiming) ([]outbox.Destination, error) {
	var turns []outbox.Destination
	room := 0
	err := t.claimTurns.query(func(row []driver.Value) error {
		at := outbox.Destination{Agent: row[0].(string), Destination: row[1].(string)}
		if n := c.roomAt(at); n > 0 {
			turns = append(turns, at)
			room += n
		}
		if room >= c.limit-len(c.claimed) {
			return errEnough
		}
		return nil
	}, micros(c.now))
	if errors.Is(err, errEnough) {
		err = nil
	}
	return turns, err
}

// claimFrom claims what is due at a destination, and puts it in line again.
func (t *tx) claimFrom(c *claiming, at outbox.Destination) error {
	d, err := t.destination(at)
	if err != nil {
		return err
	}
	limit := c.roomAt(at)
	if d.broken() {
		limit = min(limit, 1)
	}
	if limit < 1 {
		return nil
	}
	found, err := t.dueAt(at, c.now, limit)
	if err != nil {
		return fmt.Errorf("read due deliveries: %w", err)
	}
	for i := range found {
		if err := t.lease(c, d, &found[i]); err != nil {
			return err
		}
	}
	if d.first, err = t.firstDue(at); err != nil {
		return err
	}
	d.turn = d.first
	if d.turn <= micros(c.now) {
		d.turn = micros(c.now) // there is more: behind those whose turn came meanwhile
	}
	return t.saveDestination(d)
}

// lease claims a delivery that is due, or gives it up.
func (t *tx) lease(c *claiming, at *destination, found *due) error {
	if found.Version < found.latest {
		return t.giveUp(found, c.now)
	}
	if _, err := t.claimLease.exec(micros(c.until), found.id); err != nil {
		return fmt.Errorf("lease a delivery: %w", err)
	}
	found.Fence++
	found.Next = moment(micros(c.until))
	found.Faults, found.Resumed, found.Probe = at.faults, moment(at.resumedAt), at.broken()
	if found.Probe {
		at.brokenUntil = micros(c.until) // no second one at the same time
	}
	c.claimed = append(c.claimed, found.Delivery)
	c.of[at.Destination]++
	return nil
}

func (t *tx) dueAt(at outbox.Destination, now time.Time, limit int) ([]due, error) {
	var found []due
	err := t.claimDue.query(func(row []driver.Value) error {
		d := due{Delivery: scanDelivery(row)}
		d.Statement, _ = row[deliveryWidth].(string)
		d.Envelope, _ = row[deliveryWidth+1].([]byte)
		d.id = row[deliveryWidth+2].(int64)
		d.latest, _ = row[deliveryWidth+3].(int64)
		found = append(found, d)
		return nil
	}, at.Agent, at.Destination, micros(now), int64(limit))
	return found, err
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
