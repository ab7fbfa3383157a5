package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

const (
	secrets = 300
	coreLen = 24
)

// newCanary is a value that stands nowhere else: a core of 24 letters and
// digits, and for some what has to be escaped, or is no text, behind it.
func newCanary(i int) []byte {
	core := rand.Text()[:coreLen]
	switch i % 4 {
	case 0:
		return []byte(core + "\"\\/<&>%+ é\t€")
	case 1:
		return []byte(core + "\xff\xfe\x00\x80\n")
	}
	return []byte(core)
}

// withCores adds the core of each value that has more: it is searched for by
// itself, since whatever cannot hold the rest may still hold the core.
func withCores(values [][]byte) [][]byte {
	all := values
	for _, value := range values {
		if len(value) > coreLen {
			all = append(all[:len(all):len(all)], value[:coreLen])
		}
	}
	return all
}

// TestNoPlaintext sends 300 secrets, and requests of every kind that is
// refused, through the whole service. No value is then in its data folder, in
// what was delivered, in the log at debug level, in a metric or in an answer.
func TestNoPlaintext(t *testing.T) {
	s := start(t)
	var values [][]byte
	for i := range secrets {
		values = append(values, newCanary(i))
	}
	sent := s.sendAll(t, values)
	refusedFrom := len(values)
	values = append(values, s.sendRefused(t)...)
	s.waitDelivered(t, 2*sent)
	s.opens(t, values[:secrets])
	for _, path := range []string{"/readyz", "/metrics", "/healthz", "/none"} {
		s.admin(t, path)
	}

	searching := newSearcher(withCores(values))
	running := s.findNothing(t, searching, "while it runs")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	stopped := s.findNothing(t, searching, "after its end")
	var tail bytes.Buffer
	if err := s.tail.Lines(&tail); err != nil {
		t.Fatal(err)
	}
	for what, data := range map[string][]byte{"log": s.log.bytes(), "end of the log": tail.Bytes(), "answers": s.answers.bytes()} {
		if len(data) < 10_000 {
			t.Errorf("the %s has only %d bytes", what, len(data))
		}
		for _, hit := range searching.search(what, data) {
			t.Error(hit)
		}
	}
	t.Logf("%d secrets sent, %d values in refused requests, %d forms searched for in %d and %d files, the log (%d bytes) and the answers (%d bytes): %d bytes, 0 hits",
		sent, len(values)-refusedFrom, searching.count, running, stopped, len(s.log.bytes()), len(s.answers.bytes()), searching.searched)
}

// findNothing searches the data folder and the delivered files.
func (s *service) findNothing(t *testing.T, searching *searcher, when string) (files int) {
	t.Helper()
	for _, folder := range []string{"data", "delivered"} {
		hits, n, err := searching.searchTree(filepath.Join(s.dir, folder))
		if err != nil {
			t.Fatal(err)
		}
		for _, hit := range hits {
			t.Errorf("%s: %s", when, hit)
		}
		files += n
	}
	return files
}

func secretName(i int) string { return fmt.Sprintf("canary/values/%03d", i) }

// sendAll sends each value in one of the ways there are, some of them twice.
func (s *service) sendAll(t *testing.T, values [][]byte) int {
	t.Helper()
	for i, v := range values {
		var r func() *http.Request
		switch {
		case i%4 < 2: // value, and value_base64 for what is no text
			body, err := adapters.EncodePush(hooks.Event{Secret: secretName(i), Operation: hooks.Set, Value: secretbytes.Copy(v), OccurredAt: time.Now()})
			if err != nil {
				t.Fatal(err)
			}
			r = func() *http.Request { return s.signed(t, fmt.Sprintf("evt-%d", i), string(body)) }
		case i%4 == 2:
			body := object(t, map[string]any{"name": secretName(i), "value": string(v), "id": i})
			r = func() *http.Request { return s.post(t, "plain", body) }
		default:
			body := object(t, map[string]any{"name": secretName(i), "user": "u", "password": string(v)})
			r = func() *http.Request { return s.post(t, "fields", body) }
		}
		if code := s.do(t, r()); code != http.StatusAccepted {
			t.Fatalf("secret %d: %d", i, code)
		}
		if i%10 < 4 { // a repeat, of each kind of source
			if code := s.do(t, r()); code != http.StatusOK {
				t.Fatalf("repeat of secret %d: %d", i, code)
			}
		}
	}
	return len(values)
}

