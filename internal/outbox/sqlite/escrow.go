package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// escrow keeps the change's copy for the escrow key in place of the one before.
// A change without one leaves none: only the latest version is kept.
func (t *tx) escrow(change *outbox.Change) error {
	var err error
	if copied := change.Escrow; copied != nil {
		_, err = t.escrowUpsert.exec(change.Secret, change.Version, copied.Format, copied.KeyID, copied.Statement, copied.Envelope)
	} else if change.Version > 1 {
		_, err = t.escrowDelete.exec(change.Secret)
	}
	if err != nil {
		return fmt.Errorf("write the copy in escrow: %w", err)
	}
	return nil
}

// Escrow implements outbox.Outbox.
func (o *Outbox) Escrow(ctx context.Context, secret string) (outbox.Escrow, error) {
	var found outbox.Escrow
	err := o.read(ctx, func(r *reader) error {
		return r.escrow.query(func(row []driver.Value) error {
			found = outbox.Escrow{
				Secret: secret, Version: row[0].(int64), Format: row[1].(string), KeyID: row[2].(string), Statement: row[3].(string),
			}
			found.Envelope, _ = row[4].([]byte)
			return nil
		}, secret)
	})
	if err == nil && found.Version == 0 {
		err = outbox.ErrNotFound
	}
	return found, err
}

// DropEscrow implements outbox.Outbox. It writes only if there is something to
// drop.
func (o *Outbox) DropEscrow(ctx context.Context, entry audit.Entry) (int, error) {
	found := false
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(`SELECT 1 FROM escrows LIMIT 1`, func([]driver.Value) error { found = true; return nil })
	})
	if err != nil || !found {
		return 0, err
	}
	return o.audited(ctx, entry, func(t *tx) (int64, error) { return t.escrowDrop.exec() })
}
