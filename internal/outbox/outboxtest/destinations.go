package outboxtest

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// files is the destination of an agent that change seals for.
func files(agent string) outbox.Destination {
	return outbox.Destination{Agent: agent, Destination: "files"}
}

// backlog commits version 1 of n secrets for the agent, from start on.
func (s *store) backlog(agent string, n int) {
	s.t.Helper()
	for i := range n {
		s.commit(change(fmt.Sprintf("%s-%05d", agent, i), 1, 0, agent))
	}
}

// share claims n seconds after start with that much room at each destination,
// and returns how many of each agent it claimed.
func (s *store) share(n, limit, room int) (map[string]int, []outbox.Delivery) {
	s.t.Helper()
	claimed, err := s.Claim(s.t.Context(), at(n), limit, time.Minute, func(outbox.Destination) int { return room })
	if err != nil {
		s.t.Fatalf("claim: %v", err)
	}
	counts := map[string]int{}
	for _, d := range claimed {
		counts[d.Agent]++
	}
	return counts, claimed
}

// fail settles a claim as a failure of its destination, which from the second
// in a row on leaves it alone for ten seconds.
func (s *store) fail(claimed outbox.Delivery, n int, reason string) outbox.Health {
	s.t.Helper()
	failed := outcome(claimed, outbox.Pending, n)
	failed.Next, failed.Reason, failed.Probe = at(n+1), reason, claimed.Probe
	failed.Fault = &outbox.Fault{Limit: 2, Until: at(n + 10)}
	health, err := s.Settle(s.t.Context(), failed)
	if err != nil {
		s.t.Fatalf("settle a failure: %v", err)
	}
	return health
}

// breakAt breaks the destination of the agent, which has a backlog, until 10 s
// after start.
func (s *store) breakAt(agent string) {
	s.t.Helper()
	counts, claimed := s.share(0, 2, 2)
	equal(s.t, "claimed", counts, map[string]int{agent: 2})
	s.fail(claimed[0], 0, "refused")
	s.fail(claimed[1], 0, "refused")
}

func takeTurns(t *testing.T, s *store) {
	s.backlog("old", 30)
	s.commit(change("x", 1, 5, "b"), change("y", 1, 6, "c"))
	counts, _ := s.share(10, 4, 2)
	equal(t, "first claim", counts, map[string]int{"old": 2, "b": 1, "c": 1})
	// The old backlog waits behind what came after its turn.
	s.commit(change("z", 1, 9, "d"))
	counts, _ = s.share(11, 1, 1)
	equal(t, "second claim", counts, map[string]int{"d": 1})
	for range 28 {
		if counts, _ = s.share(11, 1, 1); counts["old"] != 1 {
			t.Fatalf("claimed %v, want one of the backlog", counts)
		}
	}
	s.claimNone(11)
}

func noRoom(t *testing.T, s *store) {
	s.backlog("slow", 3)
	s.commit(change("x", 1, 5, "fast"))
	full := func(at outbox.Destination) int {
		if at.Agent == "slow" {
			return 0
		}
		return 1
	}
	if due, ok, err := s.NextDue(t.Context(), full); !ok || err != nil || !due.Equal(at(5)) {
		t.Fatalf("next due %v, %v, %v; want that of the destination with room", due, ok, err)
	}
	claimed, err := s.Claim(t.Context(), at(5), 10, time.Minute, full)
	if err != nil || len(claimed) != 1 || claimed[0].Agent != "fast" {
		t.Fatalf("claimed %v, %v; want the one with room", claimed, err)
	}
}

// costOfHeld counts what a claim looks at where ten thousand deliveries of a
// broken destination are due.
func costOfHeld(t *testing.T, s *store) {
	var senders sync.WaitGroup
	held := 10_000
	if testing.Short() { // under the race detector
		held = 2000
	}
	for i := range held {
		senders.Go(func() { s.commit(change(fmt.Sprint("s", i), 1, 0, "dead")) })
	}
	senders.Wait()
	s.breakAt("dead")
	s.commit(change("x", 1, 1, "web"))
	var asked []outbox.Destination
	claimed, err := s.Claim(t.Context(), at(5), 100, time.Minute, func(at outbox.Destination) int {
		asked = append(asked, at)
		return 4
	})
	if err != nil || len(claimed) != 1 || claimed[0].Agent != "web" {
		t.Fatalf("claimed %d, %v; want the one of the other destination", len(claimed), err)
	}
	for _, at := range asked {
		if at != files("web") {
			t.Fatalf("the claim looked at %v", asked)
		}
	}
}

