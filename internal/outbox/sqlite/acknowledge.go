package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Acknowledge implements outbox.Outbox.
func (o *Outbox) Acknowledge(ctx context.Context, ack outbox.Acknowledgement) error {
	entry, err := audit.Encode(ack.Audit)
	if err != nil {
		return err
	}
	return o.writer.do(ctx, len(ack.Receipt), func(t *tx) error { return t.acknowledge(&ack, entry) })
}

var errNotWanted = errors.New("a version is acknowledged that was never wanted")

func (t *tx) acknowledge(ack *outbox.Acknowledgement, entry []byte) error {
	var wanted, there int64
	found, receipted := false, false
	err := t.ackSelect.query(func(row []driver.Value) error {
		wanted, there, receipted, found = row[0].(int64), row[1].(int64), row[2] == int64(1), true
		return nil
	}, ack.Agent, ack.Destination, ack.Secret)
	switch {
	case err != nil:
		return fmt.Errorf("read what is acknowledged: %w", err)
	case !found:
		return outbox.ErrNotFound
	case ack.Version > wanted:
		return fmt.Errorf("%w: version %d of %d", errNotWanted, ack.Version, wanted)
	case ack.Version < there, ack.Version == there && receipted:
		return outbox.ErrAcknowledged
	}
	_, err = t.ackUpdate.exec(ack.Version, micros(ack.At), ack.Receipt, ack.Agent, ack.Destination, ack.Secret)
	if err != nil {
		return fmt.Errorf("acknowledge a delivery: %w", err)
	}
	d, err := t.destination(ack.Key.At())
	if err != nil {
		return err
	}
	d.reschedule(micros(ack.At)) // a newer version that waited for a claim is due
	if err := t.saveDestination(d); err != nil {
		return err
	}
	return t.audit(entry)
}
