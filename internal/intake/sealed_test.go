package intake_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// ask asks for the recipients of a secret.
func (w *world) ask(secret string, header http.Header) (recipientset.Set, error) {
	target := &url.URL{Path: "/v1/recipients", RawQuery: url.Values{"secret": {secret}}.Encode()}
	return w.Recipients(w.source, &hooks.Request{Method: http.MethodGet, URL: target, Header: header, Received: began}, secret)
}

// sealedFor is an event with that value, sealed for the set.
func sealedFor(t *testing.T, set recipientset.Set, id, value string) adapters.Sealed {
	t.Helper()
	event := adapters.Sealed{EventID: id, Secret: set.Secret, Operation: hooks.Set, OccurredAt: began.Add(-time.Minute), Recipients: set.Digest()}
	recipients, err := set.Recipients()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range recipients {
		event.Envelopes = append(event.Envelopes, sealFor(t, key, value))
	}
	return event
}

func sealFor(t *testing.T, key *agentkeys.Key, value string) adapters.Envelope {
	t.Helper()
	envelope, err := key.Recipient.Seal([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return adapters.Envelope{Format: key.Format.Name, KeyID: key.ID, Bytes: envelope}
}

// seal is sealedFor for whoever gets the secret now.
func (w *world) seal(t *testing.T, secret, id, value string) adapters.Sealed {
	t.Helper()
	set, err := w.ask(secret, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sealedFor(t, set, id, value)
}

// sendSealed sends the event, signed with its ID unless the header has another.
func (w *world) sendSealed(ctx context.Context, t *testing.T, event adapters.Sealed, header http.Header) (wire.Answer, error) {
	t.Helper()
	body, err := adapters.EncodeSealed(event)
	if err != nil {
		t.Fatal(err)
	}
	if header == nil {
		header = http.Header{"Id": {event.EventID}}
	}
	header.Set("Content-Type", "application/json")
	return w.AcceptSealed(ctx, w.source, &hooks.Request{Method: http.MethodPost, Header: header, Body: body, Received: began})
}

func (w *world) mustSealed(t *testing.T, event adapters.Sealed, status wire.Status, version int64) wire.Answer {
	t.Helper()
	answer, err := w.sendSealed(t.Context(), t, event, nil)
	if err != nil || answer.Status != status || answer.Version != version {
		t.Fatalf("answered with %q, version %d, error %v; want %q, version %d", answer.Status, answer.Version, err, status, version)
	}
	return answer
}

// reroute sends prod/db to these agents from now on.
func (w *world) reroute(agents ...string) {
	w.SetRules(intake.NewRules([]*intake.Source{w.source}, w.Rules().Registry(), []intake.Route{
		{Secrets: []string{"prod/db"}, To: agentkeys.Selection{Agents: agents}},
	}))
}

func TestSealedIsAccepted(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		event := w.seal(t, "prod/db", "evt-1", "tiger")
		answer := w.mustSealed(t, event, wire.Accepted, 1)
		if len(answer.Agents) != 2 || answer.Agents[0].Outcome != wire.Queued {
			t.Errorf("agents are %+v", answer.Agents)
		}
		w.mustSealed(t, event, wire.Duplicate, 1)
		// Beside events with a value, as one history.
		w.must(t, hook{id: "evt-2", body: value("tiger")}, wire.Accepted, 2)
		w.mustSealed(t, w.seal(t, "prod/db", "evt-3", "lion"), wire.Accepted, 3)
		old := w.seal(t, "prod/db", "evt-4", "old")
		old.OccurredAt = began.Add(-time.Hour)
		w.mustSealed(t, old, wire.Stale, 3)
	})
}

func TestSealedEnvelopesArePassedOn(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.mustSealed(t, w.seal(t, "prod/shared", "evt-1", "tiger"), wire.Accepted, 1)
	change := store.last(t)
	if len(change.Sealed) != 3 || change.Digest != nil {
		t.Fatalf("%d deliveries, digest %x", len(change.Sealed), change.Digest)
	}
	for i, name := range []string{"a", "cd", "cd"} {
		claims := statement.Claims{Issuer: "test", Secret: "prod/shared", Version: 1, Operation: "set"}
		w.opens(t, name, change.Sealed[i], claims, "tiger")
	}
	if string(change.Sealed[1].Envelope) != string(change.Sealed[2].Envelope) {
		t.Error("agents that share a key got different envelopes")
	}
}

// TestSealedWithoutValueIsNoDigest: the same value that comes later without an
// ID is a new version, since nothing tells that it is the same.
func TestSealedWithoutValueIsNoDigest(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		w.mustSealed(t, w.seal(t, "prod/db", "evt-1", "tiger"), wire.Accepted, 1)
		w.must(t, hook{body: value("tiger")}, wire.Accepted, 2)
		w.must(t, hook{body: value("tiger")}, wire.Unchanged, 2)
		w.mustSealed(t, w.seal(t, "prod/db", "evt-2", "tiger"), wire.Accepted, 3)
	})
}

