package sqlite

import (
	"context"
	"errors"
	"sync"
)

// readers is how many reads may run at once.
const readers = 4

// reader is a connection that only reads. Each of its reads is one statement,
// and so sees one state of the database.
type reader struct {
	conn                                 *conn
	prior, get, nextDue, count, auditRow *stmt
	repeated, overdueAny, awaitedCount   *stmt
	attempts, holds, escrow, nextRun     *stmt
}

func newReader(dsn string) (*reader, error) {
	c, err := connect(dsn)
	if err != nil {
		return nil, err
	}
	r := &reader{conn: c}
	if err := c.prepareAll(r.queries()); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return r, nil
}

func (r *reader) queries() map[**stmt]string {
	return map[**stmt]string{
		&r.prior: `SELECT e.source, e.answer, s.version, s.occurred_at, s.received_at, s.deleted, s.digest FROM (SELECT 1)
			LEFT JOIN events e ON e.source = ? AND e.event_id = ? LEFT JOIN secrets s ON s.name = ?`,
		&r.get: `SELECT ` + deliveryColumns + `, statement, envelope FROM deliveries
			WHERE agent = ? AND destination = ? AND secret = ?`,
		&r.nextDue: `SELECT agent, destination, max(turn, broken_until), max((` + firstDue + `), broken_until) FROM destinations AS d
			WHERE turn IS NOT NULL AND NOT ` + held + ` ORDER BY max(turn, broken_until)`,
		&r.attempts: `WITH d AS (SELECT id, delivered_at, delivered_version, fence FROM deliveries WHERE agent = ? AND destination = ? AND secret = ?)
			SELECT at, version, state, reason FROM (
				SELECT a.at, a.version, a.state, a.reason, a.fence FROM d, attempts AS a WHERE a.delivery = d.id
				UNION ALL SELECT delivered_at, delivered_version, 'delivered', '', fence FROM d WHERE delivered_version > 0)
			ORDER BY at, fence`,
		&r.escrow: `SELECT e.version, e.format, e.key_id, e.statement, e.envelope FROM escrows AS e
			JOIN secrets AS s ON s.name = e.secret AND s.version = e.version WHERE e.secret = ?`,
		&r.holds: `SELECT agent, '', at, NULL, actor, NULL, 0, '', NULL FROM quarantines
			UNION ALL SELECT agent, destination, NULL, paused_at, actor, NULL, 0, '', NULL FROM pauses
			UNION ALL SELECT agent, destination, NULL, NULL, '', broken_since, faults, reason, broken_until
			FROM destinations WHERE broken_since IS NOT NULL`,
		// Each of the parts reads an index and no delivery.
		&r.count: `SELECT state, count(*) FROM deliveries WHERE state IN ('dead', 'blocked') GROUP BY state
			UNION ALL SELECT 'pending', count(*) FROM deliveries WHERE state = 'pending'
			UNION ALL SELECT 'waiting', count(*) FROM deliveries WHERE state = 'waiting'
			UNION ALL SELECT '', count(*) FROM deliveries`,
		&r.repeated: `SELECT answer FROM events WHERE event_id >= ? AND event_id < ? AND source = ? AND received_at >= ?
			ORDER BY id DESC LIMIT 1`,
		&r.overdueAny: `SELECT 1 FROM awaited WHERE due <= ? AND alerted_at IS NULL AND NOT ` + settled() + ` LIMIT 1`,
		&r.awaitedCount: `SELECT count(*) FILTER (WHERE due > now), count(*) FILTER (WHERE due <= now)
			FROM awaited, (SELECT ? AS now) WHERE NOT ` + settled(),
		// One that waits for another run of its job is due when that one's lease ends.
		&r.nextRun: `SELECT min(max(ready, coalesce(
				(SELECT max(ready) FROM runs AS other WHERE other.job = r.job AND other.state = 'running' AND other.ready IS NOT NULL), 0)))
			FROM runs AS r WHERE runner = ? AND ready IS NOT NULL`,
		&r.auditRow: `SELECT seq, entry, hash FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?`,
	}
}

// pool lends readers, the one that came back last first: its page cache is
// the one most likely to be current.
type pool struct {
	// lent has one element for each reader on loan.
	lent chan struct{}

	mu     sync.Mutex
	free   []*reader
	closed bool
}

func newPool(dsn string) (*pool, error) {
	p := &pool{lent: make(chan struct{}, readers)}
	for range readers {
		r, err := newReader(dsn)
		if err != nil {
			return nil, errors.Join(err, p.close())
		}
		p.free = append(p.free, r)
	}
	return p, nil
}

// take waits for a reader until ctx ends.
func (p *pool) take(ctx context.Context) (*reader, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	select {
	case p.lent <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		<-p.lent
		return nil, errClosed
	}
	last := len(p.free) - 1
	r := p.free[last]
	p.free = p.free[:last]
	return r, nil
}

// give takes a reader back.
func (p *pool) give(r *reader) {
	p.mu.Lock()
	p.free = append(p.free, r)
	p.mu.Unlock()
	<-p.lent
}

// close waits for the readers on loan and closes all.
func (p *pool) close() error {
	for range readers {
		p.lent <- struct{}{}
	}
	p.mu.Lock()
	p.closed = true
	var errs []error
	for _, r := range p.free {
		errs = append(errs, r.conn.close())
	}
	p.mu.Unlock()
	for range readers {
		<-p.lent // whoever waits finds the pool closed
	}
	return errors.Join(errs...)
}

// read lends a reader to use. Reads are short; ctx ends the wait for a reader
// and not the read.
func (o *Outbox) read(ctx context.Context, use func(*reader) error) error {
	select {
	case <-o.writer.failed:
		return unavailable(o.writer.cause)
	default:
	}
	r, err := o.readers.take(ctx)
	if err != nil {
		return unavailable(err)
	}
	defer o.readers.give(r)
	if err := use(r); err != nil {
		return unavailable(err)
	}
	return nil
}