func breaks(t *testing.T, s *store) {
	s.backlog("web", 5)
	_, claimed := s.share(0, 3, 3)
	equal(t, "first failure", s.fail(claimed[0], 1, "refused"), outbox.Health{Faults: 1, News: true})
	equal(t, "second", s.fail(claimed[1], 2, "refused"), outbox.Health{Faults: 2, BrokenSince: at(2), Turned: true})
	equal(t, "one from before", s.fail(claimed[2], 3, "timeout"), outbox.Health{Faults: 3, BrokenSince: at(2), News: true})
	s.claimNone(12) // the one from before has moved the time on, to 13
	if due, ok, err := s.NextDue(t.Context(), nil); !ok || err != nil || !due.Equal(at(13)) {
		t.Fatalf("next due %v, %v, %v; want the time of the probe", due, ok, err)
	}
	probe := s.claimOne(13)
	if !probe.Probe || probe.Faults != 3 || probe.Secret != "web-00003" {
		t.Fatalf("claimed %+v, want a probe by one that was not tried yet", probe)
	}
	s.claimNone(14)
	equal(t, "failed probe", s.fail(probe, 14, "timeout"), outbox.Health{Faults: 4, BrokenSince: at(2)})
	s.claimNone(23)
	equal(t, "holds", s.holds(), []outbox.Hold{{Destination: files("web"), Broken: at(2), Faults: 4, Reason: "timeout", Until: at(24)}})
	s.Outbox = s.handle() // for every process
	probe = s.claimOne(24)
	done := outcome(probe, outbox.Delivered, 25)
	done.Probe = true
	health, err := s.Settle(t.Context(), done)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "mended", health, outbox.Health{Turned: true})
	equal(t, "holds", s.holds(), nil)
	equal(t, "due at once", len(s.claim(25, 10, time.Minute)), 4)
}

// mendedWakes has deliveries whose own next attempt is far away.
func mendedWakes(t *testing.T, s *store) {
	s.backlog("web", 3)
	_, claimed := s.share(0, 2, 2)
	for _, d := range claimed {
		failed := outcome(d, outbox.Pending, 0)
		failed.Next, failed.Fault = at(3600), &outbox.Fault{Limit: 2, Until: at(10)}
		if _, err := s.Settle(t.Context(), failed); err != nil {
			t.Fatal(err)
		}
	}
	s.settle(outcome(s.claimOne(10), outbox.Delivered, 11))
	equal(t, "claimed", len(s.claim(11, 10, time.Minute)), 2)
}

func neutralProbe(t *testing.T, s *store) {
	s.backlog("web", 4)
	s.breakAt("web")
	refused := outcome(s.claimOne(10), outbox.Dead, 11)
	refused.Probe = true
	s.settle(refused)
	if next := s.claimOne(11); !next.Probe {
		t.Fatal("a refused delivery mended its destination")
	}
	s.claimNone(12)
}

func lostProbe(t *testing.T, s *store) {
	s.backlog("web", 3)
	s.breakAt("web")
	first := s.claimOne(10)
	s.claimNone(69)
	if second := s.claimOne(70); !second.Probe || second.Key == first.Key && second.Fence == first.Fence {
		t.Fatalf("claimed %+v after the lost probe", second)
	}
}

func retryBroken(t *testing.T, s *store) {
	s.backlog("web", 4)
	s.breakAt("web")
	s.claimNone(5)
	if n, err := s.Retry(t.Context(), outbox.Filter{Agent: "web"}, audit.Entry{At: at(5), Kind: audit.DeliveryRetried}); n != 4 || err != nil {
		t.Fatalf("retried %d, %v", n, err)
	}
	if d := s.claimOne(5); !d.Probe {
		t.Fatal("a retry mended the destination")
	}
}

func (s *store) holds() []outbox.Hold {
	s.t.Helper()
	holds, err := s.Holds(s.t.Context())
	if err != nil {
		s.t.Fatalf("holds: %v", err)
	}
	return holds
}

func pauseEntry(kind audit.Kind, n int) audit.Entry {
	return audit.Entry{At: at(n), Kind: kind, Actor: "operator/ann"}
}