// TestSealedIDWithoutSigned: where the scheme has no ID the body's counts.
func TestSealedIDWithoutSigned(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		event := w.seal(t, "prod/db", "evt-1", "tiger")
		for _, status := range []wire.Status{wire.Accepted, wire.Duplicate} {
			if answer, err := w.sendSealed(t.Context(), t, event, http.Header{}); err != nil || answer.Status != status {
				t.Fatalf("answered with %q, %v; want %q", answer.Status, err, status)
			}
		}
	})
}

func TestSealedDelete(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	event := adapters.Sealed{EventID: "evt-1", Secret: "prod/mixed", Operation: hooks.Delete, OccurredAt: began}
	w.mustSealed(t, event, wire.Accepted, 1)
	for _, sealed := range store.last(t).Sealed {
		if sealed.Envelope != nil || sealed.Statement == "" || sealed.Blocked != "" {
			t.Errorf("a delete is delivered as %+v", sealed)
		}
	}
}

// TestSealedBlocked: an agent whose key fails the policy is blocked, whether
// there is an envelope for it or not.
func TestSealedBlocked(t *testing.T) {
	for _, withEnvelope := range []bool{false, true} {
		store := newMemory()
		w := newWorld(t, store)
		event := w.seal(t, "prod/mixed", "evt-1", "tiger")
		if len(event.Envelopes) != 1 {
			t.Fatalf("the set has %d keys", len(event.Envelopes))
		}
		if withEnvelope { // as sealed before the certificate expired
			event.Envelopes = append(event.Envelopes, sealFor(t, w.keys["old"].Key, "tiger"))
		}
		answer := w.mustSealed(t, event, wire.Accepted, 1)
		if len(answer.Agents) != 2 || answer.Agents[1].Outcome != wire.Blocked || !strings.Contains(answer.Agents[1].Detail, "expired") {
			t.Errorf("agents are %+v", answer.Agents)
		}
		if blocked := store.last(t).Sealed[1]; blocked.Envelope != nil || blocked.Statement != "" {
			t.Error("something was delivered to a blocked agent")
		}
	}
}

// spent is a recipient that cannot be sealed to any more.
type spent struct{}

func (spent) KeyID() string               { return "spent" }
func (spent) Seal([]byte) ([]byte, error) { return nil, crypto.ErrForbidden }

// TestSealedKeyFailsAtSealing: a key that passes the policy and turns out to be
// none that can be sealed to blocks its agent.
func TestSealedKeyFailsAtSealing(t *testing.T) {
	w := newWorld(t, newMemory())
	event := w.seal(t, "prod/db", "evt-1", "tiger")
	w.keys["b"].Recipient = spent{}
	answer := w.mustSealed(t, event, wire.Accepted, 1)
	if len(answer.Agents) != 2 || answer.Agents[1].Outcome != wire.Blocked {
		t.Errorf("agents are %+v", answer.Agents)
	}
	event.EventID, event.Envelopes = "evt-2", slices.DeleteFunc(event.Envelopes, func(e adapters.Envelope) bool { return e.KeyID == w.keys["b"].ID })
	w.mustSealed(t, event, wire.Accepted, 2)
}