func object(t *testing.T, members map[string]any) string {
	t.Helper()
	data, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// sendRefused sends one request of each kind that is not accepted, or not for
// everybody, with a value of its own, and returns the values.
func (s *service) sendRefused(t *testing.T) (values [][]byte) {
	t.Helper()
	fresh := func() string {
		v := newCanary(2)
		values = append(values, v)
		return string(v)
	}
	plain := func(source, name string) *http.Request {
		return s.post(t, source, object(t, map[string]any{"name": name, "value": fresh()}))
	}
	for _, tc := range []struct {
		name string
		make func() *http.Request
		want int
	}{
		{"bad signature", func() *http.Request {
			r := s.signed(t, "evt-x", object(t, map[string]any{"secret": "canary/values/x", "value": fresh()}))
			r.Header.Set("webhook-id", "evt-y")
			return r
		}, 401},
		{"value as the signature", func() *http.Request {
			r := s.signed(t, "evt-z", `{}`)
			r.Header.Set("webhook-signature", fresh())
			return r
		}, 401},
		{"value as the token", func() *http.Request {
			r := plain("plain", "canary/values/x")
			r.Header.Set("Authorization", "Bearer "+fresh())
			return r
		}, 401},
		{"broken off", func() *http.Request { return s.post(t, "plain", `{"name":"canary/values/x","value":"`+fresh()) }, 400},
		{"not JSON", func() *http.Request { return s.post(t, "plain", fresh()) }, 400},
		{"value as a member's name", func() *http.Request {
			body := object(t, map[string]any{"secret": "canary/values/x", fresh(): "x"})
			return s.signed(t, "evt-m", body)
		}, 400},
		{"value as a number's place", func() *http.Request {
			return s.post(t, "plain", object(t, map[string]any{"name": "canary/values/x", "value": []string{fresh()}}))
		}, 400},
		{"value as the time", func() *http.Request {
			return s.post(t, "plain", object(t, map[string]any{"name": "canary/values/x", "value": fresh(), "at": fresh()}))
		}, 400},
		{"value as the operation", func() *http.Request {
			return s.signed(t, "evt-o", object(t, map[string]any{"secret": "canary/values/x", "value": "x", "operation": fresh()}))
		}, 400},
		{"value as base64", func() *http.Request {
			return s.signed(t, "evt-b", object(t, map[string]any{"secret": "canary/values/x", "value_base64": "!" + fresh()}))
		}, 400},
		{"value as the name", func() *http.Request {
			return s.post(t, "plain", object(t, map[string]any{"name": fresh(), "value": "canary/values/x"}))
		}, 403},
		{"value as a bad name", func() *http.Request {
			return s.post(t, "plain", object(t, map[string]any{"name": "canary/values/" + fresh() + "/", "value": "x"}))
		}, 400},
		{"not its secret", func() *http.Request { return plain("plain", "other/x") }, 403},
		{"not from there", func() *http.Request { return plain("narrow", "canary/values/x") }, 403},
		{"unknown source", func() *http.Request { return plain("unknown", "canary/values/x") }, 404},
		{"value as the source", func() *http.Request { return plain(fresh(), "canary/values/x") }, 404},
		{"value in the query", func() *http.Request { return plain("unknown?v="+fresh(), "canary/values/x") }, 404},
		{"GET", func() *http.Request { r := plain("plain", "canary/values/x"); r.Method = http.MethodGet; return r }, 405},
		{"too large", func() *http.Request {
			return s.post(t, "plain", strings.Repeat(object(t, map[string]any{"name": "canary/values/x", "value": fresh()}), 100))
		}, 413},
		{"not said to be JSON", func() *http.Request {
			r := plain("plain", "canary/values/x")
			r.Header.Set("Content-Type", "text/"+fresh())
			return r
		}, 415},
		{"compressed", func() *http.Request {
			r := plain("plain", "canary/values/x")
			r.Header.Set("Content-Encoding", fresh())
			return r
		}, 415},
		{"no value where it belongs", func() *http.Request {
			return s.post(t, "plain", object(t, map[string]any{"name": "canary/values/x", "password": fresh()}))
		}, 422},
		{"no route", func() *http.Request { return plain("plain", "canary/elsewhere") }, 422},
		{"strict", func() *http.Request { return plain("strict", "canary/values/mixed") }, 422},
		{"not too fast", func() *http.Request { return plain("slow", "canary/elsewhere") }, 422},
		{"too fast", func() *http.Request { return plain("slow", "canary/elsewhere") }, 429},
		{"blocked for an agent", func() *http.Request { return plain("plain", "canary/values/mixed") }, 202},
		{"the newer", func() *http.Request {
			return s.post(t, "plain", object(t, map[string]any{"name": "canary/values/mixed", "value": fresh(), "at": time.Now()}))
		}, 202},
		{"stale", func() *http.Request {
			return s.post(t, "plain", object(t, map[string]any{"name": "canary/values/mixed", "value": fresh(), "at": 1}))
		}, 200},
	} {
		if got := s.do(t, tc.make()); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
	return values
}

// waitDelivered waits until n deliveries are there, and until the agent that
// cannot be delivered to has failed, which is logged and stored as well.
func (s *service) waitDelivered(t *testing.T, n int) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), app.OutboxPath(s.cfg), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	until(t, "everything is delivered", func() (bool, error) {
		counts, err := store.Count(context.Background())
		return counts[outbox.Delivered] >= n, err
	})
	until(t, "a delivery has failed", func() (bool, error) {
		d, err := store.Get(context.Background(), outbox.Key{Agent: "nowhere", Destination: "folder", Secret: secretName(0)})
		return d.Attempts > 0 && d.Reason != "", err
	})
}

// opens checks that the values went the whole way, or that nothing is found
// would prove nothing.
func (s *service) opens(t *testing.T, values [][]byte) {
	t.Helper()
	for name, extension := range map[string]string{"age": ".age", "ec": ".js7"} {
		for i, v := range values {
			want := v
			if i%4 == 3 {
				want = []byte(object(t, map[string]any{"password": string(v), "user": "u"}))
			}
			envelope, err := os.ReadFile(filepath.Join(s.dir, "delivered", name, secretName(i)+extension))
			if err != nil {
				t.Fatal(err)
			}
			opened, err := agent.Open([]any{s.agents[name]}, envelope)
			if err != nil {
				t.Fatalf("secret %d for %s: %v", i, name, err)
			}
			_ = opened.Expose(func(got []byte) error {
				if !bytes.Equal(got, want) {
					t.Errorf("secret %d for %s is another value", i, name)
				}
				return nil
			})
		}
	}
}
