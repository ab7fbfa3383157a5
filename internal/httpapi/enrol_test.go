package httpapi

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// anteroom takes every invitation but one that was used.
type anteroom struct{ used []byte }

func (anteroom) Holds(context.Context) ([]outbox.Hold, error)                   { return nil, nil }
func (anteroom) Enrolments(context.Context) ([]outbox.Enrolment, error)         { return nil, nil }
func (anteroom) List(context.Context, outbox.Filter) ([]outbox.Delivery, error) { return nil, nil }
func (a anteroom) Enrol(_ context.Context, e outbox.Enrolment) (outbox.Enrolment, error) {
	if string(e.Invitation) == string(a.used) {
		return outbox.Enrolment{}, outbox.ErrNotInvited
	}
	return e, nil
}

func TestEnrolments(t *testing.T) {
	digests, err := enrol.NewDigests(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	handler := New(Options{MaxInFlight: 2, Log: zerolog.New(&log), Enrolments: &enrol.Desk{
		Store: anteroom{digests.Of("used")}, Digests: digests,
		Rule: func(agent string) (enrol.Rule, bool) { return enrol.Defer, agent == "web" },
	}})
	_, signing, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	body := func(kind, agent, token string, at time.Time) string {
		_, public, err := keys.Generate(kind)
		if err != nil {
			t.Fatal(err)
		}
		made, err := enrol.NewBody(agent, public, signing, at)
		if err != nil {
			t.Fatal(err)
		}
		made.Token = token
		data, err := json.Marshal(made)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	now := time.Now()
	details := map[string]bool{}
	for _, tc := range []struct {
		name, media, body string
		status            int
		kind              string
	}{
		{"good", "application/json", body("age-pq", "web", "t0ken", now), 200, ""},
		{"used", "application/json", body("age", "web", "used", now), 401, "not-enrolled"},
		{"unknown agent", "application/json", body("age", "nobody", "t0ken", now), 401, "not-enrolled"},
		{"old", "application/json", body("age", "web", "t0ken", now.Add(-time.Hour)), 401, "not-enrolled"},
		{"another kind of key", "application/json", body("ec-p256", "web", "t0ken", now), 422, "key-not-enrolled"},
		{"no JSON", "application/json", "t0ken", 400, "malformed"},
		{"another media type", "text/plain", body("age", "web", "t0ken", now), 415, "media-type"},
		{"too large", "application/json", `{"agent":"` + strings.Repeat("a", enrol.MaxBody) + `"}`, 413, "body-too-large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/enrolments", strings.NewReader(tc.body))
			request.Header.Set("Content-Type", tc.media)
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			var problem wire.Problem
			if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			if answer.Code != tc.status || tc.kind != "" && !strings.HasSuffix(problem.Type, "#"+tc.kind) {
				t.Errorf("status %d, %s", answer.Code, answer.Body)
			}
			if tc.status == 401 {
				details[problem.Detail] = true
			}
			if tc.status == 200 && !strings.Contains(answer.Body.String(), `"state":"pending"`) {
				t.Errorf("answer %s", answer.Body)
			}
		})
	}
	if len(details) != 1 {
		t.Errorf("what is not the agent's is told apart: %v", details)
	}
	if strings.Contains(log.String(), "t0ken") {
		t.Error("an invitation is in the log")
	}
}
