// Package outboxtest has the conformance suite of outbox.Outbox, which every
// implementation passes, and an outbox that keeps nothing, for benchmarks.
package outboxtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Run checks that an implementation does what the comments of package outbox
// say. open makes a new, empty store; each call of the function that it
// returns opens the store once more, as another process would.
func Run(t *testing.T, open func(t *testing.T) func() outbox.Outbox) {
	for _, tc := range []struct {
		name string
		test func(*testing.T, *store)
	}{
		{"commit persists everything", commitPersists},
		{"commit of a delete", commitDelete},
		{"a repeated event is a duplicate", duplicate},
		{"concurrent repeats give one commit", concurrentDuplicates},
		{"a version out of order is a conflict", conflict},
		{"concurrent versions give one commit each", concurrentVersions},
		{"ten thousand shuffled versions", shuffledVersions},
		{"a cancelled commit", cancelledCommit},
		{"a bad change fails alone", badChangeFailsAlone},
		{"a newer version replaces an undelivered one", latestWins},
		{"a newer version without a copy ends the older", unroutedIsGivenUp},
		{"blocked", blocked},
		{"blocked replaces an undelivered version", blockedReplaces},
		{"a new version unblocks", unblocks},

		{"claim leases, oldest due first", claimOrder},
		{"claim is complete", claimComplete},
		{"a lease that ran out", leaseExpiry},
		{"a newer version waits for the claim", newerWaitsForClaim},
		{"a newer version waits for the lease", newerWaitsForLease},
		{"ten thousand stuck deliveries", stuckDeliveries},
		{"no delivery is claimed twice", noDoubleClaim},

		{"settle as delivered", settleDelivered},
		{"settle for another attempt", settlePending},
		{"settle as dead", settleDead},
		{"a late settle counts until the next claim", lateSettle},
		{"a stale worker is fenced", staleWorker},
		{"a settle counts once", settleTwice},
		{"settle after a newer version", settleOlder},
		{"settle while blocked", settleBlocked},
		{"settle of nothing", settleNothing},
		{"settle needs its audit entry", settleNeedsAudit},
		{"what is there is kept across versions", deliveredIsKept},
		{"settle as waiting", settleWaiting},
		{"a receipt is kept", receiptIsKept},
		{"acknowledge what waits", acknowledgeWaiting},
		{"acknowledge an older version", acknowledgeOlder},
		{"acknowledge twice", acknowledgeTwice},
		{"acknowledge fences a claim off", acknowledgeFences},
		{"acknowledge what is blocked", acknowledgeBlocked},
		{"acknowledge nothing", acknowledgeNothing},
		{"acknowledge what was pushed", acknowledgeDelivered},
		{"acknowledge what was retried", acknowledgeRetried},

		{"destinations take turns", takeTurns},
		{"a destination without room", noRoom},
		{"a claim beside ten thousand held deliveries", costOfHeld},
		{"a destination breaks and is mended", breaks},
		{"what waits at a mended destination is due", mendedWakes},
		{"a refused probe", neutralProbe},
		{"a lost probe", lostProbe},
		{"retry tries a broken destination", retryBroken},
		{"pause and resume", pauses},
		{"pause an agent", pauseAgent},
		{"pause keeps a running claim", pauseKeepsClaim},
		{"the latest attempts are kept", attemptsAreKept},

		{"nothing is claimed for an agent in quarantine", quarantine},
		{"what waits is recalled into quarantine", quarantineRecalls},
		{"a claim from before the quarantine leaves nothing to fetch", quarantineClaimed},
		{"a release and the time to give up", releaseClock},
		{"who has a copy", copies},
		{"the latest copy in escrow is kept", escrow},
		{"copies in escrow are dropped", dropEscrow},
		{"an invitation enrols once", enrolInvited},
		{"other keys need the word of those before", enrolOtherKeys},
		{"an operator asks for keys", asksForKeys},
		{"a certificate takes the place of its key", certificateTakesPlace},

		{"an event whose ID begins alike", repeated},
		{"news is awaited until the value comes", awaitedIsSettled},
		{"a value before the news", valueBeforeNews},
		{"a deletion settles", deletionSettles},
		{"more news does not move when it is due", moreNews},
		{"older news changes nothing", olderNews},
		{"repeated news is a duplicate", duplicateNews},
		{"what is overdue is told once", overdueOnce},
		{"secrets are listed", listSecrets},

		{"next due", nextDue},
		{"changed", changed},
		{"retry", retry},
		{"retry keeps a running lease", retryKeepsLease},
		{"retry of nothing", retryNothing},
		{"get", get},
		{"list filters and pages", list},
		{"list what is current", listCurrent},
		{"count", count},
		{"a row is recorded alone", record},
		{"audit from a row on", auditFrom},
		{"audit stops with its visitor", auditStops},
		{"audit chain across handles", auditAcrossHandles},
		{"forget", forget},
		{"probe", probe},
		{"times are kept to the microsecond", times},
		{"reopen", reopen},
		{"cancelled contexts", cancelledContexts},
		{"close", closeSemantics},
		{"close waits", closeWaits},
		{"model", model},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := &store{t: t, open: open(t)}
			s.Outbox = s.handle()
			tc.test(t, s)
			if s.verified {
				return
			}
			s.rows() // whatever was done, the audit chain holds
		})
	}
}

// start is when the tests begin; they have a clock of their own.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// at is n seconds after start.
func at(n int) time.Time { return start.Add(time.Duration(n) * time.Second) }