func (s *store) pause(where outbox.Destination, n int, want bool) {
	s.t.Helper()
	if changed, err := s.Pause(s.t.Context(), where, pauseEntry(audit.DeliveryPaused, n)); changed != want || err != nil {
		s.t.Fatalf("pause: %v, %v; want %v", changed, err, want)
	}
}

func (s *store) resume(where outbox.Destination, n, want int) {
	s.t.Helper()
	if ended, err := s.Resume(s.t.Context(), where, pauseEntry(audit.DeliveryResumed, n)); ended != want || err != nil {
		s.t.Fatalf("resume: %d, %v; want %d", ended, err, want)
	}
}

func pauses(t *testing.T, s *store) {
	s.pause(files("web"), 0, true) // before there is anything
	s.pause(files("web"), 1, false)
	s.commit(change("db", 1, 1, "web", "batch"))
	equal(t, "claimed", s.claimOne(1).Agent, "batch")
	if due, ok, err := s.NextDue(t.Context(), nil); !ok || err != nil || !due.Equal(at(61)) {
		t.Fatalf("next due %v, %v, %v; want the lease of the other", due, ok, err)
	}
	s.commit(change("db", 2, 2, "web"))
	s.claimNone(3)
	equal(t, "holds", s.holds(), []outbox.Hold{{Destination: files("web"), Paused: at(0), By: "operator/ann"}})
	before := len(s.rows())
	s.resume(files("batch"), 4, 0)
	s.Outbox = s.handle() // pauses are everybody's
	s.resume(files("web"), 5, 1)
	equal(t, "audit rows", len(s.rows()), before+1)
	d := s.claimOne(5)
	if d.Version != 2 || !d.Resumed.Equal(at(5)) || !d.AcceptedAt.Equal(at(2)) {
		t.Fatalf("claimed %+v, want version 2, resumed at %v", d, at(5))
	}
}

func pauseAgent(t *testing.T, s *store) {
	c := change("db", 1, 0, "web", "webb")
	c.Sealed = append(c.Sealed, c.Sealed[0])
	c.Sealed[2].Destination = "vault"
	s.commit(c)
	all := outbox.Destination{Agent: "web"}
	s.pause(all, 1, true)
	s.pause(files("web"), 2, true)
	equal(t, "claimed", s.claimOne(3).Agent, "webb")
	s.resume(files("web"), 4, 1)
	s.claimNone(5) // the agent is paused still
	s.pause(files("web"), 6, true)
	s.resume(all, 7, 2)
	equal(t, "holds", s.holds(), nil)
	claimed := s.claim(8, 10, time.Minute)
	equal(t, "claimed", len(claimed), 2)
	for _, d := range claimed {
		if !d.Resumed.Equal(at(7)) {
			t.Errorf("%v was resumed at %v, want %v", d.Key, d.Resumed, at(7))
		}
	}
	equal(t, "audit rows", len(s.rows()), 6)
}

func pauseKeepsClaim(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"))
	claimed := s.claimOne(0)
	s.pause(files("web"), 1, true)
	s.settle(outcome(claimed, outbox.Delivered, 2))
}

func attemptsAreKept(t *testing.T, s *store) {
	s.commit(change("db", 1, 0, "web"), change("other", 1, 1, "web"))
	const tries = 25
	var want []outbox.Attempt
	for i := range tries {
		n := i * 100
		failed := outcome(s.claim(n, 1, time.Minute)[0], outbox.Pending, n+1)
		failed.Reason = fmt.Sprint("failure ", i)
		s.settle(failed)
		if failed.Secret == "db" {
			want = append(want, outbox.Attempt{At: at(n + 1), Version: 1, State: outbox.Pending, Reason: failed.Reason})
		}
	}
	s.commit(change("db", 2, 10_000, "web"))
	for _, d := range s.claim(10_000, 10, time.Minute) {
		s.settle(outcome(d, outbox.Delivered, 10_001))
	}
	want = append(want, outbox.Attempt{At: at(10_001), Version: 2, State: outbox.Delivered})
	if len(want)-1 <= outbox.KeptAttempts {
		t.Fatalf("only %d attempts at db", len(want))
	}
	got, err := s.Attempts(t.Context(), key("web", "db"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[len(want)-1-outbox.KeptAttempts:], got); diff != "" {
		t.Fatalf("attempts (-want +got):\n%s", diff)
	}
	if none, err := s.Attempts(t.Context(), key("web", "nothing")); len(none) != 0 || err != nil {
		t.Fatalf("attempts at nothing: %v, %v", none, err)
	}
}
