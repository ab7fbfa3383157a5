package httpapi_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token = "a-bearer-token-of-enough-length"
	// canary is the value in every request: no answer and no log has it.
	canary = "c4nary-v4lue"
)

// store keeps to the contract of outbox.Outbox, in memory.
type store struct {
	mu       sync.Mutex
	answers  map[string][]byte
	versions map[string]int64
	occurred map[string]time.Time
	commits  int
	// fail, if not nil, is how Commit ends.
	fail error
}

func newStore() *store {
	return &store{answers: map[string][]byte{}, versions: map[string]int64{}, occurred: map[string]time.Time{}}
}

func (s *store) Prior(_ context.Context, source, eventID, secret string) (outbox.Prior, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return outbox.Prior{Answer: s.answers[source+"/"+eventID], Version: s.versions[secret], OccurredAt: s.occurred[secret]}, nil
}

func (s *store) Commit(_ context.Context, change outbox.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	if known := s.answers[change.Source+"/"+change.EventID]; known != nil {
		return &outbox.DuplicateError{Answer: known}
	}
	if change.Version != s.versions[change.Secret]+1 {
		return outbox.ErrConflict
	}
	s.commits++
	s.answers[change.Source+"/"+change.EventID] = change.Answer
	s.versions[change.Secret], s.occurred[change.Secret] = change.Version, change.OccurredAt
	return nil
}

func (s *store) Repeated(_ context.Context, source, prefix string, _ time.Time) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, answer := range s.answers {
		if strings.HasPrefix(id, source+"/"+prefix) {
			return answer, nil
		}
	}
	return nil, nil
}

func (s *store) Await(_ context.Context, news outbox.News) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	s.answers[news.Source+"/"+news.EventID] = news.Answer
	return nil
}

// hooked is an adapter that calls do before it reads.
type hooked struct {
	hooks.Adapter
	do func()
}

func (h hooked) Read(r *hooks.Request, v hooks.Verified) (hooks.Message, error) {
	if h.do != nil {
		h.do()
	}
	return h.Adapter.Read(r, v)
}

// recorder is an Observer.
type recorder struct {
	mu   sync.Mutex
	seen []string
}

func (r *recorder) Hook(source, outcome string, _ time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, source+" "+outcome)
}

func (r *recorder) last() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) == 0 {
		return ""
	}
	return r.seen[len(r.seen)-1]
}

// fixture is a handler on the real intake.
type fixture struct {
	http.Handler
	store    *store
	source   *intake.Source
	observer *recorder
	log      *bytes.Buffer
	// service is the key that signs.
	service ed25519.PublicKey
}

// newFixture has the source vault, which may write prod/**. prod/db goes to an
// agent with a good key, prod/old to one whose certificate expired.
func newFixture(t *testing.T, change func(*intake.Source, *httpapi.Options)) *fixture {
	t.Helper()
	good := newKey(t, time.Time{})
	old := newKey(t, time.Now().Add(-time.Hour))
	registry, err := agentkeys.NewRegistry([]*agentkeys.Agent{
		{Name: "good", Destinations: []agentkeys.Destination{{Name: "folder", Key: good}}},
		{Name: "old", Destinations: []agentkeys.Destination{{Name: "folder", Key: old}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := verify.NewBearer(verify.Bearer{Tokens: []*hooks.Value{secretbytes.Copy([]byte(token))}})
	if err != nil {
		t.Fatal(err)
	}
	adapter, err := adapters.NewJSON(adapters.JSON{Secret: "/secret", Value: "/value", EventID: "/id", Time: "/at"})
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{store: newStore(), observer: &recorder{}, log: &bytes.Buffer{}}
	f.source = &intake.Source{
		Name: "vault", Verifier: verifier, Adapter: adapter, MayWrite: []string{"prod/**"},
		Limiter: rate.NewLimiter(rate.Inf, 1), MaxBody: 1024, RepeatWindow: time.Minute, AwaitWithin: time.Hour,
		RecipientsValidFor: time.Hour,
	}
	log := zerolog.New(zerolog.SyncWriter(f.log)).Level(zerolog.DebugLevel)
	options := httpapi.Options{MaxInFlight: 8, Observer: f.observer, Log: log}
	if change != nil {
		change(f.source, &options)
	}
	rules := intake.NewRules([]*intake.Source{f.source}, registry, []intake.Route{
		{Secrets: []string{"prod/db"}, To: agentkeys.Selection{Agents: []string{"good"}}},
		{Secrets: []string{"prod/old"}, To: agentkeys.Selection{Agents: []string{"good", "old"}}},
	})
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	f.service = public
	if options.Recipients, err = recipientset.NewSigner(private, "test"); err != nil {
		t.Fatal(err)
	}
	signer, err := statement.NewSigner(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	options.Intake = intake.New(f.store, signer, private.Seed(), log, rules)
	f.Handler = httpapi.New(options)
	return f
}

// newKey is an age key, or one with a certificate that ends then.
func newKey(t *testing.T, notAfter time.Time) *agentkeys.Key {
	t.Helper()
	var data []byte
	if notAfter.IsZero() {
		_, public, err := keys.Generate("age")
		if err != nil {
			t.Fatal(err)
		}
		data = []byte(public)
	} else {
		var err error
		if data, err = keys.SelfSigned(newECKey(t, elliptic.P256()), "old", notAfter.AddDate(-1, 0, 0), notAfter); err != nil {
			t.Fatal(err)
		}
	}
	key, err := agentkeys.NewKey(data, agentkeys.Requirements{})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// body is that of a good hook.
func body(id string) string {
	return fmt.Sprintf(`{"secret":"prod/db","value":%q,"id":%q}`, canary, id)
}

// request is a good hook's, before edit.
func request(body string, edit func(*http.Request)) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v1/hooks/vault", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	if edit != nil {
		edit(r)
	}
	return r
}

func (f *fixture) serve(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	f.ServeHTTP(patient{w}, r)
	return w
}

// patient lets answers take their time, as a connection does.
type patient struct{ *httptest.ResponseRecorder }

func (patient) SetWriteDeadline(time.Time) error { return nil }

// answers checks a success.
func answers(t *testing.T, w *httptest.ResponseRecorder, code int, status wire.Status) {
	t.Helper()
	var answer wire.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != code || answer.Status != status {
		t.Fatalf("%d %s, want %d %s; %v", w.Code, w.Body, code, status, err)
	}
}

// refuses checks a problem: its status, its type, its form.
func refuses(t *testing.T, w *httptest.ResponseRecorder, code int, slug string) wire.Problem {
	t.Helper()
	var problem wire.Problem
	decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&problem); err != nil {
		t.Fatalf("%d %q: %v", w.Code, w.Body, err)
	}
	if w.Code != code || problem.Status != code || !strings.HasSuffix(problem.Type, "/docs/problems.md#"+slug) {
		t.Fatalf("%d %s, want %d %s", w.Code, w.Body, code, slug)
	}
	if w.Header().Get("Content-Type") != wire.ProblemType || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("header %v", w.Header())
	}
	if problem.Title == "" || problem.Detail == "" {
		t.Errorf("problem without words: %+v", problem)
	}
	return problem
}

// fromOutside takes hooks from one network only.
func fromOutside(s *intake.Source, _ *httpapi.Options) {
	s.AllowFrom = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
}
