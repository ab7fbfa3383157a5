package rekey_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/agent/rekey"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// site is an agent with its first key, which a service knows.
type site struct {
	*rekey.Rekeyer
	store *sqlite.Outbox
	rule  enrol.Rule
	// lose makes the service's answers get lost, away its requests.
	lose, away bool
}

func newSite(t *testing.T) *site {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	s := &site{store: store, rule: enrol.Allow}
	desk := &enrol.Desk{Store: store, Rule: func(string) (enrol.Rule, bool) { return s.rule, true }}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		body, err := enrol.ReadBody(data)
		if err != nil {
			t.Error(err)
		}
		answer, err := desk.Register(r.Context(), body, now)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	_, signing, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "keys")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	client.Transport = lossy{s, client.Transport}
	s.Rekeyer = &rekey.Rekeyer{Agent: "web", Dir: dir, Signing: signing, URL: server.URL, HTTP: client}
	s.first(t)
	return s
}

// lossy loses requests and answers.
type lossy struct {
	*site
	under http.RoundTripper
}

var errLost = errors.New("lost on the way")

func (l lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.away {
		return nil, errLost
	}
	response, err := l.under.RoundTrip(r)
	if err == nil && l.lose {
		_ = response.Body.Close()
		return nil, errLost
	}
	return response, err
}

// first registers agent.key as an operator's approval would.
func (s *site) first(t *testing.T) {
	t.Helper()
	private, public, err := keys.Generate("age")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "agent.key"), private, 0o600); err != nil {
		t.Fatal(err)
	}
	verifying := s.Signing.Public().(ed25519.PublicKey)
	if err := s.store.Invite(t.Context(), outbox.Invitation{Agent: "web", Digest: []byte("first"), ExpiresAt: now.Add(time.Hour)}, audit.Entry{At: now, Kind: audit.AgentInvited}); err != nil {
		t.Fatal(err)
	}
	_, err = s.store.Enrol(t.Context(), outbox.Enrolment{
		Agent: "web", State: outbox.Approved, Public: strings.TrimSpace(public), KeyID: "first", Signing: verifying, Invitation: []byte("first"), RequestedAt: now,
	})
	if err != nil {
		t.Fatal(err)
	}
}

