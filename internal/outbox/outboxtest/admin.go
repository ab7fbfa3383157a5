package outboxtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func nextDue(t *testing.T, s *store) {
	want := func(what string, due time.Time, some bool) {
		t.Helper()
		got, ok, err := s.NextDue(t.Context(), nil)
		if err != nil || ok != some || !got.Equal(due) {
			t.Fatalf("%s: next due %v, %v, %v; want %v, %v", what, got, ok, err, due, some)
		}
	}
	want("empty", time.Time{}, false)
	s.commit(change("b", 1, 20, "web"), change("a", 1, 10, "web"))
	want("two pending", at(10), true)
	claimed := s.claimOne(10)
	want("one claimed", at(20), true)
	s.settle(outcome(s.claimOne(20), outbox.Delivered, 20))
	want("only the lease", at(70), true)
	s.settle(outcome(claimed, outbox.Pending, 30))
	want("to be tried again", at(90), true)
	s.settle(outcome(s.claimOne(90), outbox.Dead, 90))
	want("nothing pending", time.Time{}, false)
}

func changed(t *testing.T, s *store) {
	signalled := func() bool {
		select {
		case <-s.Changed():
			return true
		default:
			return false
		}
	}
	if signalled() {
		t.Fatal("signal before any commit")
	}
	s.commit(change("a", 1, 0, "web"), change("b", 1, 0, "web"))
	if !signalled() {
		t.Fatal("no signal after commits")
	}
	if signalled() {
		t.Fatal("signals that nobody waited for were not merged")
	}
	s.claim(0, 10, time.Minute)
	if err := s.Commit(t.Context(), change("a", 1, 0, "web")); err == nil {
		t.Fatal("an event was accepted twice")
	}
	if signalled() {
		t.Fatal("signal without a change")
	}
}

func retry(t *testing.T, s *store) {
	s.commit(change("a", 1, 0, "web"), change("b", 1, 0, "web"), change("c", 1, 0, "web"), block(change("d", 1, 0, "web"), "certificate expired"))
	states := []outbox.State{outbox.Dead, outbox.Delivered, outbox.Pending}
	for i, d := range s.claim(0, 10, time.Minute) {
		s.settle(outcome(d, states[i], 5))
	}
	before := len(s.rows())
	entry := audit.Entry{At: at(10), Kind: audit.DeliveryRetried, Actor: "operator/ann"}
	n, err := s.Retry(t.Context(), outbox.Filter{States: []outbox.State{outbox.Dead, outbox.Blocked}}, entry)
	if n != 1 || err != nil {
		t.Fatalf("retried %d, %v; want 1", n, err)
	}
	d := s.get(key("web", "a"))
	if d.State != outbox.Pending || d.Attempts != 0 || d.Reason != "" || !d.Next.Equal(at(10)) {
		t.Fatalf("got %+v, want it due at %v with no attempts", d, at(10))
	}
	equal(t, "others", s.get(key("web", "b")).State, outbox.Delivered)
	if n, err := s.Retry(t.Context(), outbox.Filter{Limit: 1}, entry); n != 3 || err != nil {
		t.Fatalf("retried %d, %v; want 3, as Limit is for listings", n, err)
	}
	equal(t, "due", len(s.claim(10, 10, time.Minute)), 3)
	equal(t, "audit rows", len(s.rows()), before+2)
}

func retryKeepsLease(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	claimed := s.claimOne(0)
	if n, err := s.Retry(t.Context(), outbox.Filter{}, audit.Entry{At: at(1), Kind: audit.DeliveryRetried}); n != 1 || err != nil {
		t.Fatalf("retried %d, %v; want 1", n, err)
	}
	s.claimNone(59)
	s.settle(outcome(claimed, outbox.Delivered, 59))
}

func retryNothing(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	n, err := s.Retry(t.Context(), outbox.Filter{Agent: "nobody"}, audit.Entry{At: at(1), Kind: audit.DeliveryRetried})
	if n != 0 || err != nil {
		t.Fatalf("retried %d, %v; want 0", n, err)
	}
	equal(t, "audit rows", len(s.rows()), 1)
}

func get(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	for _, k := range []outbox.Key{{}, key("web", "d"), key("WEB", "db"), {Agent: "web", Destination: "vault", Secret: "db"}} {
		if _, err := s.Get(t.Context(), k); !errors.Is(err, outbox.ErrNotFound) {
			t.Errorf("get %v: error %v, want ErrNotFound", k, err)
		}
	}
}

