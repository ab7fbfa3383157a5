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

// Commit implements outbox.Outbox. The caller must not change what the Change
// points to, even after a cancelled ctx has made Commit return early.
func (o *Outbox) Commit(ctx context.Context, change outbox.Change) error {
	entry, err := audit.Encode(change.Audit)
	if err != nil {
		return err
	}
	return o.writer.do(ctx, changeSize(&change), func(t *tx) error { return t.change(&change, entry) })
}

func changeSize(change *outbox.Change) int {
	size := len(change.Answer)
	if change.Escrow != nil {
		size += len(change.Escrow.Envelope) + len(change.Escrow.Statement)
	}
	for i := range change.Sealed {
		size += len(change.Sealed[i].Envelope) + len(change.Sealed[i].Statement)
	}
	return size
}

// change decides by the number of rows that a conditional statement changed,
// so that an event that is new and comes in order costs no read.
func (t *tx) change(change *outbox.Change, entry []byte) error {
	inserted, err := t.eventInsert.exec(change.Source, change.EventID, micros(change.ReceivedAt), blob(change.Answer))
	if err != nil {
		return fmt.Errorf("write the event: %w", err)
	}
	if inserted == 0 {
		return t.duplicate(change.Source, change.EventID)
	}
	first, err := t.secretVersion(change)
	if err != nil {
		return fmt.Errorf("write the secret's version: %w", err)
	}
	if !first {
		if _, err := t.eventDelete.exec(change.Source, change.EventID); err != nil {
			return fmt.Errorf("take back the event: %w", err)
		}
		return outbox.ErrConflict
	}
	for i := range change.Sealed {
		if err := t.delivery(change, &change.Sealed[i]); err != nil {
			return err
		}
	}
	if err := t.escrow(change); err != nil {
		return err
	}
	t.wake = true
	return t.audit(entry)
}

// duplicate is the answer to an event that was accepted before.
func (t *tx) duplicate(source, eventID string) error {
	duplicate := &outbox.DuplicateError{}
	err := t.eventAnswer.query(func(row []driver.Value) error {
		duplicate.Answer, _ = row[0].([]byte)
		return nil
	}, source, eventID)
	if err != nil {
		return fmt.Errorf("read the event's answer: %w", err)
	}
	return duplicate
}

// operationDelete is the operation of a Change that deletes its secret.
const operationDelete = "delete"

// secretVersion moves the secret on to the change's version, and returns false
// if that is not the one after the latest.
func (t *tx) secretVersion(change *outbox.Change) (bool, error) {
	var changed, deleted int64
	var err error
	if change.Operation == operationDelete {
		deleted = 1
	}
	if change.Version == 1 {
		changed, err = t.secretInsert.exec(change.Version, optional(change.OccurredAt), micros(change.ReceivedAt), deleted, blob(change.Digest), change.Secret)
	} else {
		changed, err = t.secretUpdate.exec(change.Version, optional(change.OccurredAt), micros(change.ReceivedAt), deleted, blob(change.Digest), change.Secret, change.Version-1)
	}
	return changed == 1, err
}

var errTwice = errors.New("change has two envelopes for one delivery")

func (t *tx) delivery(change *outbox.Change, sealed *outbox.Sealed) error {
	state := outbox.Pending
	if sealed.Blocked != "" {
		state = outbox.Blocked
	}
	received := micros(change.ReceivedAt)
	changed, err := t.deliveryUpsert.exec(sealed.Agent, sealed.Destination, change.Secret, string(state), change.Version,
		received, received, received, change.Operation, sealed.Format, sealed.KeyID, change.Source, change.EventID,
		sealed.Blocked, sealed.Statement, blob(sealed.Envelope))
	if err != nil {
		return fmt.Errorf("write the delivery: %w", err)
	}
	if changed == 0 {
		return errTwice
	}
	if state != outbox.Pending {
		return nil
	}
	return t.turnBy(outbox.Destination{Agent: sealed.Agent, Destination: sealed.Destination}, received)
}

// micros is how times are stored: to the microsecond, which every year that
// JSON can tell fits.
func micros(at time.Time) int64 { return at.UnixMicro() }

// optional is micros, and NULL for the zero time.
func optional(at time.Time) driver.Value {
	if at.IsZero() {
		return nil
	}
	return micros(at)
}

// moment is the time that micros or optional stored.
func moment(value driver.Value) time.Time {
	at, ok := value.(int64)
	if !ok {
		return time.Time{}
	}
	return time.UnixMicro(at).UTC()
}

// blob is b, and NULL if it is empty.
func blob(b []byte) driver.Value {
	if len(b) == 0 {
		return nil
	}
	return b
}
