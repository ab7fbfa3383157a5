package intake_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// escrowWorld is a world with an escrow key, which its keys have as "escrow".
func escrowWorld(t *testing.T, store intake.Store) *world {
	t.Helper()
	w := newWorld(t, store)
	w.keys["escrow"] = newKey(t, "age-pq", time.Time{})
	w.SetRules(w.Rules().WithEscrow(w.keys["escrow"].Key))
	return w
}

// wantEscrow checks that the change has a copy for the escrow key, bound to the
// change, and that it is none of the deliveries.
func (w *world) wantEscrow(t *testing.T, change outbox.Change, plaintext string) {
	t.Helper()
	if change.Escrow == nil {
		t.Fatal("there is no copy in escrow")
	}
	claims := statement.Claims{Issuer: "test", Agent: agentkeys.Escrow, Secret: change.Secret, Version: change.Version, Operation: "set"}
	w.opens(t, "escrow", *change.Escrow, claims, plaintext)
	for _, sealed := range change.Sealed {
		if sealed.Agent == agentkeys.Escrow {
			t.Error("the copy in escrow is a delivery")
		}
	}
	for _, outcome := range stored(t, change).Agents {
		if outcome.Agent == agentkeys.Escrow {
			t.Error("the sender is told of the copy in escrow")
		}
	}
	if slices.Contains(change.Audit.Agents, agentkeys.Escrow) {
		t.Error("the audit row takes the copy in escrow for an agent's")
	}
}

func TestEscrow(t *testing.T) {
	store := newMemory()
	w := escrowWorld(t, store)
	w.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 1)
	w.wantEscrow(t, store.last(t), "tiger")
	w.opens(t, "a", store.last(t).Sealed[0], statement.Claims{Issuer: "test", Agent: "a", Secret: "prod/db", Version: 1, Operation: "set"}, "tiger")
	w.must(t, hook{body: value("lion")}, wire.Accepted, 2)
	w.must(t, hook{body: value("lion")}, wire.Unchanged, 2)
	w.must(t, hook{id: "3", body: `{"secret":"prod/db","operation":"delete"}`}, wire.Accepted, 3)
	if store.last(t).Escrow != nil {
		t.Error("a deletion has a copy in escrow")
	}
}

// TestEscrowIsNoReceiver: a secret that no route leads anywhere is refused
// still, and without the key there is no copy.
func TestEscrowIsNoReceiver(t *testing.T) {
	store := newMemory()
	w := escrowWorld(t, store)
	_, err := w.send(t.Context(), hook{id: "1", body: `{"secret":"prod/none","value":"tiger"}`})
	if !errors.Is(err, intake.ErrNoRoute) {
		t.Errorf("error %v, want ErrNoRoute", err)
	}
	w.must(t, hook{body: value("lion")}, wire.Accepted, 1)
	w.SetRules(w.Rules().WithEscrow(nil))
	w.must(t, hook{body: value("lion")}, wire.Accepted, 2) // another set of keys
	if store.last(t).Escrow != nil {
		t.Error("there is a copy without a key")
	}
}

// TestEscrowMustSucceed: no value is accepted without the copy.
func TestEscrowMustSucceed(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.SetRules(w.Rules().WithEscrow(w.keys["old"].Key))
	_, err := w.send(t.Context(), hook{id: "1", body: value("tiger")})
	if !errors.Is(err, intake.ErrKeyRefused) || !strings.Contains(err.Error(), agentkeys.Escrow) || store.count() != 0 {
		t.Errorf("error %v, %d changes; want a refusal for the escrow key", err, store.count())
	}
}

