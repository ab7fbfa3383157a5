package httpapi_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// protocol is an adapter with everything that an adapter may have: it takes
// other methods, has a question before any event, and answers of its own.
type protocol struct {
	message hooks.Message
	err     error
	// saw is the last request.
	saw *hooks.Request
	// answer is that of Answer; none if it is nil.
	answer func(error) hooks.Reply
}

func (p *protocol) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	p.saw = r
	return p.message, p.err
}

func (*protocol) Methods() []string { return []string{http.MethodPost, http.MethodGet} }

func (*protocol) Preflight(h http.Header) hooks.Reply {
	return hooks.Reply{Status: http.StatusOK, Header: http.Header{"Webhook-Allowed-Origin": h.Values("Webhook-Request-Origin")}}
}

func (p *protocol) Answer(err error) (hooks.Reply, bool) {
	if p.answer == nil {
		return hooks.Reply{}, false
	}
	return p.answer(err), true
}

// speaking is a fixture whose source has the protocol.
func speaking(t *testing.T, p *protocol) *fixture {
	return newFixture(t, func(s *intake.Source, _ *httpapi.Options) { s.Adapter = p })
}

func set(secret string) hooks.Event {
	return hooks.Event{Secret: secret, Operation: hooks.Set, Value: secretbytes.Copy([]byte(canary))}
}

func changed(secret string) hooks.Event {
	return hooks.Event{Secret: secret, Operation: hooks.Changed}
}

func TestResults(t *testing.T) {
	for _, tc := range []struct {
		name     string
		message  hooks.Message
		code     int
		want     wire.Batch
		observed string
	}{
		{"none", hooks.Message{}, 200, wire.Batch{Status: wire.Ignored}, "ignored"},
		{"awaited", hooks.One(changed("prod/db")), 202, wire.Batch{Status: wire.Awaited}, "awaited"},
		{"two values", hooks.Message{Events: []hooks.Event{set("prod/db"), set("prod/db")}}, 202,
			wire.Batch{Status: wire.Accepted, Events: []wire.Answer{{Status: wire.Accepted, Version: 1}, {Status: wire.Accepted, Version: 2}}}, "accepted"},
		{"value and news", hooks.Message{Events: []hooks.Event{changed("prod/old"), set("prod/db")}}, 202,
			wire.Batch{Status: wire.Accepted, Events: []wire.Answer{{Status: wire.Awaited}, {Status: wire.Accepted, Version: 1}}}, "accepted"},
		{"news, some of it none of ours", hooks.Message{Events: []hooks.Event{changed("test/x"), changed("prod/db")}}, 202,
			wire.Batch{Status: wire.Awaited, Events: []wire.Answer{{Status: wire.Refused}, {Status: wire.Awaited}}}, "awaited"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := speaking(t, &protocol{message: tc.message})
			w := f.serve(request("", nil))
			var got wire.Batch
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tc.code {
				t.Fatalf("%d %s, want %d; %v", w.Code, w.Body, tc.code, err)
			}
			for i := range got.Events {
				got.Events[i] = wire.Answer{Status: got.Events[i].Status, Version: got.Events[i].Version}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if f.observer.last() != "vault "+tc.observed {
				t.Errorf("observed %q", f.observer.last())
			}
		})
	}
}

func TestReplies(t *testing.T) {
	reply := hooks.Reply{Status: http.StatusOK, Header: http.Header{"X-Own": {"a", "b"}}, Body: []byte(`{"validationResponse":"1"}`)}
	f := speaking(t, &protocol{message: hooks.Message{Reply: &reply}})
	wantReply(t, f.serve(request("", nil)), reply)
	if f.observer.last() != "vault reply" {
		t.Errorf("observed %q", f.observer.last())
	}
}