func list(t *testing.T, s *store) {
	for _, secret := range []string{"c", "a", "b"} {
		c := change(secret, 1, 0, "web", "batch")
		c.Sealed = append(c.Sealed, c.Sealed[0])
		c.Sealed[2].Destination = "vault"
		s.commit(c)
	}
	for _, d := range s.claim(0, 10, time.Minute) {
		if d.Key == key("web", "c") {
			s.settle(outcome(d, outbox.Delivered, 1))
		}
	}
	for _, tc := range []struct {
		name   string
		filter outbox.Filter
		want   string
	}{
		{"all", outbox.Filter{}, "batch/files/a batch/files/b batch/files/c web/files/a web/files/b web/files/c web/vault/a web/vault/b web/vault/c"},
		{"agent", outbox.Filter{Agent: "batch"}, "batch/files/a batch/files/b batch/files/c"},
		{"destination", outbox.Filter{Destination: "vault"}, "web/vault/a web/vault/b web/vault/c"},
		{"secret", outbox.Filter{Secret: "a"}, "batch/files/a web/files/a web/vault/a"},
		{"exact", outbox.Filter{Agent: "web", Destination: "files", Secret: "b"}, "web/files/b"},
		{"state", outbox.Filter{States: []outbox.State{outbox.Delivered}}, "web/files/c"},
		{"states", outbox.Filter{States: []outbox.State{outbox.Delivered, outbox.Dead, outbox.Pending}, Secret: "c"}, "batch/files/c web/files/c web/vault/c"},
		{"no match", outbox.Filter{Agent: "we"}, ""},
		{"first page", outbox.Filter{Limit: 2}, "batch/files/a batch/files/b"},
		{"next page", outbox.Filter{Limit: 2, After: &outbox.Key{Agent: "batch", Destination: "files", Secret: "b"}}, "batch/files/c web/files/a"},
		{"behind no row", outbox.Filter{Limit: 1, After: &outbox.Key{Agent: "c"}}, "web/files/a"},
		{"behind the last", outbox.Filter{After: &outbox.Key{Agent: "web", Destination: "vault", Secret: "c"}}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			found, err := s.List(t.Context(), tc.filter)
			if err != nil {
				t.Fatal(err)
			}
			var keys []string
			for _, d := range found {
				keys = append(keys, d.Agent+"/"+d.Destination+"/"+d.Secret)
				whole := s.get(d.Key)
				if diff := cmp.Diff(whole, d, cmpopts.IgnoreFields(outbox.Delivery{}, "Envelope", "Statement")); diff != "" {
					t.Errorf("listed row (-get +list):\n%s", diff)
				}
				if d.Envelope != nil || d.Statement != "" {
					t.Errorf("a listing has the envelope of %v", d.Key)
				}
			}
			equal(t, "listed", strings.Join(keys, " "), tc.want)
		})
	}
}

func count(t *testing.T, s *store) {
	want := func(counts map[outbox.State]int) {
		t.Helper()
		got, err := s.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "counts", got, counts)
	}
	want(map[outbox.State]int{})
	for i := range 6 {
		s.commit(change(fmt.Sprint("db", i), 1, i, "web"))
	}
	s.commit(block(change("x", 1, 0, "web", "batch"), "certificate expired"))
	want(map[outbox.State]int{outbox.Pending: 7, outbox.Blocked: 1})
	for i, d := range s.claim(10, 10, time.Minute) {
		if i < 3 {
			s.settle(outcome(d, outbox.Delivered, 11))
		} else if i < 5 {
			s.settle(outcome(d, outbox.Dead, 11))
		}
	}
	want(map[outbox.State]int{outbox.Pending: 2, outbox.Blocked: 1, outbox.Delivered: 3, outbox.Dead: 2})
}

func record(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	entry := audit.Entry{At: at(1), Kind: audit.StoreAdded, Actor: "token/on-call", Store: "vault", Alias: "web/1", Detail: "added"}
	for range 2 {
		if err := s.Record(t.Context(), entry); err != nil {
			t.Fatal(err)
		}
	}
	rows := s.rows()
	equal(t, "audit rows", len(rows), 3)
	for _, row := range rows[1:] {
		var got audit.Entry
		if err := json.Unmarshal(row.Entry, &got); err != nil {
			t.Fatal(err)
		}
		equal(t, "entry", got, entry)
	}
	equal(t, "claimed", s.claimOne(3).Agent, "web")
}

func auditFrom(t *testing.T, s *store) {
	const events = 1203 // more than a page
	var senders sync.WaitGroup
	for i := range events {
		senders.Go(func() { s.commit(change(fmt.Sprint("db", i), 1, 0)) })
	}
	senders.Wait()
	for _, from := range []int64{-5, 0, 1, 2, 700, events, events + 1} {
		next := max(from, 1)
		err := s.Audit(t.Context(), from, func(row audit.Row) error {
			if row.Seq != next {
				return fmt.Errorf("row %d where %d had to come", row.Seq, next)
			}
			next++
			_, err := s.Count(t.Context()) // a visitor may use the outbox
			return err
		})
		if err != nil || next != events+1 {
			t.Errorf("from %d: ended before row %d, %v", from, next, err)
		}
	}
}