// store is the store under test, and a first handle on it.
type store struct {
	outbox.Outbox
	t    *testing.T
	open func() outbox.Outbox
	// verified is set by tests that leave no outbox to read the chain from.
	verified bool
}

// handle opens the store once more, until the end of the test.
func (s *store) handle() outbox.Outbox {
	s.t.Helper()
	o := s.open()
	s.t.Cleanup(func() {
		if err := o.Close(); err != nil {
			s.t.Errorf("close: %v", err)
		}
	})
	return o
}

// change is version of secret, accepted n seconds after start, with one sealed
// copy for each agent, to be put into files.
func change(secret string, version int64, n int, agents ...string) outbox.Change {
	c := outbox.Change{
		Source: "vault", EventID: fmt.Sprintf("%s#%d", secret, version), Secret: secret, Operation: "set", Version: version,
		OccurredAt: at(n - 1), ReceivedAt: at(n), Answer: fmt.Appendf(nil, "answer %s %d", secret, version),
		Digest: fmt.Appendf(nil, "digest %s %d", secret, version),
	}
	for _, agent := range agents {
		c.Sealed = append(c.Sealed, outbox.Sealed{
			Agent: agent, Destination: "files", Format: "age", KeyID: "key-" + agent,
			Envelope: fmt.Appendf(nil, "envelope %s %d %s", secret, version, agent), Statement: fmt.Sprintf("statement %s %d %s", secret, version, agent),
		})
	}
	c.Audit = audit.Entry{
		At: c.ReceivedAt, Kind: audit.EventAccepted, Actor: "source/vault", EventID: c.EventID, Secret: secret, Version: version,
		Operation: c.Operation, Agents: agents,
	}
	return c
}

// block makes the change's first copy a blocked one.
func block(c outbox.Change, reason string) outbox.Change {
	c.Sealed[0].Envelope, c.Sealed[0].Statement, c.Sealed[0].Blocked = nil, "", reason
	return c
}

func key(agent, secret string) outbox.Key {
	return outbox.Key{Agent: agent, Destination: "files", Secret: secret}
}

// outcome is how a claim ended, n seconds after start.
func outcome(claimed outbox.Delivery, state outbox.State, n int) outbox.Outcome {
	result := outbox.Outcome{Key: claimed.Key, Fence: claimed.Fence, Version: claimed.Version, State: state, At: at(n)}
	switch state {
	case outbox.Pending:
		result.Next, result.Reason = at(n+60), "connection refused"
	case outbox.Dead:
		result.Reason = "gave up"
		result.Audit = &audit.Entry{At: at(n), Kind: audit.DeliveryDead, Actor: "dispatcher", Secret: claimed.Secret, Version: claimed.Version}
	default:
		result.Audit = &audit.Entry{At: at(n), Kind: audit.DeliveryDelivered, Actor: "dispatcher", Secret: claimed.Secret, Version: claimed.Version}
	}
	return result
}

// The calls below fail the test when the outbox fails them.

func (s *store) commit(changes ...outbox.Change) {
	s.t.Helper()
	for _, c := range changes {
		if err := s.Commit(s.t.Context(), c); err != nil {
			s.t.Fatalf("commit version %d of %s: %v", c.Version, c.Secret, err)
		}
	}
}

func (s *store) claim(n, limit int, lease time.Duration) []outbox.Delivery {
	s.t.Helper()
	claimed, err := s.Claim(s.t.Context(), at(n), limit, lease, nil)
	if err != nil {
		s.t.Fatalf("claim: %v", err)
	}
	return claimed
}

// claimOne claims, n seconds after start and for a minute, what has to be the
// only due delivery.
func (s *store) claimOne(n int) outbox.Delivery {
	s.t.Helper()
	claimed := s.claim(n, 10, time.Minute)
	if len(claimed) != 1 {
		s.t.Fatalf("claimed %d deliveries, want 1", len(claimed))
	}
	return claimed[0]
}

func (s *store) claimNone(n int) {
	s.t.Helper()
	if claimed := s.claim(n, 10, time.Minute); len(claimed) != 0 {
		s.t.Fatalf("claimed %d deliveries, the first is %v; want none", len(claimed), claimed[0].Key)
	}
}

func (s *store) settle(o outbox.Outcome) {
	s.t.Helper()
	if _, err := s.Settle(s.t.Context(), o); err != nil {
		s.t.Fatalf("settle as %s: %v", o.State, err)
	}
}

func (s *store) get(k outbox.Key) outbox.Delivery {
	s.t.Helper()
	d, err := s.Get(s.t.Context(), k)
	if err != nil {
		s.t.Fatalf("get %v: %v", k, err)
	}
	return d
}

func (s *store) prior(c outbox.Change) outbox.Prior {
	s.t.Helper()
	p, err := s.Prior(s.t.Context(), c.Source, c.EventID, c.Secret)
	if err != nil {
		s.t.Fatalf("prior: %v", err)
	}
	return p
}

// rows reads the audit rows and verifies their chain.
func (s *store) rows() []audit.Row {
	s.t.Helper()
	var chain audit.Chain
	var rows []audit.Row
	err := s.Audit(s.t.Context(), 1, func(row audit.Row) error {
		rows = append(rows, row)
		return chain.Next(row)
	})
	if err != nil {
		s.t.Fatalf("audit: %v", err)
	}
	return rows
}

// equal fails the test if got is not want.
func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}
