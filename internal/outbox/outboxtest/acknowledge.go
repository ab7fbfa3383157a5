package outboxtest

import (
	"errors"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// acknowledgement says, n seconds after start, that the agent has the version of db.
func acknowledgement(agent string, version int64, n int) outbox.Acknowledgement {
	return outbox.Acknowledgement{
		Key: key(agent, "db"), Version: version, Receipt: "receipt", At: at(n),
		Audit: audit.Entry{At: at(n), Kind: audit.DeliveryDelivered, Actor: "agent/" + agent, Secret: "db", Version: version},
	}
}

func (s *store) acknowledge(ack outbox.Acknowledgement) {
	s.t.Helper()
	if err := s.Acknowledge(s.t.Context(), ack); err != nil {
		s.t.Fatalf("acknowledge: %v", err)
	}
}

// wait commits version 1 of db and settles it as waiting.
func (s *store) wait() {
	s.t.Helper()
	s.commit(change("db", 1, 0, "web"))
	s.settle(outcome(s.claimOne(0), outbox.Waiting, 1))
}

func settleWaiting(t *testing.T, s *store) {
	s.wait()
	d := s.get(key("web", "db"))
	if d.State != outbox.Waiting || d.Attempts != 0 || d.DeliveredVersion != 0 || len(d.Envelope) == 0 {
		t.Fatalf("got %+v, want version 1 waiting", d)
	}
	s.claimNone(1000)
	counts, err := s.Count(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "counts", counts, map[outbox.State]int{outbox.Waiting: 1})
	s.commit(change("db", 2, 2000, "web"))
	equal(t, "the newer one", s.claimOne(2000).Version, 2)
}

func receiptIsKept(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	done := outcome(s.claimOne(0), outbox.Delivered, 1)
	done.Receipt = "receipt 1"
	s.settle(done)
	equal(t, "receipt", s.get(key("web", "db")).Receipt, "receipt 1")
	s.commit(change("db", 2, 2, "web"))
	equal(t, "receipt of what is there", s.get(key("web", "db")).Receipt, "receipt 1")
	s.settle(outcome(s.claimOne(2), outbox.Pending, 3))
	equal(t, "receipt after a failure", s.get(key("web", "db")).Receipt, "receipt 1")
	s.settle(outcome(s.claimOne(100), outbox.Delivered, 100))
	equal(t, "no receipt of the newer", s.get(key("web", "db")).Receipt, "")
}

func acknowledgeWaiting(t *testing.T, s *store) {
	s.wait()
	s.acknowledge(acknowledgement("web", 1, 5))
	d := s.get(key("web", "db"))
	if d.State != outbox.Delivered || d.DeliveredVersion != 1 || !d.DeliveredAt.Equal(at(5)) || d.Receipt != "receipt" || d.Reason != "" {
		t.Fatalf("got %+v, want version 1 delivered", d)
	}
	s.claimNone(1000)
	equal(t, "audit rows", len(s.rows()), 2)
}

// acknowledgeOlder: the newer version stays as wanted as it was.
func acknowledgeOlder(t *testing.T, s *store) {
	s.wait()
	s.commit(change("db", 2, 2, "web"))
	s.acknowledge(acknowledgement("web", 1, 5))
	d := s.get(key("web", "db"))
	if d.State != outbox.Pending || d.Version != 2 || d.DeliveredVersion != 1 {
		t.Fatalf("got %+v, want version 2 pending and 1 there", d)
	}
	equal(t, "claimed", s.claimOne(5).Version, 2)
}

func acknowledgeTwice(t *testing.T, s *store) {
	s.wait()
	s.acknowledge(acknowledgement("web", 1, 5))
	before := s.get(key("web", "db"))
	if err := s.Acknowledge(t.Context(), acknowledgement("web", 1, 9)); !errors.Is(err, outbox.ErrAcknowledged) {
		t.Fatalf("error %v, want ErrAcknowledged", err)
	}
	equal(t, "row", s.get(key("web", "db")), before)
	equal(t, "audit rows", len(s.rows()), 2)
}

// acknowledgeFences: what a claim that is on its way says afterwards counts no
// more.
func acknowledgeFences(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	claimed := s.claimOne(0)
	s.acknowledge(acknowledgement("web", 1, 5))
	if _, err := s.Settle(t.Context(), outcome(claimed, outbox.Dead, 6)); !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, want ErrFenced", err)
	}
	equal(t, "state", s.get(key("web", "db")).State, outbox.Delivered)
	s.claimNone(1000)
}