func TestSealedStrict(t *testing.T) {
	w := newWorld(t, newMemory(), func(s *intake.Source) { s.Strict = true })
	if _, err := w.sendSealed(t.Context(), t, w.seal(t, "prod/mixed", "evt-1", "tiger"), nil); !errors.Is(err, intake.ErrKeyRefused) {
		t.Errorf("error is %v", err)
	}
}

func TestSealedRefuses(t *testing.T) {
	stranger := newKey(t, "age", time.Time{})
	tests := []struct {
		name   string
		change func(*testing.T, *world, *adapters.Sealed)
		class  error
		want   string
	}{
		{"an envelope less", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.Envelopes = e.Envelopes[1:] }, intake.ErrRecipientsChanged, "no envelope for the key of agent"},
		{"an envelope more", func(t *testing.T, _ *world, e *adapters.Sealed) {
			e.Envelopes = append(e.Envelopes, sealFor(t, stranger.Key, "tiger"))
		}, intake.ErrRecipientsChanged, "nobody gets it with"},
		{"another key", func(t *testing.T, _ *world, e *adapters.Sealed) {
			e.Envelopes[0] = sealFor(t, stranger.Key, "tiger")
		}, intake.ErrRecipientsChanged, "no envelope for the key of agent"},
		{"another format", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.Envelopes[0].Format = "jwe" }, intake.ErrRecipientsChanged, "no envelope for the key of agent"},
		{"another set", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.Recipients = strings.Repeat("0", 64) }, intake.ErrRecipientsChanged, "sealed for others"},
		{"another agent by now", func(_ *testing.T, w *world, _ *adapters.Sealed) { w.reroute("a") }, intake.ErrRecipientsChanged, "sealed for others"},
		{"the value itself", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.Envelopes[0].Bytes = []byte("tiger") }, hooks.ErrMalformed, "envelope for agent"},
		{"an envelope of another format", func(t *testing.T, w *world, e *adapters.Sealed) {
			e.Envelopes[0].Bytes = sealFor(t, w.keys["old"].Key, "tiger").Bytes
		}, hooks.ErrMalformed, "envelope for agent"},
		{"another ID than is signed", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.EventID = "evt-2" }, hooks.ErrMalformed, "event_id of the body"},
		{"a reserved ID", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.EventID = "body:1" }, hooks.ErrMalformed, ""},
		{"a forbidden name", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.Secret = "test/db" }, intake.ErrForbidden, "may not write"},
		{"a name without a route", func(_ *testing.T, _ *world, e *adapters.Sealed) { e.Secret = "prod/none" }, intake.ErrNoRoute, "no route"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			store := newMemory()
			w := newWorld(t, store)
			event := w.seal(t, "prod/db", "evt-1", "tiger")
			header := http.Header{"Id": {event.EventID}}
			test.change(t, w, &event)
			if test.name == "a reserved ID" {
				header.Set("Id", event.EventID)
			}
			answer, err := w.sendSealed(t.Context(), t, event, header)
			if !errors.Is(err, test.class) || !strings.Contains(err.Error(), test.want) || answer.Status != "" {
				t.Errorf("answer %+v, error %v", answer, err)
			}
			if err != nil && strings.Contains(err.Error(), "tiger") {
				t.Errorf("the error repeats the value: %v", err)
			}
			if store.count() != 0 {
				t.Error("something was committed")
			}
		})
	}
}

