package intake_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// says is an adapter whose messages are those it was made of.
type says hooks.Message

func (s says) Read(*hooks.Request, hooks.Verified) (hooks.Message, error) {
	return hooks.Message(s), nil
}

// saying is a world whose source says what message has.
func saying(t *testing.T, store intake.Store, message *hooks.Message) *world {
	return newWorld(t, store, func(s *intake.Source) { s.Adapter = reading{message} })
}

// reading is an adapter whose message can be changed.
type reading struct{ *hooks.Message }

func (r reading) Read(q *hooks.Request, v hooks.Verified) (hooks.Message, error) {
	return says(*r.Message).Read(q, v)
}

func set(secret, value string) hooks.Event {
	return hooks.Event{Secret: secret, Operation: hooks.Set, Value: secretbytes.Copy([]byte(value))}
}

func changed(secret string) hooks.Event {
	return hooks.Event{Secret: secret, Operation: hooks.Changed}
}

// outcomes are the status and version of each answer.
func outcomes(result intake.Result) (out []string) {
	for _, answer := range result.Answers {
		out = append(out, fmt.Sprint(answer.Status, " ", answer.Secret, " ", answer.Version))
	}
	return out
}

// TestSeveralEvents: each is an event of its own, in order, and one delivery ID
// covers them all.
func TestSeveralEvents(t *testing.T) {
	message := &hooks.Message{}
	w := saying(t, newMemory(), message)
	for _, want := range [][]string{
		{"accepted prod/db 1", "accepted prod/db 2", "accepted prod/shared 1"},
		{"duplicate prod/db 1", "duplicate prod/db 2", "duplicate prod/shared 1"},
	} {
		message.Events = []hooks.Event{set("prod/db", "a"), set("prod/db", "b"), set("prod/shared", "c")}
		result, err := w.sendAny(t.Context(), hook{id: "d-1"})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, outcomes(result)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		for _, event := range message.Events {
			if err := event.Value.Expose(func([]byte) error { return nil }); !errors.Is(err, secretbytes.ErrWiped) {
				t.Errorf("a value is still there: %v", err)
			}
		}
	}
}

// TestAllOrNothing: a refused value refuses what came with it.
func TestAllOrNothing(t *testing.T) {
	for name, tc := range map[string]struct {
		bad  hooks.Event
		want error
	}{
		"not its secret": {set("test/db", "x"), intake.ErrForbidden},
		"no route":       {set("prod/else", "x"), intake.ErrNoRoute},
		"bad name":       {set("a//b", "x"), hooks.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			store := newMemory()
			events := []hooks.Event{set("prod/db", "a"), tc.bad, changed("prod/db")}
			w := saying(t, store, &hooks.Message{Events: events})
			if _, err := w.sendAny(t.Context(), hook{id: "1"}); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if store.count() != 0 || len(store.news) != 0 {
				t.Error("something was committed")
			}
			if err := events[0].Value.Expose(func([]byte) error { return nil }); !errors.Is(err, secretbytes.ErrWiped) {
				t.Errorf("a value is still there: %v", err)
			}
		})
	}
}

func TestTooManyEvents(t *testing.T) {
	w := saying(t, newMemory(), &hooks.Message{Events: make([]hooks.Event, hooks.MaxEvents+1)})
	if _, err := w.sendAny(t.Context(), hook{id: "1"}); !errors.Is(err, hooks.ErrMalformed) {
		t.Errorf("error is %v", err)
	}
}

