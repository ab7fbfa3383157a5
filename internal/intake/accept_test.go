package intake_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestAccept(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	got := w.must(t, hook{id: "evt-1", body: value("tiger")}, wire.Accepted, 1)
	want := wire.Answer{
		Status: wire.Accepted, EventID: "evt-1", Secret: "prod/db", Version: 1, AcceptedAt: began,
		Agents: []wire.AgentOutcome{
			{Agent: "a", Outcome: wire.Queued, Destinations: []string{"folder"}},
			{Agent: "b", Outcome: wire.Queued, Destinations: []string{"folder"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer: -want +got:\n%s", diff)
	}
	change := store.last(t)
	if diff := cmp.Diff(want, stored(t, change)); diff != "" {
		t.Errorf("stored answer: -want +got:\n%s", diff)
	}
	wantEntry := audit.Entry{
		At: began, Kind: audit.EventAccepted, Actor: "source/vault", EventID: "evt-1",
		Secret: "prod/db", Version: 1, Operation: "set", Agents: []string{"a", "b"},
	}
	if diff := cmp.Diff(wantEntry, change.Audit); diff != "" {
		t.Errorf("audit: -want +got:\n%s", diff)
	}
	for i, name := range []string{"a", "b"} {
		claims := statement.Claims{Issuer: "test", Agent: name, Secret: "prod/db", Version: 1, Operation: "set"}
		w.opens(t, name, change.Sealed[i], claims, "tiger")
	}
}

func TestFieldsAreSealedAsOneObject(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.must(t, hook{id: "1", body: `{"secret":"prod/db","fields":{"user":"u","password":"p"}}`}, wire.Accepted, 1)
	w.opens(t, "a", store.last(t).Sealed[0], statement.Claims{}, `{"password":"p","user":"u"}`)
}

func TestOneEnvelopePerKey(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.must(t, hook{id: "1", body: `{"secret":"prod/shared","value":"tiger"}`}, wire.Accepted, 1)
	sealed := store.last(t).Sealed
	if len(sealed) != 3 {
		t.Fatalf("%d targets", len(sealed))
	}
	a, c, d := sealed[0], sealed[1], sealed[2]
	if string(c.Envelope) != string(d.Envelope) {
		t.Error("members of a group with a key have envelopes of their own")
	}
	if string(a.Envelope) == string(c.Envelope) || c.Statement == d.Statement {
		t.Error("agents share what is theirs alone")
	}
	for _, s := range []outbox.Sealed{c, d} {
		w.opens(t, "cd", s, statement.Claims{Agent: s.Agent, KeyID: w.keys["cd"].ID}, "tiger")
	}
}

func TestRouteByLabels(t *testing.T) {
	body := `{"secret":"prod/labelled","value":"tiger"}`
	_, err := newWorld(t, newMemory()).send(t.Context(), hook{id: "1", body: body})
	if !errors.Is(err, intake.ErrNoRoute) {
		t.Errorf("source without the label: %v", err)
	}
	labelled := newWorld(t, newMemory(), func(s *intake.Source) { s.Labels = map[string]string{"stage": "prod", "team": "x"} })
	labelled.must(t, hook{id: "1", body: body}, wire.Accepted, 1)
}

func TestDuplicate(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		first := w.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 1)
		w.must(t, hook{id: "2", body: value("lion")}, wire.Accepted, 2)
		again := w.must(t, hook{id: "1", body: value("tiger"), received: began.Add(time.Hour)}, wire.Duplicate, 1)
		again.Status = first.Status
		if diff := cmp.Diff(first, again); diff != "" {
			t.Errorf("a repeat is not answered as the first time: -first +repeat:\n%s", diff)
		}
	})
}

// TestConcurrentRepeats sends one event 50 times at once.
func TestConcurrentRepeats(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		for secret, id := range map[string]string{"prod/db": "evt", "prod/shared": ""} {
			w := newWorld(t, store)
			body := fmt.Sprintf(`{"secret":%q,"value":"tiger"}`, secret)
			statuses := w.concurrently(t, 50, func(int) hook { return hook{id: id, body: body} })
			repeats := wire.Duplicate
			if id == "" {
				repeats = wire.Unchanged
			}
			if diff := cmp.Diff(map[wire.Status]int{wire.Accepted: 1, repeats: 49}, statuses); diff != "" {
				t.Errorf("event ID %q: -want +got:\n%s", id, diff)
			}
		}
	})
}