// registered is the key that the service seals for, and how many it was given.
func (s *site) registered(t *testing.T) (present string, all int) {
	t.Helper()
	known, err := s.store.Enrolments(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range known {
		if e.State == outbox.Approved {
			present = e.KeyID
		}
	}
	return present, len(known)
}

func (s *site) files(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func (s *site) next(t *testing.T, at time.Time) enrol.Answer {
	t.Helper()
	answer, err := s.Next(t.Context(), at)
	if err != nil || answer.State != string(outbox.Approved) {
		t.Fatalf("%+v, %v", answer, err)
	}
	return answer
}

func TestNext(t *testing.T) {
	s := newSite(t)
	first := s.next(t, now)
	if present, all := s.registered(t); present != first.KeyID || all != 2 {
		t.Errorf("the service has %d keys and seals for %s, not %s", all, present, first.KeyID)
	}
	want := []string{"agent-20260301T120000.000000Z.key", "agent.key", "present"}
	if got := s.files(t); !slices.Equal(got, want) {
		t.Errorf("the folder has %q, want %q", got, want)
	}
	second := s.next(t, now.Add(time.Minute))
	if second.KeyID == first.KeyID {
		t.Error("the second key is the first")
	}
	if marked, err := os.ReadFile(filepath.Join(s.Dir, "present")); err != nil || string(marked) != "agent-20260301T120100.000000Z.key\n" {
		t.Errorf("present is %q, %v", marked, err)
	}
}

// Whatever is lost, and wherever it is killed, the next call goes on with the key
// that was made, and the service gets that one and no other.
func TestNextGoesOn(t *testing.T) {
	for _, tc := range []struct {
		name      string
		interrupt func(t *testing.T, s *site)
	}{
		{"before the key was made", func(t *testing.T, s *site) {
			s.put(t, "next", "agent-20260301T110000.000000Z.key\n")
		}},
		{"before the request", func(t *testing.T, s *site) {
			s.away = true
			s.fails(t)
			s.away = false
		}},
		{"before the answer", func(t *testing.T, s *site) {
			s.lose = true
			s.fails(t)
			s.lose = false
		}},
		{"before it was noted that the key is in use", func(t *testing.T, s *site) {
			s.next(t, now)
			s.put(t, "next", string(s.read(t, "present")))
			if err := os.Remove(filepath.Join(s.Dir, "present")); err != nil {
				t.Fatal(err)
			}
		}},
		{"before the end", func(t *testing.T, s *site) {
			s.next(t, now)
			s.put(t, "next", string(s.read(t, "present")))
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			tc.interrupt(t, s)
			marked := s.read(t, "next")
			answer := s.next(t, now.Add(5*time.Minute))
			if present := s.read(t, "present"); !bytes.Equal(present, marked) {
				t.Errorf("went on with %s, not %s", present, marked)
			}
			if present, all := s.registered(t); present != answer.KeyID || all != 2 {
				t.Errorf("the service has %d keys and seals for %s, not %s", all, present, answer.KeyID)
			}
			if files := s.files(t); len(files) != 3 {
				t.Errorf("the folder has %q", files)
			}
		})
	}
}

func (s *site) fails(t *testing.T) {
	t.Helper()
	if answer, err := s.Next(t.Context(), now); !errors.Is(err, errLost) {
		t.Fatalf("%+v, %v", answer, err)
	}
}

func (s *site) put(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(s.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDenied(t *testing.T) {
	s := newSite(t)
	s.rule = enrol.Deny
	if answer, err := s.Next(t.Context(), now); err == nil || answer.State != string(outbox.Denied) {
		t.Fatalf("%+v, %v", answer, err)
	}
	if files := s.files(t); !slices.Equal(files, []string{"agent.key"}) {
		t.Errorf("the folder has %q", files)
	}
	if present, _ := s.registered(t); present != "first" {
		t.Errorf("the service seals for %s", present)
	}
}

func TestRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		prepare    func(t *testing.T, s *site)
	}{
		{"a mark that names another file", "does not name a key file", func(t *testing.T, s *site) { s.put(t, "next", "../agent.key\n") }},
		{"a mark that names no key", "does not name a key file", func(t *testing.T, s *site) { s.put(t, "next", "signing.key\n") }},
		{"a key that others may read", "others", func(t *testing.T, s *site) {
			if runtime.GOOS == "windows" {
				t.Skip("permission bits say nothing on Windows")
			}
			s.put(t, "next", "agent-1.key\n")
			private, _, err := keys.Generate("age")
			if err != nil {
				t.Fatal(err)
			}
			s.put(t, "agent-1.key", string(private))
			if err := os.Chmod(filepath.Join(s.Dir, "agent-1.key"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{"no key in the file", "agent-1.key", func(t *testing.T, s *site) {
			s.put(t, "next", "agent-1.key\n")
			s.put(t, "agent-1.key", "tiger\n")
		}},
		{"another's signing key", "answered 401", func(t *testing.T, s *site) {
			_, other, err := ed25519.GenerateKey(nil)
			if err != nil {
				t.Fatal(err)
			}
			s.Signing = other
		}},
		{"plain HTTP", "https://", func(_ *testing.T, s *site) { s.URL = "http://127.0.0.1:1" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			tc.prepare(t, s)
			if answer, err := s.Next(t.Context(), now); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%+v, %v", answer, err)
			}
			if _, all := s.registered(t); all != 1 {
				t.Errorf("the service has %d keys", all)
			}
		})
	}
}

func TestPrune(t *testing.T) {
	s := newSite(t)
	if pruned, err := s.Prune(t.Context(), nil, now); err != nil || len(pruned.Removed)+len(pruned.Kept) > 0 {
		t.Fatalf("with one key: %+v, %v", pruned, err)
	}
	first := s.next(t, now)
	s.deliver(t, "db", first.KeyID, 1)
	s.next(t, now.Add(time.Minute))

	// The service has something for the first key; then the agent alone.
	pruned, err := s.Prune(t.Context(), nil, now)
	if err != nil || pruned.Older != 1 || len(pruned.Kept) != 2 || len(pruned.Removed) != 0 {
		t.Fatalf("%+v, %v", pruned, err)
	}
	present, _ := s.registered(t)
	s.deliver(t, "db", present, 2)
	pruned, err = s.Prune(t.Context(), map[string]bool{first.KeyID: true}, now)
	if err != nil || !slices.Equal(pruned.Kept, []string{"agent-20260301T120000.000000Z.key"}) || !slices.Equal(pruned.Removed, []string{"agent.key"}) {
		t.Fatalf("%+v, %v", pruned, err)
	}
	pruned, err = s.Prune(t.Context(), nil, now)
	if err != nil || len(pruned.Kept) != 0 || len(pruned.Removed) != 1 {
		t.Fatalf("%+v, %v", pruned, err)
	}
	if files := s.files(t); !slices.Equal(files, []string{"agent-20260301T120100.000000Z.key", "present"}) {
		t.Errorf("the folder has %q", files)
	}
}

// Where the service does not seal for the key that the agent takes for its present
// one, or does not answer, nothing is removed.
func TestPruneRemovesNothingInDoubt(t *testing.T) {
	s := newSite(t)
	s.next(t, now)
	s.away = true
	if pruned, err := s.Prune(t.Context(), nil, now); err == nil {
		t.Errorf("service away: %+v", pruned)
	}
	s.away = false
	before := s.read(t, "present")
	s.next(t, now.Add(time.Minute))
	s.put(t, "present", string(before))
	if pruned, err := s.Prune(t.Context(), nil, now); err == nil || !strings.Contains(err.Error(), "nothing is removed") {
		t.Errorf("an older key as the present one: %+v, %v", pruned, err)
	}
	if files := s.files(t); len(files) != 4 {
		t.Errorf("the folder has %q", files)
	}
}

// deliver commits a version of a secret that is sealed for the key.
func (s *site) deliver(t *testing.T, secret, keyID string, version int64) {
	t.Helper()
	err := s.store.Commit(context.Background(), outbox.Change{
		Source: "vault", EventID: secret + keyID, Secret: secret, Operation: "set", Version: version, ReceivedAt: now,
		Sealed: []outbox.Sealed{{Agent: "web", Destination: "box", Format: "age", KeyID: keyID, Envelope: []byte("sealed"), Statement: "a.b.c"}},
		Answer: []byte(`{}`), Audit: audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/vault", Secret: secret},
	})
	if err != nil {
		t.Fatal(err)
	}
}