// TestAwaited: news without a value is recorded, and what else it comes with
// keeps it from nothing.
func TestAwaited(t *testing.T) {
	store := newMemory()
	news := changed("prod/db")
	news.OccurredAt = began.Add(-time.Minute)
	w := saying(t, store, &hooks.Message{Events: []hooks.Event{changed("test/else"), news, changed("prod/else")}})
	result, err := w.sendAny(t.Context(), hook{id: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"refused  0", "awaited prod/db 0", "refused  0"}, outcomes(result)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if result.Answers[0].Detail == "" || result.Answers[0].Detail == result.Answers[2].Detail {
		t.Errorf("reasons %q and %q", result.Answers[0].Detail, result.Answers[2].Detail)
	}
	due := began.Add(time.Hour)
	if at := result.Answers[1].AwaitedUntil; at == nil || !at.Equal(due) {
		t.Errorf("awaited until %v, want %v", at, due)
	}
	if len(store.news) != 1 {
		t.Fatalf("%d news", len(store.news))
	}
	got := store.news[0]
	got.Answer = nil
	want := outbox.News{
		Source: "vault", EventID: "1/1", Secret: "prod/db", ChangedAt: news.OccurredAt, ReceivedAt: began, Due: due,
		Audit: audit.Entry{At: began, Kind: audit.EventAwaited, Actor: "source/vault", EventID: "1/1", Secret: "prod/db", Operation: "changed"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if again, err := w.sendAny(t.Context(), hook{id: "1"}); err != nil || again.Answers[1].Status != wire.Duplicate {
		t.Errorf("again: %v, %v", outcomes(again), err)
	}
}

// TestAwaitedRefused: news that concerns nobody here is refused, if there is
// nothing else.
func TestAwaitedRefused(t *testing.T) {
	w := saying(t, newMemory(), &hooks.Message{Events: []hooks.Event{changed("test/a"), changed("prod/else")}})
	if _, err := w.sendAny(t.Context(), hook{id: "1"}); !errors.Is(err, intake.ErrNoRoute) {
		t.Errorf("error is %v", err)
	}
}

// TestSettled: the value comes before the news of it, as hook scripts do.
func TestSettled(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		message := hooks.One(set("prod/db", "a"))
		w := saying(t, store, &message)
		w.must(t, hook{id: "1"}, wire.Accepted, 1)
		message = hooks.One(changed("prod/db"))
		w.must(t, hook{id: "2", received: began.Add(4 * time.Minute)}, wire.Settled, 1)
		w.must(t, hook{id: "3", received: began.Add(6 * time.Minute)}, wire.Awaited, 1)
	})
}

// TestNewsWithoutID: the same signed body is the same news for a while.
func TestNewsWithoutID(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		message := hooks.One(changed("prod/db"))
		w := saying(t, store, &message)
		w.must(t, hook{signed: true, body: "n"}, wire.Awaited, 0)
		w.must(t, hook{signed: true, body: "n", received: began.Add(10 * time.Minute)}, wire.Duplicate, 0)
		w.must(t, hook{signed: true, body: "n", received: began.Add(11 * time.Minute)}, wire.Awaited, 0)
		w.must(t, hook{signed: true, body: "m"}, wire.Awaited, 0)
		w.must(t, hook{body: "n"}, wire.Awaited, 0) // nothing proves which body it was
	})
}

func TestReply(t *testing.T) {
	reply := &hooks.Reply{Status: http.StatusOK, Body: []byte("hello")}
	result, err := saying(t, newMemory(), &hooks.Message{Reply: reply}).sendAny(t.Context(), hook{})
	if err != nil || result.Reply != reply {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestIgnored(t *testing.T) {
	result, err := saying(t, newMemory(), &hooks.Message{}).sendAny(t.Context(), hook{})
	if err != nil || result.Reply != nil || result.Exists != nil || len(result.Answers) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
}

func TestExists(t *testing.T) {
	eachStore(t, func(t *testing.T, store intake.Store) {
		message := &hooks.Message{}
		w := saying(t, store, message)
		asks := func(want bool) {
			t.Helper()
			*message = hooks.Message{Exists: "prod/db"}
			result, err := w.sendAny(t.Context(), hook{})
			if err != nil || result.Exists == nil || *result.Exists != want {
				t.Errorf("%+v, %v; want %v", result, err, want)
			}
		}
		asks(false)
		*message = hooks.One(set("prod/db", "a"))
		w.must(t, hook{id: "1"}, wire.Accepted, 1)
		asks(true)
		*message = hooks.One(hooks.Event{Secret: "prod/db", Operation: hooks.Delete})
		w.must(t, hook{id: "2"}, wire.Accepted, 2)
		asks(false)
		*message = hooks.Message{Exists: "test/db"}
		if _, err := w.sendAny(t.Context(), hook{}); !errors.Is(err, intake.ErrForbidden) {
			t.Errorf("another's secret: %v", err)
		}
	})
}

// wants is a verifier that expects a body.
type wants string

func (w wants) Verify(r *hooks.Request) (hooks.Verified, error) {
	if string(r.Body) != string(w) {
		return hooks.Verified{}, fmt.Errorf("%w: %q", hooks.ErrUnauthenticated, r.Body)
	}
	return hooks.Verified{}, nil
}

// TestBodilessIsSignedByItsLine: a signature of one request without a body does
// not do for another.
func TestBodilessIsSignedByItsLine(t *testing.T) {
	for _, tc := range []struct{ method, body, signed string }{
		{http.MethodGet, "", "GET /v1/hooks/vault?secret=a%2Fb"},
		{http.MethodDelete, "", "DELETE /v1/hooks/vault?secret=a%2Fb"},
		{http.MethodDelete, "x", "x"},
		{http.MethodPost, "", ""},
		{http.MethodPost, "x", "x"},
	} {
		w := newWorld(t, newMemory(), func(s *intake.Source) { s.Verifier, s.Adapter = wants(tc.signed), says{} })
		target, err := url.Parse("https://relay.example/v1/hooks/vault?secret=a%2Fb")
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Accept(t.Context(), w.source, &hooks.Request{Method: tc.method, URL: target, Body: []byte(tc.body), Received: began})
		if err != nil {
			t.Errorf("%s with %q: %v", tc.method, tc.body, err)
		}
	}
}