// TestConcurrentVersions sends 50 changes of one secret at once, half of them
// through another Intake on the same store, as another process would.
func TestConcurrentVersions(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		other := newWorld(t, store)
		var done sync.WaitGroup
		for n, each := range []*world{w, other} {
			done.Go(func() {
				statuses := each.concurrently(t, 25, func(i int) hook {
					return hook{id: fmt.Sprintf("%d-%d", n, i), body: value(fmt.Sprint(i))}
				})
				if statuses[wire.Accepted] != 25 {
					t.Errorf("%v", statuses)
				}
			})
		}
		done.Wait()
		prior, err := store.Prior(t.Context(), "vault", "", "prod/db")
		if err != nil || prior.Version != 50 {
			t.Errorf("version %d, %v", prior.Version, err)
		}
	})
}

// concurrently sends n hooks at once and counts how they were answered. An
// outbox that is busy is asked again, as a sender would.
func (w *world) concurrently(t *testing.T, n int, make func(int) hook) map[wire.Status]int {
	var mu sync.Mutex
	var done sync.WaitGroup
	statuses := map[wire.Status]int{}
	for i := range n {
		done.Go(func() {
			answer, err := w.send(t.Context(), make(i))
			for errors.Is(err, outbox.ErrUnavailable) {
				answer, err = w.send(t.Context(), make(i))
			}
			if err != nil {
				t.Errorf("hook %d: %v", i, err)
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[answer.Status]++
		})
	}
	done.Wait()
	return statuses
}

func TestStale(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		w.must(t, hook{id: "new", body: valueAt("lion", began.Add(-time.Minute))}, wire.Accepted, 1)
		stale := w.must(t, hook{id: "old", body: valueAt("tiger", began.Add(-time.Hour))}, wire.Stale, 1)
		if len(stale.Agents) != 0 {
			t.Errorf("a stale event goes to %v", stale.Agents)
		}
		w.must(t, hook{id: "same", body: valueAt("puma", began.Add(-time.Minute))}, wire.Accepted, 2)
	})
}

// TestAnotherProcessIsNewer: what this process remembers of a secret is behind
// what another committed. An event that is new to the one and old to the other
// is old.
func TestAnotherProcessIsNewer(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		here, there := newWorld(t, store), newWorld(t, store)
		at := func(minutes int) string { return valueAt("tiger", began.Add(time.Duration(minutes)*time.Minute)) }
		here.must(t, hook{id: "1", body: at(-60)}, wire.Accepted, 1)
		there.must(t, hook{id: "2", body: at(-10)}, wire.Accepted, 2)
		here.must(t, hook{id: "3", body: at(-30)}, wire.Stale, 2)
		here.must(t, hook{id: "2", body: at(-10)}, wire.Duplicate, 2)
		here.must(t, hook{id: "4", body: at(-5)}, wire.Accepted, 3)
		there.must(t, hook{id: "4", body: at(-5)}, wire.Duplicate, 3)
	})
}

// TestRepeatIsNotRefused: a repeat gets its answer, whatever would be said of
// the event today. The key of agent old was good when the event came first.
func TestRepeatIsNotRefused(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store, func(s *intake.Source) { s.Strict = true })
		event := hook{id: "1", body: `{"secret":"prod/mixed","value":"tiger"}`, received: began.Add(-2 * time.Hour)}
		w.must(t, event, wire.Accepted, 1)
		event.received = began
		w.must(t, event, wire.Duplicate, 1)
		event.id = "2"
		if _, err := w.send(t.Context(), event); !errors.Is(err, intake.ErrKeyRefused) {
			t.Errorf("a new event: %v", err)
		}
	})
}

// TestArrivalOrder: where one of two times is unknown, the later to arrive wins.
func TestArrivalOrder(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		w := newWorld(t, store)
		w.must(t, hook{id: "1", body: valueAt("a", began)}, wire.Accepted, 1)
		w.must(t, hook{id: "2", body: value("b")}, wire.Accepted, 2)
		w.must(t, hook{id: "3", body: valueAt("c", began.Add(-time.Hour))}, wire.Accepted, 3)
	})
}

func TestClockAheadIsClamped(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	w.must(t, hook{id: "1", body: valueAt("a", began.Add(time.Hour))}, wire.Accepted, 1)
	if got := store.last(t).OccurredAt; !got.Equal(began) {
		t.Errorf("occurred at %s, received at %s", got, began)
	}
	later := began.Add(time.Second)
	w.must(t, hook{id: "2", body: valueAt("b", later), received: later}, wire.Accepted, 2)
}

