package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// auditPage is how many audit rows are read at once.
const auditPage = 500

// Prior implements outbox.Outbox.
func (o *Outbox) Prior(ctx context.Context, source, eventID, secret string) (outbox.Prior, error) {
	var prior outbox.Prior
	err := o.read(ctx, func(r *reader) error {
		return r.prior.query(func(row []driver.Value) error {
			if row[0] != nil {
				prior.Answer, _ = row[1].([]byte)
				if prior.Answer == nil {
					prior.Answer = []byte{} // known, with an empty answer
				}
			}
			prior.Version, _ = row[2].(int64)
			prior.OccurredAt = moment(row[3])
			if prior.Version > 0 {
				prior.ReceivedAt, prior.Deleted = moment(row[4]), row[5] == int64(1)
				prior.Digest, _ = row[6].([]byte)
			}
			return nil
		}, source, eventID, secret)
	})
	return prior, err
}

// Get implements outbox.Outbox.
func (o *Outbox) Get(ctx context.Context, key outbox.Key) (outbox.Delivery, error) {
	var found outbox.Delivery
	err := o.read(ctx, func(r *reader) error {
		return r.get.query(func(row []driver.Value) error {
			found = scanDelivery(row)
			found.Statement, _ = row[deliveryWidth].(string)
			found.Envelope, _ = row[deliveryWidth+1].([]byte)
			return nil
		}, key.Agent, key.Destination, key.Secret)
	})
	if err == nil && found.Version == 0 {
		err = outbox.ErrNotFound
	}
	return found, err
}

// NextDue implements outbox.Outbox. A turn that is to come is never too late, so
// that none is looked at behind the first delivery found.
func (o *Outbox) NextDue(ctx context.Context, room outbox.Room) (at time.Time, ok bool, err error) {
	next := int64(never)
	err = o.read(ctx, func(r *reader) error {
		err := r.nextDue.query(func(row []driver.Value) error {
			if row[2].(int64) >= next {
				return errEnough
			}
			if room == nil || room(outbox.Destination{Agent: row[0].(string), Destination: row[1].(string)}) > 0 {
				next = min(next, orNever(row[3]))
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil
		}
		return err
	})
	if err != nil || next == never {
		return time.Time{}, false, err
	}
	return moment(next), true, nil
}

// Count implements outbox.Outbox. States without a delivery are not in it.
func (o *Outbox) Count(ctx context.Context) (map[outbox.State]int, error) {
	counts := map[outbox.State]int{}
	err := o.read(ctx, func(r *reader) error {
		return r.count.query(func(row []driver.Value) error {
			state, n := outbox.State(row[0].(string)), int(row[1].(int64))
			if state == "" { // all of them; delivered are those in no other state
				state, n = outbox.Delivered, n-counts[outbox.Pending]-counts[outbox.Waiting]-counts[outbox.Dead]-counts[outbox.Blocked]
			}
			if n > 0 {
				counts[state] = n
			}
			return nil
		})
	})
	return counts, err
}

// Audit implements outbox.Outbox. visit may call the outbox.
func (o *Outbox) Audit(ctx context.Context, seq int64, visit func(audit.Row) error) error {
	for {
		page, err := o.auditPage(ctx, seq)
		if err != nil {
			return err
		}
		for _, row := range page {
			if err := visit(row); err != nil {
				return err
			}
		}
		if len(page) < auditPage {
			return nil
		}
		seq = page[len(page)-1].Seq + 1
	}
}

func (o *Outbox) auditPage(ctx context.Context, seq int64) ([]audit.Row, error) {
	var page []audit.Row
	err := o.read(ctx, func(r *reader) error {
		return r.auditRow.query(func(row []driver.Value) error {
			next := audit.Row{Seq: row[0].(int64)}
			next.Entry, _ = row[1].([]byte)
			hash, _ := row[2].([]byte)
			copy(next.Hash[:], hash)
			page = append(page, next)
			return nil
		}, seq, int64(auditPage))
	})
	return page, err
}

// deliveryWidth is the number of columns in deliveryColumns.
const deliveryWidth = 19

func scanDelivery(row []driver.Value) outbox.Delivery {
	return outbox.Delivery{
		Key:              outbox.Key{Agent: row[0].(string), Destination: row[1].(string), Secret: row[2].(string)},
		State:            outbox.State(row[3].(string)),
		Version:          row[4].(int64),
		DeliveredVersion: row[5].(int64),
		Fence:            row[6].(int64),
		Attempts:         int(row[7].(int64)),
		Next:             moment(row[8]),
		AcceptedAt:       moment(row[9]),
		UpdatedAt:        moment(row[10]),
		DeliveredAt:      moment(row[11]),
		Operation:        row[12].(string),
		Format:           row[13].(string),
		KeyID:            row[14].(string),
		Source:           row[15].(string),
		EventID:          row[16].(string),
		Reason:           row[17].(string),
		Receipt:          row[18].(string),
	}
}
