package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func openTest(t *testing.T) (*Outbox, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "outbox.db")
	o, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return o, path
}

func testChange(n, size int) outbox.Change {
	now := time.Now()
	return outbox.Change{
		Source: "vault", EventID: fmt.Sprint("event", n), Secret: fmt.Sprint("db", n), Operation: "set", Version: 1, ReceivedAt: now,
		Sealed: []outbox.Sealed{{Agent: "web", Destination: "files", Envelope: make([]byte, size)}},
		Answer: []byte("answer"),
		Audit:  audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/vault"},
	}
}

// hold keeps the writer busy until release is called, so that what is sent
// meanwhile is one group.
func hold(t *testing.T, o *Outbox) (release func()) {
	t.Helper()
	held, free, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- o.writer.do(context.Background(), 0, func(*tx) error { close(held); <-free; return nil })
	}()
	<-held
	return func() {
		t.Helper()
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// pragma runs a pragma on the writing connection, which it owns meanwhile.
func pragma(t *testing.T, o *Outbox, text string) {
	t.Helper()
	ignore := func([]driver.Value) error { return nil }
	err := o.writer.do(t.Context(), 0, func(tx *tx) error { return tx.conn.once("PRAGMA "+text, ignore) })
	if err != nil {
		t.Fatal(err)
	}
}

// verify checks the audit chain, and that each of its rows has its delivery.
func verify(t *testing.T, o *Outbox, want int) {
	t.Helper()
	var chain audit.Chain
	if err := o.Audit(t.Context(), 1, chain.Next); err != nil {
		t.Fatal(err)
	}
	counts, err := o.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rows, pending := chain.Head().Seq, counts[outbox.Pending]; rows != int64(want) || pending != want {
		t.Fatalf("%d audit rows and %d deliveries, want %d of each", rows, pending, want)
	}
}

// TestDiskFull has no space for new pages: events are refused, nothing of them
// stays, and once there is space the service goes on.
func TestDiskFull(t *testing.T) {
	o, _ := openTest(t)
	pragma(t, o, "max_page_count = 1") // SQLite takes the present size instead
	for n := range 20 {
		if err := o.Commit(t.Context(), testChange(n, 100_000)); !errors.Is(err, outbox.ErrUnavailable) {
			t.Fatalf("event %d on a full disk: error %v, want ErrUnavailable", n, err)
		}
	}
	verify(t, o, 0)
	pragma(t, o, "max_page_count = 1000000")
	for n := range 20 {
		if err := o.Commit(t.Context(), testChange(n, 100_000)); err != nil {
			t.Fatalf("event %d with space again: %v", n, err)
		}
	}
	verify(t, o, 20)
	select {
	case <-o.Failed():
		t.Fatal("a full disk made the outbox fail for good")
	default:
	}
}

// TestFullForOneOnly has space for the small events of a group and not for the
// large one.
func TestFullForOneOnly(t *testing.T) {
	o, _ := openTest(t)
	pragma(t, o, "max_page_count = 100")
	var small [10]error
	var large error
	var senders sync.WaitGroup
	release := hold(t, o)
	senders.Go(func() { large = o.Commit(t.Context(), testChange(100, 1_000_000)) })
	for i := range small {
		senders.Go(func() { small[i] = o.Commit(t.Context(), testChange(i, 10)) })
	}
	waitQueued(o, 11)
	release()
	senders.Wait()
	if err := errors.Join(small[:]...); err != nil {
		t.Errorf("small events: %v", err)
	}
	if !errors.Is(large, outbox.ErrUnavailable) {
		t.Errorf("large event: error %v, want ErrUnavailable", large)
	}
	verify(t, o, 10)
}

// waitQueued waits until n requests are queued behind a held writer.
func waitQueued(o *Outbox, n int) {
	for len(o.writer.queue) < n {
		runtime.Gosched()
	}
}

// TestGroupCommit has many requests wait for a busy writer: they share one
// transaction.
func TestGroupCommit(t *testing.T) {
	const requests = 100
	o, _ := openTest(t)
	transactions := map[*tx]int{}
	var senders sync.WaitGroup
	release := hold(t, o)
	for range requests {
		senders.Go(func() {
			if err := o.writer.do(t.Context(), 0, func(tx *tx) error { transactions[tx]++; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	waitQueued(o, requests)
	release()
	senders.Wait()
	if len(transactions) != 1 {
		t.Errorf("%d requests took %d transactions, want 1", requests, len(transactions))
	}
}

// TestGroupBounds has more waiting than one group takes.
func TestGroupBounds(t *testing.T) {
	for _, tc := range []struct {
		name           string
		requests, size int
		want           int
	}{
		{"by number", groupRequests + 10, 1, groupRequests},
		{"by size", 10, groupBytes / 4, 4},
		{"one large", 2, groupBytes * 2, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &writer{queue: make(chan *request, tc.requests)}
			for range tc.requests {
				w.queue <- &request{size: tc.size}
			}
			w.gather(<-w.queue)
			if len(w.group) != tc.want {
				t.Errorf("group of %d, want %d", len(w.group), tc.want)
			}
		})
	}
}

// TestBusy has another process hold the write lock beyond the busy time-out.
func TestBusy(t *testing.T) {
	o, path := openTest(t)
	other, err := connect(writerDSN(path, "FULL"))
	if err != nil {
		t.Fatal(err)
	}
	var lock, unlock *stmt
	if err := other.prepareAll(map[**stmt]string{&lock: "BEGIN IMMEDIATE", &unlock: "ROLLBACK"}); err != nil {
		t.Fatal(err)
	}
	pragma(t, o, "busy_timeout = 1")
	if _, err := lock.exec(); err != nil {
		t.Fatal(err)
	}
	if err := o.Commit(t.Context(), testChange(1, 10)); !errors.Is(err, outbox.ErrUnavailable) {
		t.Fatalf("error %v, want ErrUnavailable", err)
	}
	verify(t, o, 0) // readers do not wait for the lock
	if _, err := unlock.exec(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(o.Commit(t.Context(), testChange(1, 10)), other.close()); err != nil {
		t.Fatal(err)
	}
	verify(t, o, 1)
}

// brokenCommit is a COMMIT that says that it failed, whether or not it ran.
type brokenCommit struct {
	driver.Stmt
	runs bool
}

var errBroken = errors.New("the disk went away")

func (b brokenCommit) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if b.runs {
		if _, err := b.Stmt.(driver.StmtExecContext).ExecContext(ctx, args); err != nil {
			return nil, err
		}
	}
	return nil, errBroken
}

// TestAmbiguousCommit has a COMMIT fail that persisted its group, and one that
// did not. Either way the senders are told that it failed, the outbox serves no
// more, and after a restart the repeat of an event finds out what happened.
func TestAmbiguousCommit(t *testing.T) {
	for _, tc := range []struct {
		name      string
		persisted bool
	}{{"failed, not persisted", false}, {"failed, persisted", true}} {
		t.Run(tc.name, func(t *testing.T) {
			o, path := openTest(t)
			var senders sync.WaitGroup
			release := hold(t, o)
			senders.Go(func() {
				if err := o.Commit(t.Context(), testChange(1, 10)); !errors.Is(err, outbox.ErrAmbiguous) || !errors.Is(err, errBroken) {
					t.Errorf("error %v, want ErrAmbiguous with its cause", err)
				}
			})
			senders.Go(func() {
				err := o.writer.do(t.Context(), 0, func(tx *tx) error {
					tx.commit.driver = brokenCommit{tx.commit.driver, tc.persisted}
					return nil
				})
				if !errors.Is(err, outbox.ErrAmbiguous) {
					t.Errorf("error %v, want ErrAmbiguous", err)
				}
			})
			waitQueued(o, 2)
			release()
			senders.Wait()
			<-o.Failed()
			wantFailed(t, o)
			if err := o.Close(); err != nil {
				t.Fatal(err)
			}
			checkRepeat(t, path, tc.persisted)
		})
	}
}

// wantFailed checks that each call fails for the cause.
func wantFailed(t *testing.T, o *Outbox) {
	t.Helper()
	_, readErr := o.Count(t.Context())
	for _, err := range []error{readErr, o.Commit(t.Context(), testChange(2, 10)), o.Probe(t.Context())} {
		if !errors.Is(err, outbox.ErrUnavailable) || !errors.Is(err, errBroken) {
			t.Errorf("error %v of a failed outbox, want ErrUnavailable with the cause", err)
		}
	}
}

// checkRepeat opens the outbox once more and repeats the ambiguous event.
func checkRepeat(t *testing.T, path string, persisted bool) {
	t.Helper()
	o, err := Open(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = o.Commit(t.Context(), testChange(1, 10))
	var duplicate *outbox.DuplicateError
	if persisted != errors.As(err, &duplicate) || !persisted && err != nil {
		t.Errorf("repeat: error %v, persisted %v", err, persisted)
	}
	verify(t, o, 1)
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}
