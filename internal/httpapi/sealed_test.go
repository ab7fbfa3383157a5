package httpapi_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// ask is a good question for the recipients of a secret, before edit.
func ask(target string, edit func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	r.Header.Set("Authorization", "Bearer "+token)
	if edit != nil {
		edit(r)
	}
	return r
}

// recipients are those of the secret, verified.
func (f *fixture) recipients(t *testing.T, secret string) recipientset.Set {
	t.Helper()
	w := f.serve(ask("/v1/recipients?source=vault&secret="+url.QueryEscape(secret), nil))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/jose" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	set, err := recipientset.Verify(w.Body.String(), f.service)
	if err != nil {
		t.Fatal(err)
	}
	if err := set.Check("test", "vault", secret, time.Now()); err != nil {
		t.Fatal(err)
	}
	return set
}

// sealed is the body of an event that is sealed for the set, before edit.
func sealed(t *testing.T, set recipientset.Set, id string, edit func(*adapters.Sealed)) string {
	t.Helper()
	event := adapters.Sealed{EventID: id, Secret: set.Secret, Operation: hooks.Set, OccurredAt: time.Now(), Recipients: set.Digest()}
	keys, err := set.Recipients()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		envelope, err := key.Recipient.Seal([]byte(canary))
		if err != nil {
			t.Fatal(err)
		}
		event.Envelopes = append(event.Envelopes, adapters.Envelope{Format: key.Format.Name, KeyID: key.ID, Bytes: envelope})
	}
	if edit != nil {
		edit(&event)
	}
	body, err := adapters.EncodeSealed(event)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func sealedRequest(body string, edit func(*http.Request)) *http.Request {
	return request(body, func(r *http.Request) {
		r.URL.Path = "/v1/hooks/vault/sealed"
		if edit != nil {
			edit(r)
		}
	})
}

func TestSealed(t *testing.T) {
	f := newFixture(t, nil)
	body := sealed(t, f.recipients(t, "prod/db"), "msg_1", nil)
	if got := f.observer.last(); got != "vault recipients" {
		t.Errorf("observed %q", got)
	}
	answers(t, f.serve(sealedRequest(body, nil)), http.StatusAccepted, wire.Accepted)
	if got := f.observer.last(); got != "vault accepted" {
		t.Errorf("observed %q", got)
	}
	answers(t, f.serve(sealedRequest(body, nil)), http.StatusOK, wire.Duplicate)
	stale := sealed(t, f.recipients(t, "prod/db"), "msg_2", func(e *adapters.Sealed) { e.OccurredAt = time.Unix(1, 0) })
	answers(t, f.serve(sealedRequest(stale, nil)), http.StatusOK, wire.Stale)
	if bytes.Contains(f.log.Bytes(), []byte(canary)) {
		t.Error("the log has the value")
	}
}

func TestSealedRefused(t *testing.T) {
	f := newFixture(t, func(s *intake.Source, _ *httpapi.Options) { s.MaxBody = 4096 })
	set := f.recipients(t, "prod/db")
	tests := []struct {
		name string
		body string
		edit func(*http.Request)
		code int
		slug string
	}{
		{"recipients changed", sealed(t, set, "1", func(e *adapters.Sealed) { e.Recipients = "other" }), nil, 409, "recipients-changed"},
		{"no envelope of that format", sealed(t, set, "1", func(e *adapters.Sealed) { e.Envelopes[0].Bytes = []byte(canary) }), nil, 400, "malformed"},
		{"an event with its value", body("1"), nil, 400, "malformed"},
		{"nothing sealed", `{"event_id":"1","secret":"prod/db","operation":"set","occurred_at":"2026-01-01T00:00:00Z","recipients":"x"}`, nil, 422, "no-value"},
		{"plain text", sealed(t, set, "1", nil), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415, "media-type"},
		{"another token", sealed(t, set, "1", nil), func(r *http.Request) { r.Header.Set("Authorization", "Bearer other-"+token) }, 401, "not-authenticated"},
		{"unknown source", sealed(t, set, "1", nil), func(r *http.Request) { r.URL.Path = "/v1/hooks/other/sealed" }, 404, "unknown-source"},
		{"no source", sealed(t, set, "1", nil), func(r *http.Request) { r.URL.Path = "/v1/hooks//sealed" }, 404, "unknown-source"},
		{"a name that it may not write", sealed(t, set, "1", func(e *adapters.Sealed) { e.Secret = "test/db" }), nil, 403, "forbidden"},
		{"no route", sealed(t, set, "1", func(e *adapters.Sealed) { e.Secret = "prod/none" }), nil, 422, "no-route"},
		{"too large", strings.Repeat(" ", 4097), nil, 413, "body-too-large"},
		{"another method", "", func(r *http.Request) { r.Method = http.MethodGet }, 405, "method"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problem := refuses(t, f.serve(sealedRequest(test.body, test.edit)), test.code, test.slug)
			if strings.Contains(problem.Detail, canary) {
				t.Errorf("the problem repeats the value: %s", problem.Detail)
			}
		})
	}
	if f.store.commits != 0 {
		t.Errorf("%d commits", f.store.commits)
	}
}