// TestConflict: another process commits between Prior and Commit; the event is
// sealed anew, and its statement says the version that it got.
func TestConflict(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	lost := 0
	store.before = func(outbox.Change) error {
		if lost < 2 {
			lost++
			store.latest["prod/db"] = outbox.Prior{Version: store.latest["prod/db"].Version + 1}
			return outbox.ErrConflict
		}
		return nil
	}
	w.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 3)
	w.opens(t, "a", store.last(t).Sealed[0], statement.Claims{Version: 3}, "tiger")
	if stored(t, store.last(t)).Version != 3 {
		t.Error("the stored answer tells another version")
	}
}

func TestConflictWithoutEnd(t *testing.T) {
	store := newMemory()
	tries := 0
	store.before = func(outbox.Change) error { tries++; return outbox.ErrConflict }
	_, err := newWorld(t, store).send(t.Context(), hook{id: "1", body: value("tiger")})
	if !errors.Is(err, outbox.ErrUnavailable) || tries != 8 {
		t.Errorf("after %d tries: %v", tries, err)
	}
}

// TestDuplicateFoundByCommit: another process accepted the event after Prior.
func TestDuplicateFoundByCommit(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	store.before = func(outbox.Change) error {
		return &outbox.DuplicateError{Answer: []byte(`{"status":"accepted","event_id":"1","secret":"prod/db","version":7}`)}
	}
	w.must(t, hook{id: "1", body: value("tiger")}, wire.Duplicate, 7)
}

func TestStoreFails(t *testing.T) {
	for _, want := range []error{outbox.ErrUnavailable, outbox.ErrAmbiguous, errDisk} {
		store := newMemory()
		store.before = func(outbox.Change) error { return fmt.Errorf("%w: cause", want) }
		answer, err := newWorld(t, store).send(t.Context(), hook{id: "1", body: value("tiger")})
		if !errors.Is(err, want) || answer.Status != "" {
			t.Errorf("%v: answer %+v, error %v", want, answer, err)
		}
	}
}

func TestBlocked(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store)
	answer := w.must(t, hook{id: "1", body: `{"secret":"prod/mixed","value":"tiger"}`}, wire.Accepted, 1)
	if answer.Agents[0].Outcome != wire.Queued || answer.Agents[1].Outcome != wire.Blocked || !strings.Contains(answer.Agents[1].Detail, "expired") {
		t.Errorf("%+v", answer.Agents)
	}
	change := store.last(t)
	old := change.Sealed[1]
	if old.Blocked == "" || old.Envelope != nil || old.Statement != "" || old.Format != "js7" {
		t.Errorf("delivery %+v", old)
	}
	if len(change.Audit.Agents) != 1 || !strings.Contains(change.Audit.Detail, "agent old") {
		t.Errorf("audit %+v", change.Audit)
	}
}

func TestStrictRefuses(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store, func(s *intake.Source) { s.Strict = true })
	_, err := w.send(t.Context(), hook{id: "1", body: `{"secret":"prod/mixed","value":"tiger"}`})
	if !errors.Is(err, intake.ErrKeyRefused) || store.count() != 0 {
		t.Errorf("%d commits, %v", store.count(), err)
	}
	w.must(t, hook{id: "1", body: value("tiger")}, wire.Accepted, 1)
}

