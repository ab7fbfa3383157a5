package outboxtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func latestWins(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.settle(outcome(s.claimOne(0), outbox.Pending, 1))
	s.commit(change("db", 2, 2, "web"))
	d := s.claimOne(2)
	if d.Version != 2 || string(d.Envelope) != "envelope db 2 web" || d.Attempts != 0 || d.Reason != "" {
		t.Fatalf("got %+v, want version 2 with no attempts and no reason", d)
	}
	all, err := s.List(t.Context(), outbox.Filter{})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d rows, error %v; want 1 row", len(all), err)
	}
}

// unroutedIsGivenUp: an agent that gets no copy of the newer version does not
// get the older one either.
func unroutedIsGivenUp(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web", "batch"), change("db", 2, 1, "web"))
	equal(t, "claimed", s.claimOne(5).Key, key("web", "db"))
	d := s.get(key("batch", "db"))
	if d.State != outbox.Dead || d.Version != 1 || !strings.Contains(d.Reason, "version 2") {
		t.Fatalf("got %+v, want version 1 given up for version 2", d)
	}
	rows := s.rows()
	if last := string(rows[len(rows)-1].Entry); len(rows) != 3 || !strings.Contains(last, string(audit.DeliveryDead)) {
		t.Fatalf("%d audit rows, the last is %s; want 3, ending with %s", len(rows), last, audit.DeliveryDead)
	}
	if n, err := s.Retry(t.Context(), outbox.Filter{Agent: "batch"}, audit.Entry{At: at(6), Kind: audit.DeliveryRetried}); n != 0 || err != nil {
		t.Fatalf("retry of the older version: %d, %v; want none", n, err)
	}
	s.commit(change("db", 3, 7, "batch"))
	equal(t, "claimed", s.claimOne(7).Version, 3)
}

func blocked(t *testing.T, s *store) {
	s.commit(block(change("db", 1, 0, "web"), "certificate expired"))
	s.claimNone(100)
	if _, ok, err := s.NextDue(t.Context(), nil); ok || err != nil {
		t.Fatalf("next due: %v, %v; want none", ok, err)
	}
	d := s.get(key("web", "db"))
	if d.State != outbox.Blocked || d.Reason != "certificate expired" || len(d.Envelope) != 0 || d.Statement != "" {
		t.Fatalf("got %+v, want it blocked", d)
	}
	if n, err := s.Retry(t.Context(), outbox.Filter{}, audit.Entry{At: at(1), Kind: audit.DeliveryRetried}); n != 0 || err != nil {
		t.Fatalf("retry of a blocked delivery: %d, %v; want none", n, err)
	}
}

func blockedReplaces(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"), block(change("db", 2, 1, "web"), "certificate expired"))
	s.claimNone(100)
	d := s.get(key("web", "db"))
	if d.State != outbox.Blocked || d.Version != 2 || len(d.Envelope) != 0 {
		t.Fatalf("got %+v, want version 2 blocked", d)
	}
}

func unblocks(t *testing.T, s *store) {
	s.commit(block(change("db", 1, 0, "web"), "certificate expired"), change("db", 2, 1, "web"))
	d := s.claimOne(1)
	if d.Version != 2 || d.Reason != "" || string(d.Envelope) != "envelope db 2 web" {
		t.Fatalf("got %+v, want version 2", d)
	}
}

func newerWaitsForClaim(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	first := s.claimOne(0)
	s.commit(change("db", 2, 1, "web"))
	s.claimNone(59)
	if _, err := s.Settle(t.Context(), outcome(first, outbox.Pending, 30)); !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, want ErrFenced", err)
	}
	d := s.claimOne(30)
	if d.Version != 2 || d.Attempts != 0 || d.Fence <= first.Fence {
		t.Fatalf("got %+v, want version 2 with no attempts and a newer fence", d)
	}
}

func newerWaitsForLease(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	first := s.claimOne(0)
	s.commit(change("db", 2, 1, "web"))
	if due, ok, err := s.NextDue(t.Context(), nil); !ok || err != nil || !due.Equal(at(60)) {
		t.Fatalf("next due %v, %v, %v; want the end of the lease", due, ok, err)
	}
	s.claimNone(59)
	second := s.claimOne(60)
	equal(t, "version", second.Version, 2)
	if _, err := s.Settle(t.Context(), outcome(first, outbox.Delivered, 61)); !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, want ErrFenced", err)
	}
	d := s.get(key("web", "db"))
	if d.State != outbox.Pending || !d.Next.Equal(second.Next) || d.DeliveredVersion != 0 {
		t.Fatalf("got %+v, want the second claim untouched", d)
	}
}

func settleOlder(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	first := s.claimOne(0)
	s.commit(change("db", 2, 1, "web"))
	if _, err := s.Settle(t.Context(), outcome(first, outbox.Delivered, 2)); !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, want ErrFenced", err)
	}
	d := s.get(key("web", "db"))
	if d.State != outbox.Pending || d.Version != 2 || d.DeliveredVersion != 1 || !d.DeliveredAt.Equal(at(2)) || d.Next.After(at(2)) {
		t.Fatalf("got %+v, want version 2 due and version 1 there", d)
	}
	equal(t, "audit rows", len(s.rows()), 3)

	second := s.claimOne(2)
	s.commit(change("db", 3, 3, "web"))
	if _, err := s.Settle(t.Context(), outcome(second, outbox.Dead, 4)); !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, want ErrFenced", err)
	}
	d = s.claimOne(4)
	if d.Version != 3 || d.DeliveredVersion != 1 || d.Attempts != 0 {
		t.Fatalf("got %+v, want version 3 claimed and version 1 there", d)
	}
}

func settleBlocked(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	first := s.claimOne(0)
	s.commit(block(change("db", 2, 1, "web"), "certificate expired"))
	if _, err := s.Settle(t.Context(), outcome(first, outbox.Delivered, 2)); !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, want ErrFenced", err)
	}
	d := s.get(key("web", "db"))
	if d.State != outbox.Blocked || d.Version != 2 || d.DeliveredVersion != 1 || d.Reason != "certificate expired" {
		t.Fatalf("got %+v, want version 2 blocked and version 1 there", d)
	}
}

func deliveredIsKept(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.settle(outcome(s.claimOne(0), outbox.Delivered, 5))
	for version := int64(2); version < 4; version++ {
		s.commit(change("db", version, 10, "web"))
		d := s.get(key("web", "db"))
		if d.State != outbox.Pending || d.Version != version || d.DeliveredVersion != 1 || !d.DeliveredAt.Equal(at(5)) {
			t.Fatalf("got %+v, want version %d wanted and version 1 there since %v", d, version, at(5))
		}
	}
}

func times(t *testing.T, s *store) {
	c := change("db", 1, 0, "web")
	c.ReceivedAt = start.Add(123_456_789).In(time.FixedZone("", 3600))
	c.OccurredAt = time.Date(1677, 1, 1, 0, 0, 0, 1000, time.UTC) // beyond what nanoseconds can count
	s.commit(c)
	d := s.get(key("web", "db"))
	equal(t, "accepted", d.AcceptedAt, start.Add(123_456_000))
	equal(t, "next", d.Next, start.Add(123_456_000))
	equal(t, "occurred", s.prior(c).OccurredAt, c.OccurredAt)
}