// TestSealedNamesAnotherKey: an envelope that says whom it is for says so of the
// right key.
func TestSealedNamesAnotherKey(t *testing.T) {
	w := newWorld(t, newMemory())
	key := newKey(t, "x25519", time.Time{})
	other := newKey(t, "x25519", time.Time{})
	registry, err := agentkeys.NewRegistry([]*agentkeys.Agent{{Name: "j", Destinations: []agentkeys.Destination{{Name: "folder", Key: key.Key}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.SetRules(intake.NewRules([]*intake.Source{w.source}, registry, []intake.Route{{Secrets: []string{"prod/db"}, To: agentkeys.Selection{Agents: []string{"j"}}}}))
	event := w.seal(t, "prod/db", "evt-1", "tiger")
	event.Envelopes[0].Bytes = sealFor(t, other.Key, "tiger").Bytes
	if _, err := w.sendSealed(t.Context(), t, event, nil); !errors.Is(err, intake.ErrRecipientsChanged) || !strings.Contains(err.Error(), "names another key") {
		t.Errorf("error is %v", err)
	}
	event.Envelopes[0].Bytes = append(sealFor(t, key.Key, "tiger").Bytes, '\n')
	if _, err := w.sendSealed(t.Context(), t, event, nil); !errors.Is(err, hooks.ErrMalformed) {
		t.Errorf("error is %v", err)
	}
}

// TestSealedRepeatAfterChange: a repeat is given the stored answer although it
// is sealed for others than get the secret now, and so is an older event told
// that it is stale; also by a process that remembers the secret.
func TestSealedRepeatAfterChange(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		first := w.seal(t, "prod/db", "evt-1", "tiger")
		older := w.seal(t, "prod/db", "evt-0", "old")
		older.OccurredAt = first.OccurredAt.Add(-time.Second)
		w.mustSealed(t, first, wire.Accepted, 1)
		w.reroute("a")
		w.mustSealed(t, first, wire.Duplicate, 1)
		w.mustSealed(t, older, wire.Stale, 1)
		newer := first
		newer.EventID, newer.OccurredAt = "evt-2", began
		if _, err := w.sendSealed(t.Context(), t, newer, nil); !errors.Is(err, intake.ErrRecipientsChanged) {
			t.Errorf("error is %v", err)
		}
	})
}

// TestSealedConflict: another process commits first; the statement is then made
// anew for the next version, of the same envelopes.
func TestSealedConflict(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	store.before = func(outbox.Change) error {
		store.before = nil
		store.latest["prod/db"] = outbox.Prior{Version: 41}
		return outbox.ErrConflict
	}
	w.mustSealed(t, w.seal(t, "prod/db", "evt-1", "tiger"), wire.Accepted, 42)
	w.opens(t, "a", store.last(t).Sealed[0], statement.Claims{Version: 42}, "tiger")
}

func TestSealedNotAuthenticated(t *testing.T) {
	w := newWorld(t, newMemory(), func(s *intake.Source) { s.Limiter = rate.NewLimiter(0, 2) })
	event := w.seal(t, "prod/db", "evt-1", "tiger") // takes one
	forged := http.Header{"Id": {"evt-1"}, "Forged": {"yes"}}
	if _, err := w.sendSealed(t.Context(), t, event, forged); !errors.Is(err, hooks.ErrUnauthenticated) {
		t.Errorf("error is %v", err)
	}
	w.mustSealed(t, event, wire.Accepted, 1)
	var tooFast *intake.RateError
	if _, err := w.sendSealed(t.Context(), t, event, nil); !errors.As(err, &tooFast) {
		t.Errorf("error is %v", err)
	}
	if _, err := w.ask("prod/db", nil); !errors.As(err, &tooFast) {
		t.Errorf("error is %v", err)
	}
}

func TestRecipients(t *testing.T) {
	w := newWorld(t, newMemory())
	set, err := w.ask("prod/mixed", nil)
	if err != nil {
		t.Fatal(err)
	}
	if set.Source != "vault" || set.Secret != "prod/mixed" || !set.IssuedAt.Equal(began) || !set.ExpiresAt.Equal(began.Add(time.Hour)) {
		t.Errorf("the set is %+v", set)
	}
	if len(set.Keys) != 1 || set.Keys[0].ID != w.keys["a"].ID || len(set.Targets) != 2 || set.Targets[0].Blocked != "" || set.Targets[1].Blocked == "" {
		t.Errorf("the set is %+v", set)
	}
	tests := []struct {
		name, secret string
		header       http.Header
		want         error
	}{
		{"forged", "prod/db", http.Header{"Forged": {"yes"}}, hooks.ErrUnauthenticated},
		{"a forbidden name", "test/db", nil, intake.ErrForbidden},
		{"no name", "../x", nil, hooks.ErrMalformed},
		{"no route", "prod/none", nil, intake.ErrNoRoute},
	}
	for _, test := range tests {
		if _, err := w.ask(test.secret, test.header); !errors.Is(err, test.want) {
			t.Errorf("%s: error is %v", test.name, err)
		}
	}
}