func auditStops(t *testing.T, s *store) {
	s.commit(change("a", 1, 0), change("b", 1, 0))
	enough, visits := errors.New("enough"), 0
	err := s.Audit(t.Context(), 1, func(audit.Row) error { visits++; return enough })
	if !errors.Is(err, enough) || errors.Is(err, outbox.ErrUnavailable) || visits != 1 {
		t.Fatalf("error %v after %d visits, want the visitor's after 1", err, visits)
	}
}

// auditAcrossHandles writes through two handles at once, and through a third
// opened later: there is one chain.
func auditAcrossHandles(t *testing.T, s *store) {
	const events = 60
	handles := []outbox.Outbox{s.Outbox, s.handle()}
	var senders sync.WaitGroup
	for i := range events {
		senders.Go(func() {
			if err := handles[i%2].Commit(t.Context(), change(fmt.Sprint("db", i), 1, 0, "web")); err != nil {
				t.Error(err)
			}
		})
	}
	senders.Wait()
	if err := s.handle().Commit(t.Context(), change("last", 1, 0, "web")); err != nil {
		t.Fatal(err)
	}
	equal(t, "audit rows", len(s.rows()), events+1)
}

func forget(t *testing.T, s *store) {
	const events = 2500 // more than is removed at once
	var senders sync.WaitGroup
	for i := range events {
		senders.Go(func() { s.commit(change(fmt.Sprint("db", i), 1, i, "web")) })
	}
	senders.Wait()
	for _, tc := range []struct{ before, want int }{{0, 0}, {2400, 2400}, {2400, 0}} {
		if n, err := s.Forget(t.Context(), at(tc.before)); n != tc.want || err != nil {
			t.Fatalf("forgot %d, %v; want %d", n, err, tc.want)
		}
	}
	old, kept := change("db7", 1, 7, "web"), change("db2400", 1, 2400, "web")
	equal(t, "forgotten", s.prior(old), outbox.Prior{Version: 1, OccurredAt: at(6), ReceivedAt: at(7), Digest: old.Digest})
	equal(t, "kept", string(s.prior(kept).Answer), string(kept.Answer))
	old.Version = 2
	s.commit(old) // counts as new
	wantDuplicate(t, s.Commit(t.Context(), kept), kept.Answer)
	equal(t, "deliveries stay", s.get(key("web", "db0")).Version, 1)
}