func wantReply(t *testing.T, w *httptest.ResponseRecorder, want hooks.Reply) {
	t.Helper()
	if w.Code != want.Status || w.Body.String() != string(want.Body) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for name, values := range want.Header {
		if diff := cmp.Diff(values, w.Header().Values(name)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

// TestPreflight: the question needs no credential, and tells nothing.
func TestPreflight(t *testing.T) {
	ask := func(r *http.Request) {
		r.Method = http.MethodOptions
		r.Header.Del("Authorization")
		r.Header.Set("Webhook-Request-Origin", "cloud.example")
	}
	p := &protocol{}
	f := speaking(t, p)
	wantReply(t, f.serve(request("", ask)), hooks.Reply{Status: 200, Header: http.Header{"Webhook-Allowed-Origin": {"cloud.example"}}})
	if p.saw != nil {
		t.Error("the question was read as an event")
	}
	refuses(t, newFixture(t, nil).serve(request("", ask)), 405, "method")
	outside := newFixture(t, fromOutside)
	outside.source.Adapter = p
	refuses(t, outside.serve(request("", ask)), 403, "forbidden")
}

func TestMethods(t *testing.T) {
	p := &protocol{message: hooks.Message{Exists: "prod/db"}}
	f := speaking(t, p)
	get := func(r *http.Request) {
		r.Method, r.URL.RawQuery = http.MethodGet, "secret=prod%2Fdb"
	}
	refuses(t, f.serve(request("", get)), 404, "no-secret")
	if f.observer.last() != "vault absent" {
		t.Errorf("observed %q", f.observer.last())
	}
	if got := p.saw.URL.String(); got != "http://example.com/v1/hooks/vault?secret=prod%2Fdb" {
		t.Errorf("URL %s", got)
	}
	refuses(t, f.serve(request("", func(r *http.Request) { get(r); r.Header.Del("Authorization") })), 401, "not-authenticated")
	p.message = hooks.One(set("prod/db"))
	answers(t, f.serve(request("", nil)), 202, wire.Accepted)
	p.message = hooks.Message{Exists: "prod/db"}
	if w := f.serve(request("", func(r *http.Request) { get(r); r.Header.Set("X-Forwarded-Proto", "https") })); w.Code != 200 || w.Body.String() != "{\"exists\":true}\n" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := p.saw.URL.Scheme; got != "https" {
		t.Errorf("scheme %s behind a proxy", got)
	}
	w := f.serve(request("", func(r *http.Request) { r.Method = http.MethodDelete }))
	refuses(t, w, 405, "method")
	if allow := w.Header().Get("Allow"); allow != "GET, OPTIONS, POST" {
		t.Errorf("Allow: %s", allow)
	}
}

// TestOwnAnswers: the adapter's words, but for what is to be tried again.
func TestOwnAnswers(t *testing.T) {
	p := &protocol{message: hooks.One(set("prod/db")), answer: func(err error) hooks.Reply {
		switch {
		case err == nil:
			return hooks.Reply{Status: http.StatusAccepted}
		case errors.Is(err, hooks.ErrUnauthenticated):
			return hooks.Reply{Status: http.StatusBadRequest, Body: []byte(`{"err":"authentication_failed"}`)}
		default:
			return hooks.Reply{Status: http.StatusBadRequest, Body: []byte(`{"err":"invalid_request"}`)}
		}
	}}
	f := speaking(t, p)
	wantReply(t, f.serve(request("", nil)), hooks.Reply{Status: 202})
	wantReply(t, f.serve(request("", func(r *http.Request) { r.Header.Del("Authorization") })),
		hooks.Reply{Status: 400, Body: []byte(`{"err":"authentication_failed"}`)})
	p.message = hooks.One(set("test/db"))
	wantReply(t, f.serve(request("", nil)), hooks.Reply{Status: 400, Body: []byte(`{"err":"invalid_request"}`)})
	if f.observer.last() != "vault forbidden" {
		t.Errorf("observed %q", f.observer.last())
	}
	p.message = hooks.One(set("prod/db"))
	f.store.fail = errors.New("defect")
	p.message.Events[0].ID = "another"
	refuses(t, f.serve(request("", nil)), 500, "internal")
}

// TestPathBehind: some senders put a path of their own behind the address.
func TestPathBehind(t *testing.T) {
	f := newFixture(t, nil)
	path := func(path string) func(*http.Request) {
		return func(r *http.Request) { r.URL.Path = path }
	}
	answers(t, f.serve(request(body("1"), path("/v1/hooks/vault/api/secretchanged"))), 202, wire.Accepted)
	refuses(t, f.serve(request(body("2"), path("/v1/hooks/else/api/secretchanged"))), 404, "unknown-source")
	refuses(t, f.serve(request(body("2"), path("/v1/hooks/vault/api/else"))), 404, "not-found")
}
