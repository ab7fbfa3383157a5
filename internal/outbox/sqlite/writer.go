package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// What bounds a group: how many requests, and about how many bytes.
const (
	groupRequests = 256
	groupBytes    = 4 << 20
)

var errClosed = errors.New("outbox was closed")

// writer owns the connection that writes. Requests queue up while a group of
// them is committed and synced; the next group is all that wait by then. So
// many requests share one sync, and none waits for more than the commit that
// runs when it comes and the one that contains it.
type writer struct {
	conn   *conn
	stmts  writeStmts
	files  openFiles
	queue  chan *request
	group  []*request
	idle   chan struct{} // closed when run has returned
	failed chan struct{}
	cause  error // set before failed is closed
	// changed has room for one signal.
	changed chan struct{}
	// jobsChanged is the same for the runs of jobs.
	jobsChanged chan struct{}

	mu     sync.RWMutex // held for reading while a request is put in the queue
	closed bool
}

// request is one write. run may be called more than once, each time in a
// transaction that has nothing of the calls before.
type request struct {
	run func(*tx) error
	// size is about how many bytes the request writes.
	size int
	done chan error
	// answer is what run said of the request in the running transaction.
	answer error
}

func newWriter(path, dsn string) (*writer, error) {
	c, err := connect(dsn)
	if err != nil {
		return nil, err
	}
	w := &writer{
		conn:    c,
		queue:   make(chan *request, groupRequests),
		idle:    make(chan struct{}),
		failed:  make(chan struct{}),
		changed: make(chan struct{}, 1),

		jobsChanged: make(chan struct{}, 1),
	}
	if err := w.stmts.prepare(c); err != nil {
		return nil, errors.Join(err, c.close())
	}
	if w.files, err = statFiles(path); err != nil {
		return nil, errors.Join(err, c.close())
	}
	go w.run()
	return w, nil
}

// close waits for the queued requests and closes the connection.
func (w *writer) close() error {
	w.mu.Lock()
	w.closed = true
	close(w.queue)
	w.mu.Unlock()
	<-w.idle
	return w.conn.close()
}

// do runs a write and waits for its commit. A cancelled ctx ends the wait: the
// write may then be persisted or not.
func (w *writer) do(ctx context.Context, size int, run func(*tx) error) error {
	r := &request{run: run, size: size, done: make(chan error, 1)}
	if err := w.enqueue(ctx, r); err != nil {
		return unavailable(err)
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: stopped waiting for it: %w", outbox.ErrAmbiguous, context.Cause(ctx))
	}
}

