package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// awaitedColumns are what scanAwaited reads.
const awaitedColumns = `awaited.secret, awaited.source, awaited.event_id, awaited.changed_at, awaited.received_at, awaited.due, awaited.alerted_at`

// settled says of a row of awaited, in SQL, whether its value has come.
func settled() string {
	return fmt.Sprintf(`EXISTS (SELECT 1 FROM secrets s WHERE s.name = awaited.secret
		AND coalesce(s.occurred_at, s.received_at) >= awaited.changed_at - %d)`, outbox.AwaitSlack.Microseconds())
}

// Await implements outbox.Outbox.
func (o *Outbox) Await(ctx context.Context, news outbox.News) error {
	entry, err := audit.Encode(news.Audit)
	if err != nil {
		return err
	}
	return o.writer.do(ctx, len(news.Answer), func(t *tx) error { return t.await(&news, entry) })
}

func (t *tx) await(news *outbox.News, entry []byte) error {
	inserted, err := t.eventInsert.exec(news.Source, news.EventID, micros(news.ReceivedAt), blob(news.Answer))
	if err != nil {
		return fmt.Errorf("write the event: %w", err)
	}
	if inserted == 0 {
		return t.duplicate(news.Source, news.EventID)
	}
	_, err = t.awaitUpsert.exec(news.Secret, news.Source, news.EventID, micros(news.ChangedAt), micros(news.ReceivedAt), micros(news.Due))
	if err != nil {
		return fmt.Errorf("write what is awaited: %w", err)
	}
	return t.audit(entry)
}

// Overdue implements outbox.Outbox. It writes only if there is something to
// tell.
func (o *Outbox) Overdue(ctx context.Context, now time.Time) ([]outbox.Awaited, error) {
	found := false
	err := o.read(ctx, func(r *reader) error {
		return r.overdueAny.query(func([]driver.Value) error { found = true; return nil }, micros(now))
	})
	if err != nil || !found {
		return nil, err
	}
	var overdue []outbox.Awaited
	err = o.writer.do(ctx, 0, func(t *tx) (err error) {
		overdue, err = t.overdue(now)
		return err
	})
	if err != nil {
		return nil, err
	}
	return overdue, nil
}

func (t *tx) overdue(now time.Time) ([]outbox.Awaited, error) {
	var overdue []outbox.Awaited
	err := t.awaitAlert.query(func(row []driver.Value) error {
		overdue = append(overdue, scanAwaited(row))
		return nil
	}, micros(now), micros(now))
	if err != nil {
		return nil, fmt.Errorf("mark what is overdue: %w", err)
	}
	for _, a := range overdue {
		entry, err := audit.Encode(audit.Entry{
			At: now, Kind: audit.ValueOverdue, Actor: "intake", EventID: a.EventID, Secret: a.Secret,
			Detail: "source " + a.Source + " told of a change at " + a.ChangedAt.Format(time.RFC3339) + " and no value came",
		})
		if err != nil {
			return nil, err
		}
		if err := t.audit(entry); err != nil {
			return nil, err
		}
	}
	return overdue, nil
}

// CountAwaited implements outbox.Outbox.
func (o *Outbox) CountAwaited(ctx context.Context, now time.Time) (waiting, overdue int, err error) {
	err = o.read(ctx, func(r *reader) error {
		return r.awaitedCount.query(func(row []driver.Value) error {
			waiting, overdue = int(row[0].(int64)), int(row[1].(int64))
			return nil
		}, micros(now))
	})
	return waiting, overdue, err
}

// Secrets implements outbox.Outbox.
func (o *Outbox) Secrets(ctx context.Context, filter outbox.SecretFilter) ([]outbox.Secret, error) {
	query := `SELECT names.name, known.version, known.deleted, known.occurred_at, known.received_at, ` + awaitedColumns + `
		FROM (SELECT name FROM secrets UNION SELECT secret FROM awaited) AS names
		LEFT JOIN secrets AS known ON known.name = names.name
		LEFT JOIN awaited ON awaited.secret = names.name AND NOT ` + settled() + `
		WHERE names.name > ?`
	args := []driver.Value{filter.After}
	if filter.Name != "" {
		query += ` AND names.name = ?`
		args = append(args, filter.Name)
	}
	if filter.Awaited {
		query += ` AND awaited.secret IS NOT NULL`
	}
	limit := filter.Limit
	if limit == 0 {
		limit = listLimit
	}
	var found []outbox.Secret
	err := o.read(ctx, func(r *reader) error {
		return r.conn.once(query+` ORDER BY names.name LIMIT ?`, func(row []driver.Value) error {
			found = append(found, scanSecret(row))
			return nil
		}, append(args, int64(limit))...)
	})
	return found, err
}

func scanSecret(row []driver.Value) outbox.Secret {
	secret := outbox.Secret{Name: row[0].(string)}
	secret.Version, _ = row[1].(int64)
	if secret.Version > 0 {
		secret.Deleted, secret.OccurredAt, secret.ReceivedAt = row[2] == int64(1), moment(row[3]), moment(row[4])
	}
	if row[5] != nil {
		awaited := scanAwaited(row[5:])
		secret.Awaited = &awaited
	}
	return secret
}

func scanAwaited(row []driver.Value) outbox.Awaited {
	return outbox.Awaited{
		Secret: row[0].(string), Source: row[1].(string), EventID: row[2].(string),
		ChangedAt: moment(row[3]), ReceivedAt: moment(row[4]), Due: moment(row[5]), AlertedAt: moment(row[6]),
	}
}

// Repeated implements outbox.Outbox.
func (o *Outbox) Repeated(ctx context.Context, source, prefix string, since time.Time) ([]byte, error) {
	var answer []byte
	err := o.read(ctx, func(r *reader) error {
		return r.repeated.query(func(row []driver.Value) error {
			answer, _ = row[0].([]byte)
			return nil
		}, prefix, prefix+"\x7f", source, micros(since))
	})
	return answer, err
}