func probe(t *testing.T, s *store) {
	for range 3 {
		if err := s.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	equal(t, "audit rows", len(s.rows()), 0)
}

// reopen finds everything again after Close.
func reopen(t *testing.T, s *store) {
	c := change("db", 1, 0, "web", "batch")
	s.commit(c)
	s.settle(outcome(s.claim(0, 1, time.Minute)[0], outbox.Delivered, 1))
	claimed := s.claimOne(1)
	before := []any{s.prior(c), s.get(key("web", "db")), s.get(key("batch", "db")), s.rows()}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Outbox = s.handle()
	equal(t, "after reopening", []any{s.prior(c), s.get(key("web", "db")), s.get(key("batch", "db")), s.rows()}, before)
	wantDuplicate(t, s.Commit(t.Context(), c), c.Answer)
	s.settle(outcome(claimed, outbox.Delivered, 2)) // a claim outlives the process
}

// calls are all methods that may fail.
func calls(o outbox.Outbox) map[string]func(context.Context) error {
	entry := audit.Entry{At: at(0), Kind: audit.DeliveryRetried}
	return map[string]func(context.Context) error{
		"Prior":        func(ctx context.Context) error { _, err := o.Prior(ctx, "vault", "1", "db"); return err },
		"Commit":       func(ctx context.Context) error { return o.Commit(ctx, change("other", 1, 0, "web")) },
		"Repeated":     func(ctx context.Context) error { _, err := o.Repeated(ctx, "vault", "1", at(0)); return err },
		"Await":        func(ctx context.Context) error { return o.Await(ctx, news("other", "n1", 0)) },
		"Overdue":      func(ctx context.Context) error { _, err := o.Overdue(ctx, at(100)); return err },
		"CountAwaited": func(ctx context.Context) error { _, _, err := o.CountAwaited(ctx, at(0)); return err },
		"Secrets":      func(ctx context.Context) error { _, err := o.Secrets(ctx, outbox.SecretFilter{}); return err },
		"Claim":        func(ctx context.Context) error { _, err := o.Claim(ctx, at(0), 1, time.Minute, nil); return err },
		"Settle": func(ctx context.Context) error {
			_, err := o.Settle(ctx, outcome(outbox.Delivery{}, outbox.Pending, 0))
			return err
		},
		"Acknowledge": func(ctx context.Context) error { return o.Acknowledge(ctx, acknowledgement("web", 1, 0)) },
		"NextDue":     func(ctx context.Context) error { _, _, err := o.NextDue(ctx, nil); return err },
		"Retry":       func(ctx context.Context) error { _, err := o.Retry(ctx, outbox.Filter{}, entry); return err },
		"Pause": func(ctx context.Context) error {
			_, err := o.Pause(ctx, files("web"), pauseEntry(audit.DeliveryPaused, 0))
			return err
		},
		"Resume": func(ctx context.Context) error {
			_, err := o.Resume(ctx, files("web"), pauseEntry(audit.DeliveryResumed, 0))
			return err
		},
		"Holds":      func(ctx context.Context) error { _, err := o.Holds(ctx); return err },
		"Attempts":   func(ctx context.Context) error { _, err := o.Attempts(ctx, key("web", "db")); return err },
		"Quarantine": func(ctx context.Context) error { _, err := o.Quarantine(ctx, "web", entry); return err },
		"Release":    func(ctx context.Context) error { _, err := o.Release(ctx, "web", entry); return err },
		"Invite":     func(ctx context.Context) error { return o.Invite(ctx, outbox.Invitation{Agent: "web"}, entry) },
		"Enrol":      func(ctx context.Context) error { _, err := o.Enrol(ctx, outbox.Enrolment{Agent: "web"}); return err },
		"Decide":     func(ctx context.Context) error { return o.Decide(ctx, "web", "key", outbox.Approved, "", entry) },
		"AskKeys":    func(ctx context.Context) error { return o.AskKeys(ctx, "web", entry) },
		"Enrolments": func(ctx context.Context) error { _, err := o.Enrolments(ctx); return err },
		"Escrow":     func(ctx context.Context) error { _, err := o.Escrow(ctx, "db"); return err },
		"DropEscrow": func(ctx context.Context) error { _, err := o.DropEscrow(ctx, entry); return err },
		"Copies":     func(ctx context.Context) error { _, err := o.Copies(ctx, outbox.SecretFilter{}); return err },
		"Get":        func(ctx context.Context) error { _, err := o.Get(ctx, key("web", "db")); return err },
		"List":       func(ctx context.Context) error { _, err := o.List(ctx, outbox.Filter{}); return err },
		"Count":      func(ctx context.Context) error { _, err := o.Count(ctx); return err },
		"Record":     func(ctx context.Context) error { return o.Record(ctx, entry) },
		"Audit":      func(ctx context.Context) error { return o.Audit(ctx, 1, func(audit.Row) error { return nil }) },
		"Forget":     func(ctx context.Context) error { _, err := o.Forget(ctx, at(100)); return err },
		"Probe":      o.Probe,
	}
}

func cancelledContexts(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range calls(s.Outbox) {
		if err := call(ctx); !errors.Is(err, context.Canceled) || !errors.Is(err, outbox.ErrUnavailable) {
			t.Errorf("%s: error %v, want ErrUnavailable for context.Canceled", name, err)
		}
	}
	equal(t, "audit rows", len(s.rows()), 1)
	equal(t, "state", s.claimOne(0).Fence, 1)
}

func closeSemantics(t *testing.T, s *store) {
	s.verified = true
	s.commit(change("db", 1, 0, "web"))
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	for name, call := range calls(s.Outbox) {
		if err := call(t.Context()); !errors.Is(err, outbox.ErrUnavailable) {
			t.Errorf("%s after close: error %v, want ErrUnavailable", name, err)
		}
	}
}

// closeWaits closes while events come in: each was either committed, or not
// and was told so.
func closeWaits(t *testing.T, s *store) {
	const events = 400
	outcomes := make([]error, events)
	var senders sync.WaitGroup
	for i := range events {
		senders.Go(func() { outcomes[i] = s.Commit(t.Context(), change(fmt.Sprint("db", i), 1, 0, "web")) })
		if i == events/2 {
			senders.Go(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	senders.Wait()
	s.Outbox = s.handle()
	for i, err := range outcomes {
		there := s.prior(change(fmt.Sprint("db", i), 1, 0)).Version == 1
		if there != (err == nil) || err != nil && !errors.Is(err, outbox.ErrUnavailable) {
			t.Errorf("event %d: there %v, error %v", i, there, err)
		}
	}
}
