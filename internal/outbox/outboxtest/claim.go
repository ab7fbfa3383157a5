package outboxtest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
)

func claimOrder(t *testing.T, s *store) {
	for _, n := range []int{3, 1, 2, 5, 4} {
		s.commit(change(fmt.Sprint("db", n), 1, n, "web"))
	}
	var order []string
	for _, d := range append(s.claim(4, 3, time.Minute), s.claim(4, 3, time.Minute)...) {
		order = append(order, d.Secret)
	}
	equal(t, "claimed in order", order, []string{"db1", "db2", "db3", "db4"})
	s.claimNone(4)
	equal(t, "claimed when due", s.claimOne(5).Secret, "db5")
}

func claimComplete(t *testing.T, s *store) {
	c := change("db", 1, 0, "web")
	s.commit(c)
	d := s.claimOne(7)
	equal(t, "claimed", d, outbox.Delivery{
		Key: key("web", "db"), State: outbox.Pending, Operation: "set", Version: 1, Format: "age", KeyID: "key-web",
		Envelope: c.Sealed[0].Envelope, Statement: c.Sealed[0].Statement, Source: "vault", EventID: c.EventID,
		Next: at(67), AcceptedAt: at(0), UpdatedAt: at(0), Fence: d.Fence,
	})
	if d.Fence == 0 {
		t.Error("a claim has fence 0, which is that of no claim")
	}
	equal(t, "row", s.get(d.Key), d)
}

func leaseExpiry(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	first := s.claimOne(0)
	s.claimNone(59)
	second := s.claimOne(60)
	if second.Fence <= first.Fence {
		t.Fatalf("fence %d after %d, want a greater one", second.Fence, first.Fence)
	}
	equal(t, "attempts", second.Attempts, 0)
}

func stuckDeliveries(t *testing.T, s *store) {
	const secrets = 20
	agents := 500
	if testing.Short() { // under the race detector
		agents = 100
	}
	names := make([]string, agents)
	for i := range names {
		names[i] = fmt.Sprintf("agent-%03d", i)
	}
	for i := range secrets {
		s.commit(change(fmt.Sprint("db", i), 1, 0, names...))
	}
	equal(t, "claimed by the worker that dies", len(s.claim(0, secrets*agents, time.Minute)), secrets*agents)
	s.claimNone(59)
	rescued := map[outbox.Key]bool{}
	for {
		page := s.claim(60, 777, time.Minute)
		if len(page) == 0 {
			break
		}
		for _, d := range page {
			rescued[d.Key] = true
		}
	}
	equal(t, "rescued", len(rescued), secrets*agents)
}

// noDoubleClaim has workers on two handles, of which some lose their lease.
func noDoubleClaim(t *testing.T, s *store) {
	const secrets, workers = 300, 8
	for i := range secrets {
		s.commit(change(fmt.Sprint("db", i), 1, 0, "web"))
	}
	handles := []outbox.Outbox{s.Outbox, s.handle()}
	var mu sync.Mutex
	claims := map[string]int{}
	var running sync.WaitGroup
	for worker := range workers {
		running.Go(func() {
			for {
				page, err := handles[worker%2].Claim(t.Context(), at(0), 7, time.Minute, nil)
				if err != nil {
					t.Error(err)
				}
				if len(page) == 0 {
					return
				}
				mu.Lock()
				for _, d := range page {
					claims[fmt.Sprintf("%s at fence %d", d.Secret, d.Fence)]++
				}
				mu.Unlock()
			}
		})
	}
	running.Wait()
	equal(t, "claims", len(claims), secrets)
	for claim, n := range claims {
		if n != 1 {
			t.Errorf("%s was claimed %d times", claim, n)
		}
	}
}

func settleDelivered(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.settle(outcome(s.claimOne(0), outbox.Delivered, 5))
	d := s.get(key("web", "db"))
	if d.State != outbox.Delivered || d.DeliveredVersion != 1 || !d.DeliveredAt.Equal(at(5)) || !d.UpdatedAt.Equal(at(5)) || d.Attempts != 0 {
		t.Fatalf("got %+v, want version 1 delivered", d)
	}
	s.claimNone(1000)
	equal(t, "audit rows", len(s.rows()), 2)
}

func settlePending(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	for attempt := range 3 {
		n := attempt * 100
		s.settle(outcome(s.claimOne(n), outbox.Pending, n))
		d := s.get(key("web", "db"))
		if d.State != outbox.Pending || d.Attempts != attempt+1 || !d.Next.Equal(at(n+60)) || d.Reason != "connection refused" {
			t.Fatalf("got %+v, want attempt %d and the next at %v", d, attempt+1, at(n+60))
		}
		s.claimNone(n + 59)
	}
	equal(t, "audit rows", len(s.rows()), 1)
}

func settleDead(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.settle(outcome(s.claimOne(0), outbox.Dead, 5))
	d := s.get(key("web", "db"))
	if d.State != outbox.Dead || d.Reason != "gave up" || d.Attempts != 1 || d.DeliveredVersion != 0 {
		t.Fatalf("got %+v, want it dead", d)
	}
	s.claimNone(1000)
	equal(t, "audit rows", len(s.rows()), 2)
}

func lateSettle(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	s.settle(outcome(s.claimOne(0), outbox.Delivered, 1000))
	equal(t, "state", s.get(key("web", "db")).State, outbox.Delivered)
}

func staleWorker(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	first := s.claimOne(0)
	second := s.claimOne(60)
	for _, state := range []outbox.State{outbox.Delivered, outbox.Pending, outbox.Dead} {
		if _, err := s.Settle(t.Context(), outcome(first, state, 61)); !errors.Is(err, outbox.ErrFenced) {
			t.Fatalf("stale worker settles as %s: error %v, want ErrFenced", state, err)
		}
		equal(t, "row", s.get(key("web", "db")), second)
	}
	s.settle(outcome(second, outbox.Delivered, 62))
	equal(t, "audit rows", len(s.rows()), 2)
}

func settleTwice(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	claimed := s.claimOne(0)
	s.settle(outcome(claimed, outbox.Dead, 1))
	if _, err := s.Settle(t.Context(), outcome(claimed, outbox.Delivered, 2)); !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("error %v, want ErrFenced", err)
	}
	equal(t, "state", s.get(key("web", "db")).State, outbox.Dead)
}

func settleNothing(t *testing.T, s *store) {
	o := outcome(outbox.Delivery{Key: key("web", "db"), Fence: 1, Version: 1}, outbox.Delivered, 0)
	if _, err := s.Settle(t.Context(), o); !errors.Is(err, outbox.ErrNotFound) {
		t.Fatalf("error %v, want ErrNotFound", err)
	}
	equal(t, "audit rows", len(s.rows()), 0)
}

func settleNeedsAudit(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	claimed := s.claimOne(0)
	for _, state := range []outbox.State{outbox.Delivered, outbox.Dead} {
		o := outcome(claimed, state, 1)
		o.Audit = nil
		if _, err := s.Settle(t.Context(), o); err == nil {
			t.Fatalf("settled as %s without an audit entry", state)
		}
	}
	if _, err := s.Settle(t.Context(), outcome(claimed, outbox.Blocked, 1)); err == nil {
		t.Fatal("a claim was settled as blocked")
	}
	equal(t, "row", s.get(key("web", "db")), claimed)
}