func (w *writer) enqueue(ctx context.Context, r *request) error {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return errClosed
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	select {
	case <-w.failed:
		return w.cause
	case w.queue <- r:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *writer) run() {
	defer close(w.idle)
	for first := range w.queue {
		w.gather(first)
		w.commit(w.group)
		clear(w.group) // holds on to no envelope
	}
}

// gather makes the group of first and of what else waits, and waits for none.
// As long as the queue grows it lets the goroutines go first that are ready to
// run: with more requests than cores some of them are about to queue up, and a
// group of more shares a sync among more. Where nobody is ready this is over
// at once.
func (w *writer) gather(first *request) {
	for waiting := -1; waiting < len(w.queue); {
		waiting = len(w.queue)
		runtime.Gosched()
	}
	w.group = append(w.group[:0], first)
	size := first.size
	for len(w.group) < groupRequests && size < groupBytes {
		select {
		case r, open := <-w.queue:
			if !open {
				return
			}
			w.group = append(w.group, r)
			size += r.size
		default:
			return
		}
	}
}

// commit runs the requests in one transaction and answers them. If one of them
// breaks the transaction, each gets one of its own, so that it fails alone.
func (w *writer) commit(group []*request) {
	err := w.transact(group)
	if err != nil && len(group) > 1 && w.cause == nil && !errors.Is(err, errLocked) {
		for i := range group {
			w.commit(group[i : i+1])
		}
		return
	}
	for _, r := range group {
		if err != nil {
			r.done <- err
		} else {
			r.done <- r.answer
		}
	}
}

// errLocked: the transaction could not begin. Trying again for each request
// would only make them wait once more.
var errLocked = errors.New("transaction could not begin")

// transact runs the requests in one transaction. Its error is the outcome of
// all of them.
func (w *writer) transact(group []*request) error {
	if w.cause != nil {
		return unavailable(w.cause)
	}
	if _, err := w.stmts.begin.exec(); err != nil {
		if !transient(err) {
			w.fail(err)
		}
		return unavailable(fmt.Errorf("%w: %w", errLocked, err))
	}
	t := &tx{writeStmts: &w.stmts, conn: w.conn}
	for _, r := range group {
		r.answer = r.run(t)
		if !verdict(r.answer) {
			return w.rollback(r.answer)
		}
	}
	// THE COMMIT POINT. COMMIT appends the transaction to the write-ahead log
	// and returns after the log is synced. A crash before the sync leaves a
	// log whose end does not check, which recovery cuts off: nothing of the
	// group happened, and nobody was told that it did. A crash after it finds
	// the whole group, answered or not; a sender that got no answer repeats
	// its event and is given the stored one.
	if _, err := w.stmts.commit.exec(); err != nil {
		if transient(err) {
			return w.rollback(err) // the log lacks the commit, so nothing counts
		}
		w.fail(err)
		return fmt.Errorf("%w: %w", outbox.ErrAmbiguous, err)
	}
	// What was synced into a file without a name is gone after a restart.
	if err := w.files.check(); err != nil {
		w.fail(err)
		return fmt.Errorf("%w: %w", outbox.ErrAmbiguous, err)
	}
	if t.wake {
		signal(w.changed)
	}
	if t.wakeJobs {
		signal(w.jobsChanged)
	}
	return nil
}

// signal leaves a signal in a channel with room for one.
func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}

// rollback ends a transaction that was not committed because of err.
func (w *writer) rollback(err error) error {
	// SQLite may have rolled back by itself, and then says so with an error.
	// Should the transaction be open still, the next BEGIN fails the outbox.
	_, _ = w.stmts.rollback.exec()
	return w.lost(err)
}

// lost is what a request is told whose transaction had no COMMIT.
func (w *writer) lost(err error) error {
	if fatal(err) {
		w.fail(err)
	}
	if transient(err) || fatal(err) {
		return unavailable(err)
	}
	return err
}

// fail ends the service of the outbox; run alone calls it.
func (w *writer) fail(cause error) {
	w.cause = fmt.Errorf("outbox failed and must be opened again: %w", cause)
	close(w.failed)
}

// tx is the running transaction, as a request's run sees it.
type tx struct {
	*writeStmts
	conn *conn
	head audit.Row
	// wake is set by a request after which deliveries may be due.
	wake bool
	// wakeJobs is the same for the runs of jobs.
	wakeJobs bool
	// turns are those that destinations are known to have in this transaction, at
	// the latest: see turnBy.
	turnsBy map[outbox.Destination]int64
}

// audit appends a row to the chain. The chain's head is read in each
// transaction, as another process may have moved it since the last one.
func (t *tx) audit(encoded []byte) error {
	if t.head.Seq == 0 {
		if err := t.auditHead.query(t.readHead); err != nil {
			return fmt.Errorf("read the head of the audit chain: %w", err)
		}
	}
	t.head = audit.Link(t.head, encoded)
	if _, err := t.auditInsert.exec(t.head.Seq, t.head.Entry, t.head.Hash[:]); err != nil {
		return fmt.Errorf("write the audit row: %w", err)
	}
	return nil
}

func (t *tx) readHead(row []driver.Value) error {
	t.head.Seq = row[0].(int64)
	copy(t.head.Hash[:], row[1].([]byte))
	return nil
}
