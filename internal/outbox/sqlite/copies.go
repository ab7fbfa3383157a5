package sqlite

import (
	"context"
	"database/sql/driver"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Copies implements outbox.Outbox.
func (o *Outbox) Copies(ctx context.Context, filter outbox.SecretFilter) ([]outbox.Copies, error) {
	some, args := `SELECT * FROM secrets WHERE name > ?`, []driver.Value{filter.After}
	if filter.Name != "" {
		some += ` AND name = ?`
		args = append(args, filter.Name)
	}
	limit := filter.Limit
	if limit == 0 {
		limit = listLimit
	}
	query := `SELECT s.name, s.version, s.deleted, s.received_at, d.agent, d.destination, d.state, d.version,
			d.delivered_version, d.format, d.key_id, d.reason, d.source, d.state <> 'blocked' OR d.fence > 0
		FROM (` + some + ` ORDER BY name LIMIT ?) AS s LEFT JOIN deliveries AS d ON d.secret = s.name
		ORDER BY s.name, d.agent, d.destination`
	var found []outbox.Copies
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(query, func(row []driver.Value) error {
			name := row[0].(string)
			if len(found) == 0 || found[len(found)-1].Secret != name {
				found = append(found, outbox.Copies{Secret: name, Version: row[1].(int64), Deleted: row[2] == int64(1), ReceivedAt: moment(row[3])})
			}
			if row[4] != nil {
				last := &found[len(found)-1]
				last.Copies = append(last.Copies, scanCopy(row[4:]))
			}
			return nil
		}, append(args, int64(limit))...)
	})
	return found, err
}

func scanCopy(row []driver.Value) outbox.Copy {
	return outbox.Copy{
		At:               outbox.Destination{Agent: row[0].(string), Destination: row[1].(string)},
		State:            outbox.State(row[2].(string)),
		Version:          row[3].(int64),
		DeliveredVersion: row[4].(int64),
		Format:           row[5].(string),
		KeyID:            row[6].(string),
		Reason:           row[7].(string),
		Source:           row[8].(string),
		Opens:            row[9] == int64(1),
	}
}