// TestDelete: there is nothing to seal, so even an agent whose key is refused
// learns of it.
func TestDelete(t *testing.T) {
	store := newMemory()
	w := newWorld(t, store, func(s *intake.Source) { s.Strict = true })
	answer := w.must(t, hook{id: "1", body: `{"secret":"prod/mixed","operation":"delete"}`}, wire.Accepted, 1)
	for i, s := range store.last(t).Sealed {
		claims, err := statement.Verify(s.Statement, w.service)
		if err != nil || claims.Operation != "delete" || claims.Agent != s.Agent || len(s.Envelope) != 0 || s.Blocked != "" || answer.Agents[i].Outcome != wire.Queued {
			t.Errorf("%+v, claims %+v, %v", s, claims, err)
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tc := range []struct {
		name string
		hook hook
		want error
	}{
		{"forged", hook{id: "1", body: value("tiger"), forged: true}, hooks.ErrUnauthenticated},
		{"not JSON", hook{id: "1", body: "tiger"}, hooks.ErrMalformed},
		{"no value", hook{id: "1", body: `{"secret":"prod/db"}`}, hooks.ErrNoValue},
		{"name out of the folder", hook{id: "1", body: `{"secret":"prod/../etc","value":"tiger"}`}, hooks.ErrMalformed},
		{"name with a control character", hook{id: "1", body: `{"secret":"prod/\u0000","value":"tiger"}`}, hooks.ErrMalformed},
		{"not its secret", hook{id: "1", body: `{"secret":"test/db","value":"tiger"}`}, intake.ErrForbidden},
		{"value as the name", hook{id: "1", body: `{"secret":"tiger","value":"prod/db"}`}, intake.ErrForbidden},
		{"no route", hook{id: "1", body: `{"secret":"prod/else","value":"tiger"}`}, intake.ErrNoRoute},
		{"ID too long", hook{id: strings.Repeat("i", 257), body: value("tiger")}, hooks.ErrMalformed},
		{"ID not printable", hook{id: "a b", body: value("tiger")}, hooks.ErrMalformed},
		{"ID reserved", hook{id: "body:1", body: value("tiger")}, hooks.ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store := newMemory()
			w := newWorld(t, store)
			_, err := w.send(t.Context(), tc.hook)
			if !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			if strings.Contains(err.Error(), "tiger") || strings.Contains(w.log.String(), "tiger") {
				t.Errorf("the value is in the error or the log: %v", err)
			}
			if store.count() != 0 {
				t.Error("something was committed")
			}
		})
	}
	newWorld(t, newMemory()).must(t, hook{id: strings.Repeat("i", 256), body: value("tiger")}, wire.Accepted, 1)
}

// TestWiped: whatever becomes of an event, its value is wiped when Accept
// returns.
func TestWiped(t *testing.T) {
	store := newMemory()
	adapter := &keeping{Adapter: adapters.Push{}}
	w := newWorld(t, store, func(s *intake.Source) { s.Adapter = adapter })
	for _, tc := range []struct {
		name   string
		before func(outbox.Change) error
		hook   hook
		want   error
	}{
		{"accepted", nil, hook{id: "1", body: valueAt("tiger", began)}, nil},
		{"duplicate", nil, hook{id: "1", body: valueAt("tiger", began)}, nil},
		{"stale", nil, hook{id: "2", body: valueAt("tiger", began.Add(-time.Hour))}, nil},
		{"forbidden", nil, hook{id: "3", body: `{"secret":"test/db","value":"tiger"}`}, intake.ErrForbidden},
		{"no route", nil, hook{id: "4", body: `{"secret":"prod/else","value":"tiger"}`}, intake.ErrNoRoute},
		{"bad ID", nil, hook{id: "body:", body: value("tiger")}, hooks.ErrMalformed},
		{"not committed", func(outbox.Change) error { return errDisk }, hook{id: "5", body: value("tiger")}, errDisk},
		{"conflicts", func(outbox.Change) error { return outbox.ErrConflict }, hook{id: "6", body: value("tiger")}, outbox.ErrUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			store.before = tc.before
			adapter.read = hooks.Message{}
			if _, err := w.send(t.Context(), tc.hook); !errors.Is(err, tc.want) {
				t.Fatalf("got %v, want %v", err, tc.want)
			}
			err := adapter.read.Events[0].Value.Expose(func([]byte) error { return nil })
			if !errors.Is(err, secretbytes.ErrWiped) {
				t.Errorf("the value is still there: %v", err)
			}
		})
	}
	if strings.Contains(w.log.String(), "tiger") {
		t.Error("the value is in the log")
	}
}

// broken is a recipient with a defect.
type broken struct{}

func (broken) KeyID() string               { return "broken" }
func (broken) Seal([]byte) ([]byte, error) { panic("defect") }

// TestPanicStaysInTheRequest: sealing runs on goroutines of its own, where a
// panic that nobody catches would end the process.
func TestPanicStaysInTheRequest(t *testing.T) {
	adapter := &keeping{Adapter: adapters.Push{}}
	w := newWorld(t, newMemory(), func(s *intake.Source) { s.Adapter = adapter })
	w.keys["a"].Recipient, w.keys["b"].Recipient = broken{}, broken{}
	caught := func() (cause any) {
		defer func() { cause = recover() }()
		_, _ = w.send(t.Context(), hook{id: "1", body: value("tiger")})
		return nil
	}()
	if caught != "defect" {
		t.Errorf("caught %v", caught)
	}
	if err := adapter.read.Events[0].Value.Expose(func([]byte) error { return nil }); !errors.Is(err, secretbytes.ErrWiped) {
		t.Errorf("the value is still there: %v", err)
	}
	w.must(t, hook{id: "1", body: `{"secret":"prod/db","operation":"delete"}`}, wire.Accepted, 1) // and no lock is held
}