func TestRecipientsRefused(t *testing.T) {
	f := newFixture(t, nil)
	tests := []struct {
		name, target string
		edit         func(*http.Request)
		code         int
		slug         string
	}{
		{"no query", "/v1/recipients", nil, 400, "malformed"},
		{"no secret", "/v1/recipients?source=vault", nil, 400, "malformed"},
		{"two secrets", "/v1/recipients?source=vault&secret=prod/db&secret=prod/old", nil, 400, "malformed"},
		{"something else", "/v1/recipients?source=vault&secret=prod/db&x=1", nil, 400, "malformed"},
		{"a semicolon", "/v1/recipients?source=vault;secret=prod/db", nil, 400, "malformed"},
		{"an empty name", "/v1/recipients?source=vault&secret=", nil, 400, "malformed"},
		{"unknown source", "/v1/recipients?source=other&secret=prod/db", nil, 404, "unknown-source"},
		{"a name that it may not write", "/v1/recipients?source=vault&secret=test/db", nil, 403, "forbidden"},
		{"no route", "/v1/recipients?source=vault&secret=prod/none", nil, 422, "no-route"},
		{"no token", "/v1/recipients?source=vault&secret=prod/db", func(r *http.Request) { r.Header.Del("Authorization") }, 401, "not-authenticated"},
		{"another method", "/v1/recipients?source=vault&secret=prod/db", func(r *http.Request) { r.Method = http.MethodPost }, 405, "method"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			refuses(t, f.serve(ask(test.target, test.edit)), test.code, test.slug)
		})
	}
}

// TestSealedAdmission: who may not call does not get as far as the recipients.
func TestSealedAdmission(t *testing.T) {
	f := newFixture(t, fromOutside)
	refuses(t, f.serve(ask("/v1/recipients?source=vault&secret=prod/db", nil)), http.StatusForbidden, "forbidden")
	refuses(t, f.serve(sealedRequest("{}", nil)), http.StatusForbidden, "forbidden")
	f = newFixture(t, func(s *intake.Source, _ *httpapi.Options) { s.Limiter = rate.NewLimiter(rate.Every(time.Hour), 1) })
	f.recipients(t, "prod/db")
	w := f.serve(ask("/v1/recipients?source=vault&secret=prod/db", nil))
	refuses(t, w, http.StatusTooManyRequests, "rate")
	if w.Header().Get("Retry-After") == "" {
		t.Error("it is not said when to ask again")
	}
}

// TestRecipientsAreSignedFor: a signature is of one question, and no other.
func TestRecipientsAreSignedFor(t *testing.T) {
	secret := verify.NewSecret()
	f := newFixture(t, func(s *intake.Source, _ *httpapi.Options) {
		text, err := secret.Text()
		if err != nil {
			t.Fatal(err)
		}
		if s.Verifier, err = verify.NewStandardWebhooks(verify.StandardWebhooks{Secrets: []*hooks.Value{text}}); err != nil {
			t.Fatal(err)
		}
	})
	const asked = "/v1/recipients?source=vault&secret=prod%2Fdb"
	sign := func(of string) func(*http.Request) {
		return func(r *http.Request) {
			now := time.Now()
			signature, err := verify.SignV1(secret, "msg_1", now, []byte(of))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set(verify.IDHeader, "msg_1")
			r.Header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
			r.Header.Set(verify.SignatureHeader, signature)
		}
	}
	if w := f.serve(ask(asked, sign("GET "+asked))); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, other := range []string{"", asked, "DELETE " + asked, "GET /v1/recipients", "GET /v1/recipients?source=vault&secret=prod%2Fold", "GET /v1/recipients?source=vault&secret=prod/db"} {
		refuses(t, f.serve(ask(asked, sign(other))), http.StatusUnauthorized, "not-authenticated")
	}
	// A body does not stand in for the question.
	refuses(t, f.serve(ask(asked, func(r *http.Request) {
		sign("{}")(r)
		r.Body = http.NoBody
	})), http.StatusUnauthorized, "not-authenticated")
}