func acknowledgeBlocked(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"), block(change("db", 2, 1, "web"), "certificate expired"))
	s.acknowledge(acknowledgement("web", 1, 5))
	d := s.get(key("web", "db"))
	if d.State != outbox.Blocked || d.DeliveredVersion != 1 || d.Reason != "certificate expired" {
		t.Fatalf("got %+v, want version 2 blocked and 1 there", d)
	}
}

func acknowledgeNothing(t *testing.T, s *store) {
	s.wait()
	if err := s.Acknowledge(t.Context(), acknowledgement("else", 1, 5)); !errors.Is(err, outbox.ErrNotFound) {
		t.Errorf("no such delivery: error %v, want ErrNotFound", err)
	}
	if err := s.Acknowledge(t.Context(), acknowledgement("web", 2, 5)); err == nil {
		t.Error("a version is acknowledged that was never wanted")
	}
	equal(t, "row", s.get(key("web", "db")).State, outbox.Waiting)
	s.claim(1000, 1, time.Minute)
}

// acknowledgeDelivered: the receipt of what was pushed comes later, once.
func acknowledgeDelivered(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.settle(outcome(s.claimOne(0), outbox.Delivered, 1))
	s.acknowledge(acknowledgement("web", 1, 5))
	d := s.get(key("web", "db"))
	if d.State != outbox.Delivered || d.Receipt != "receipt" || !d.DeliveredAt.Equal(at(1)) {
		t.Fatalf("got %+v, want it delivered at %v with a receipt", d, at(1))
	}
	equal(t, "audit rows", len(s.rows()), 3)
	if err := s.Acknowledge(t.Context(), acknowledgement("web", 1, 9)); !errors.Is(err, outbox.ErrAcknowledged) {
		t.Fatalf("error %v, want ErrAcknowledged", err)
	}
}

// acknowledgeRetried: what an operator has sent once more is acknowledged once
// more, whatever was there before.
func acknowledgeRetried(t *testing.T, s *store) {
	s.wait()
	s.acknowledge(acknowledgement("web", 1, 5))
	if n, err := s.Retry(t.Context(), outbox.Filter{}, audit.Entry{At: at(6), Kind: audit.DeliveryRetried}); n != 1 || err != nil {
		t.Fatalf("retried %d, %v; want 1", n, err)
	}
	s.settle(outcome(s.claimOne(6), outbox.Waiting, 7))
	s.acknowledge(acknowledgement("web", 1, 9))
	d := s.get(key("web", "db"))
	if d.State != outbox.Delivered || !d.DeliveredAt.Equal(at(9)) {
		t.Fatalf("got %+v, want it delivered at %v", d, at(9))
	}
	if err := s.Acknowledge(t.Context(), acknowledgement("web", 1, 10)); !errors.Is(err, outbox.ErrAcknowledged) {
		t.Fatalf("error %v, want ErrAcknowledged", err)
	}
}

// listCurrent leaves out a version that waits and whose secret has a newer one,
// which the agent does not get.
func listCurrent(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web", "batch"))
	for _, d := range s.claim(0, 2, time.Minute) {
		s.settle(outcome(d, outbox.Waiting, 1))
	}
	waiting := func(current bool) int {
		found, err := s.List(t.Context(), outbox.Filter{States: []outbox.State{outbox.Waiting}, Current: current})
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	equal(t, "current", waiting(true), 2)
	s.commit(change("db", 2, 2, "web"))
	s.settle(outcome(s.claimOne(2), outbox.Waiting, 3))
	equal(t, "current", waiting(true), 1)
	equal(t, "all", waiting(false), 2)
}
