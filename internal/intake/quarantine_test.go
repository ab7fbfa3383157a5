package intake_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// wantBlocked checks that nothing was sealed for the agent, and why.
func wantBlocked(t *testing.T, sealed outbox.Sealed, agent string) {
	t.Helper()
	if sealed.Agent != agent || sealed.Envelope != nil || sealed.Statement != "" || !strings.Contains(sealed.Blocked, "agents release "+agent) {
		t.Errorf("agent %s: %d bytes of envelope, blocked %q; want agent %s, nothing, and how to release it", sealed.Agent, len(sealed.Envelope), sealed.Blocked, agent)
	}
}

func TestQuarantinedGetsNothing(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store, func(s *intake.Source) { s.Strict = true })
	w.SetQuarantined(map[string]bool{"a": true})
	answer := w.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 1)
	if len(answer.Agents) != 2 || answer.Agents[0].Outcome != wire.Blocked || answer.Agents[1].Outcome != wire.Queued {
		t.Errorf("agents are %+v", answer.Agents)
	}
	change := store.last(t)
	wantBlocked(t, change.Sealed[0], "a")
	w.opens(t, "b", change.Sealed[1], statement.Claims{Issuer: "test", Secret: "prod/db", Version: 1, Operation: "set"}, "tiger")

	// After the release the same value is news for it.
	w.must(t, hook{body: value("lion")}, wire.Accepted, 2)
	w.must(t, hook{body: value("lion")}, wire.Unchanged, 2)
	w.SetQuarantined(nil)
	w.must(t, hook{body: value("lion")}, wire.Accepted, 3)
	w.opens(t, "a", store.last(t).Sealed[0], statement.Claims{Issuer: "test", Secret: "prod/db", Version: 3, Operation: "set"}, "lion")
}

// TestQuarantinedKeyIsShared: the others of a group get theirs.
func TestQuarantinedKeyIsShared(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.SetQuarantined(map[string]bool{"c": true})
	w.must(t, hook{id: "1", body: `{"secret":"prod/shared","value":"tiger"}`}, wire.Accepted, 1)
	change := store.last(t)
	wantBlocked(t, change.Sealed[1], "c")
	w.opens(t, "cd", change.Sealed[2], statement.Claims{Issuer: "test", Agent: "d", Secret: "prod/shared", Version: 1, Operation: "set"}, "tiger")
}

// TestQuarantinedDeletion: a deletion tells nothing that the agent must not
// know, so it is ready for it and the outbox holds it back.
func TestQuarantinedDeletion(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.SetQuarantined(map[string]bool{"a": true})
	w.must(t, hook{id: "1", body: `{"secret":"prod/db","operation":"delete"}`}, wire.Accepted, 1)
	for _, sealed := range store.last(t).Sealed {
		if sealed.Blocked != "" || sealed.Statement == "" {
			t.Errorf("agent %s is blocked: %q", sealed.Agent, sealed.Blocked)
		}
	}
}

func TestQuarantinedWhenSealedAtTheSource(t *testing.T) {
	for _, tc := range []struct {
		name        string
		secret      string
		quarantined string
		blocked     int
		keys        int
	}{
		{"its own key", "prod/db", "a", 0, 1},
		{"a key that another has as well", "prod/shared", "c", 1, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := newMemory()
			w := newWorld(t, store)
			before := w.seal(t, tc.secret, "evt-1", "tiger")
			w.SetQuarantined(map[string]bool{tc.quarantined: true})
			set, err := w.ask(tc.secret, nil)
			if err != nil || len(set.Keys) != tc.keys || !strings.Contains(set.Targets[tc.blocked].Blocked, "quarantine") {
				t.Fatalf("set has %d keys, targets %+v, error %v", len(set.Keys), set.Targets, err)
			}
			// What was sealed before it was known is taken, without the agent's.
			w.mustSealed(t, before, wire.Accepted, 1)
			wantBlocked(t, store.last(t).Sealed[tc.blocked], tc.quarantined)
			w.mustSealed(t, sealedFor(t, set, "evt-2", "lion"), wire.Accepted, 2)
			wantBlocked(t, store.last(t).Sealed[tc.blocked], tc.quarantined)
			// What lacks its envelope is sealed anew once it is released.
			without := sealedFor(t, set, "evt-3", "puma")
			w.SetQuarantined(nil)
			_, err = w.sendSealed(t.Context(), t, without, nil)
			if tc.keys == 1 != (err != nil) {
				t.Errorf("after the release: error %v", err)
			}
		})
	}
}

// TestQuarantinedKeyMustBeGood: a quarantine does not hide what is wrong with
// the key of another agent.
func TestQuarantinedKeyMustBeGood(t *testing.T) {
	w := newWorld(t, newMemory(), func(s *intake.Source) { s.Strict = true })
	w.SetQuarantined(map[string]bool{"a": true})
	_, err := w.send(t.Context(), hook{id: "1", body: `{"secret":"prod/mixed","value":"tiger"}`, received: began.Add(time.Second)})
	if err == nil || !strings.Contains(err.Error(), "agent old") {
		t.Errorf("error %v, want the refusal for agent old", err)
	}
}