func TestEscrowSealedAtTheSource(t *testing.T) {
	store := newMemory()
	w := escrowWorld(t, store)
	set, err := w.ask("prod/db", nil)
	if err != nil || set.Targets[0].Agent != agentkeys.Escrow || len(set.Keys) != 3 {
		t.Fatalf("set has %d keys, targets %+v, %v", len(set.Keys), set.Targets, err)
	}
	event := sealedFor(t, set, "evt-1", "tiger")
	w.mustSealed(t, event, wire.Accepted, 1)
	w.wantEscrow(t, store.last(t), "tiger")

	without := sealedFor(t, set, "evt-2", "lion")
	isEscrow := func(e adapters.Envelope) bool { return e.KeyID == w.keys["escrow"].ID }
	without.Envelopes = slices.DeleteFunc(without.Envelopes, isEscrow)
	if _, err := w.sendSealed(t.Context(), t, without, nil); !errors.Is(err, intake.ErrRecipientsChanged) {
		t.Errorf("error %v, want ErrRecipientsChanged", err)
	}
}

// resealing is a value of prod/db that was in escrow.
func resealing(version int64, text string) intake.Reseal {
	return intake.Reseal{
		Secret: "prod/db", Version: version, Value: secretbytes.Copy([]byte(text)), Source: "vault",
		Operator: "operator/x", At: began.Add(time.Minute),
	}
}

func TestReseal(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := escrowWorld(t, store)
		w.must(t, hook{id: "1", body: valueAt("tiger", began.Add(-time.Hour))}, wire.Accepted, 1)
		r := resealing(1, "tiger")
		answer, err := w.Reseal(t.Context(), r)
		if err != nil || answer.Version != 2 || len(answer.Agents) != 2 {
			t.Fatalf("answer %+v, %v", answer, err)
		}
		if err := r.Value.Expose(func([]byte) error { return nil }); !errors.Is(err, secretbytes.ErrWiped) {
			t.Errorf("the value is there still: %v", err)
		}
		// Once more of the same version is too late.
		if _, err := w.Reseal(t.Context(), resealing(1, "tiger")); !errors.Is(err, outbox.ErrConflict) {
			t.Errorf("error %v, want ErrConflict", err)
		}
		// It is as old as it was: what happened after it is news.
		w.must(t, hook{id: "2", body: valueAt("lion", began.Add(-time.Minute))}, wire.Accepted, 3)
	})
}

func TestResealForPresentKeys(t *testing.T) {
	store := newMemory()
	w := escrowWorld(t, store)
	w.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 1)
	second := newKey(t, "age", time.Time{})
	*w.keys["a"].Key = *second.Key // as a reload would bring it
	w.keys["a"] = second
	w.SetQuarantined(map[string]bool{"b": true})
	if _, err := w.Reseal(t.Context(), resealing(1, "tiger")); err != nil {
		t.Fatal(err)
	}
	change := store.last(t)
	w.opens(t, "a", change.Sealed[0], statement.Claims{Issuer: "test", Agent: "a", Secret: "prod/db", Version: 2, Operation: "set"}, "tiger")
	wantBlocked(t, change.Sealed[1], "b")
	w.wantEscrow(t, change, "tiger")
	if change.Audit.Kind != audit.SecretResealed || change.Audit.Actor != "operator/x" || change.Source != "vault" {
		t.Errorf("audit %+v of source %s", change.Audit, change.Source)
	}
	// The same value from the password manager is nothing new.
	w.must(t, hook{body: value("tiger")}, wire.Unchanged, 2)
}

func TestResealRefused(t *testing.T) {
	w := escrowWorld(t, newMemory())
	w.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 1)
	unrouted := resealing(0, "tiger")
	unrouted.Secret = "prod/none"
	if _, err := w.Reseal(t.Context(), unrouted); !errors.Is(err, intake.ErrNoRoute) {
		t.Errorf("no route: error %v", err)
	}
	if _, err := w.Reseal(t.Context(), resealing(2, "tiger")); !errors.Is(err, outbox.ErrConflict) {
		t.Errorf("a version to come: error %v", err)
	}
	gone := escrowWorld(t, newMemory())
	gone.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 1)
	from := resealing(1, "tiger")
	from.Source = ""
	if answer, err := gone.Reseal(t.Context(), from); err != nil || answer.Secret != "prod/db" {
		t.Errorf("a source that nobody knows: %+v, %v", answer, err)
	}
}
