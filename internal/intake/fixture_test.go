package intake_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// began is when the tests' requests come in, give or take.
var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// memory is a Store that keeps to the contract of outbox.Outbox, in memory.
type memory struct {
	mu       sync.Mutex
	answers  map[string][]byte
	received map[string]time.Time
	latest   map[string]outbox.Prior
	changes  []outbox.Change
	news     []outbox.News
	// before, if not nil, is called at the start of each Commit and may fail it.
	before func(outbox.Change) error
}

func newMemory() *memory {
	return &memory{answers: map[string][]byte{}, received: map[string]time.Time{}, latest: map[string]outbox.Prior{}}
}

func (m *memory) Prior(_ context.Context, source, eventID, secret string) (outbox.Prior, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	prior := m.latest[secret]
	prior.Answer = m.answers[source+"\x00"+eventID]
	return prior, nil
}

func (m *memory) Repeated(_ context.Context, source, prefix string, since time.Time) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var answer []byte
	var latest time.Time
	for id, at := range m.received {
		if strings.HasPrefix(id, source+"\x00"+prefix) && !at.Before(since) && !at.Before(latest) {
			answer, latest = m.answers[id], at
		}
	}
	return answer, nil
}

func (m *memory) Await(_ context.Context, news outbox.News) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if known := m.answers[news.Source+"\x00"+news.EventID]; known != nil {
		return &outbox.DuplicateError{Answer: known}
	}
	m.event(news.Source, news.EventID, news.ReceivedAt, news.Answer)
	m.news = append(m.news, news)
	return nil
}

func (m *memory) event(source, id string, received time.Time, answer []byte) {
	m.answers[source+"\x00"+id], m.received[source+"\x00"+id] = answer, received
}

func (m *memory) Commit(_ context.Context, change outbox.Change) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.before != nil {
		if err := m.before(change); err != nil {
			return err
		}
	}
	if known := m.answers[change.Source+"\x00"+change.EventID]; known != nil {
		return &outbox.DuplicateError{Answer: known}
	}
	if change.Version != m.latest[change.Secret].Version+1 {
		return outbox.ErrConflict
	}
	m.event(change.Source, change.EventID, change.ReceivedAt, change.Answer)
	m.latest[change.Secret] = outbox.Prior{
		Version: change.Version, OccurredAt: change.OccurredAt, ReceivedAt: change.ReceivedAt,
		Deleted: change.Operation == "delete", Digest: change.Digest,
	}
	m.changes = append(m.changes, change)
	return nil
}

// last is the newest change.
func (m *memory) last(t *testing.T) outbox.Change {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.changes) == 0 {
		t.Fatal("nothing was committed")
	}
	return m.changes[len(m.changes)-1]
}

func (m *memory) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.changes)
}

// stores are what the tests of repeats and races run on.
var stores = map[string]func(*testing.T) intake.Store{
	"memory": func(*testing.T) intake.Store { return newMemory() },
	"sqlite": func(t *testing.T) intake.Store {
		store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Error(err)
			}
		})
		return store
	},
}

// eachStore runs a test on every kind of store.
func eachStore(t *testing.T, test func(*testing.T, intake.Store)) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// byHeader takes what it tells of a request from headers, and refuses what has
// "forged" in one.
type byHeader struct{}

func (byHeader) Verify(r *hooks.Request) (hooks.Verified, error) {
	if r.Header.Get("forged") != "" {
		return hooks.Verified{}, fmt.Errorf("%w: forged", hooks.ErrUnauthenticated)
	}
	return hooks.Verified{
		EventID: r.Header.Get("id"), Signature: r.Header.Get("signature"), Signed: r.Header.Get("signed") != "",
	}, nil
}

// keeping remembers the event that its adapter read.
type keeping struct {
	hooks.Adapter
	read hooks.Message
}

func (k *keeping) Read(r *hooks.Request, v hooks.Verified) (hooks.Message, error) {
	var err error
	k.read, err = k.Adapter.Read(r, v)
	return k.read, err
}

// key is a key with its private half.
type key struct {
	*agentkeys.Key
	private any
}

func newKey(t *testing.T, kind string, notAfter time.Time) key {
	t.Helper()
	private, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := keys.ParsePrivate(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte(public)
	if !notAfter.IsZero() {
		if data, err = keys.SelfSigned(parsed, "agent", began.AddDate(-1, 0, 0), notAfter); err != nil {
			t.Fatal(err)
		}
	}
	made, err := agentkeys.NewKey(data, agentkeys.Requirements{})
	if err != nil {
		t.Fatal(err)
	}
	return key{made, parsed}
}

// world is an Intake with agents a and b, which have keys of their own, c and
// d, which share the key of group cd, and old, whose certificate expired.
type world struct {
	*intake.Intake
	source  *intake.Source
	keys    map[string]key
	service ed25519.PublicKey
	log     *bytes.Buffer
}

func newWorld(t *testing.T, store intake.Store, change ...func(*intake.Source)) *world {
	t.Helper()
	w := &world{keys: map[string]key{}, log: &bytes.Buffer{}}
	for _, name := range []string{"a", "b", "cd"} {
		w.keys[name] = newKey(t, "age", time.Time{})
	}
	w.keys["old"] = newKey(t, "ec-p256", began.Add(-time.Hour))
	folder := func(k *agentkeys.Key) []agentkeys.Destination {
		return []agentkeys.Destination{{Name: "folder", Key: k}}
	}
	registry, err := agentkeys.NewRegistry([]*agentkeys.Agent{
		{Name: "a", Destinations: folder(w.keys["a"].Key)},
		{Name: "b", Destinations: folder(w.keys["b"].Key)},
		{Name: "c", Destinations: folder(nil)},
		{Name: "d", Destinations: folder(nil)},
		{Name: "old", Destinations: folder(w.keys["old"].Key)},
	}, []*agentkeys.Group{{Name: "cd", Agents: []string{"c", "d"}, Key: w.keys["cd"].Key}})
	if err != nil {
		t.Fatal(err)
	}
	w.source = &intake.Source{
		Name: "vault", Verifier: byHeader{}, Adapter: adapters.Push{}, MayWrite: []string{"prod/**"},
		Limiter: rate.NewLimiter(rate.Inf, 1), MaxBody: 1 << 20, RepeatWindow: 10 * time.Minute, AwaitWithin: time.Hour, RecipientsValidFor: time.Hour,
	}
	for _, change := range change {
		change(w.source)
	}
	rules := intake.NewRules([]*intake.Source{w.source}, registry, []intake.Route{
		{Secrets: []string{"prod/db"}, To: agentkeys.Selection{Agents: []string{"a", "b"}}},
		{Secrets: []string{"prod/shared"}, To: agentkeys.Selection{Agents: []string{"a"}, Groups: []string{"cd"}}},
		{Secrets: []string{"prod/mixed"}, To: agentkeys.Selection{Agents: []string{"a", "old"}}},
		{Secrets: []string{"prod/labelled"}, Labels: map[string]string{"stage": "prod"}, To: agentkeys.Selection{Agents: []string{"a"}}},
	})
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.service = public
	signer, err := statement.NewSigner(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	log := zerolog.New(zerolog.SyncWriter(w.log)).Level(zerolog.DebugLevel)
	w.Intake = intake.New(store, signer, private.Seed(), log, rules)
	return w
}

// hook is one request.
type hook struct {
	id string
	// signature is that of a message with a signed time; signed says that the
	// body is signed without one.
	signature string
	signed    bool
	body      string
	forged    bool
	received  time.Time
}

// value is the body of a set of prod/db.
func value(v string) string { return fmt.Sprintf(`{"secret":"prod/db","value":%q}`, v) }

func valueAt(v string, at time.Time) string {
	return fmt.Sprintf(`{"secret":"prod/db","value":%q,"occurred_at":%q}`, v, at.UTC().Format(time.RFC3339Nano))
}

// send sends a hook of one event.
func (w *world) send(ctx context.Context, h hook) (wire.Answer, error) {
	result, err := w.sendAny(ctx, h)
	if len(result.Answers) != 1 {
		return wire.Answer{}, err
	}
	return result.Answers[0], err
}

func (w *world) sendAny(ctx context.Context, h hook) (intake.Result, error) {
	header := http.Header{"Content-Type": {"application/json"}, "Id": {h.id}, "Signature": {h.signature}}
	if h.signed {
		header.Set("signed", "yes")
	}
	if h.forged {
		header.Set("forged", "yes")
	}
	if h.received.IsZero() {
		h.received = began
	}
	return w.Accept(ctx, w.source, &hooks.Request{Method: http.MethodPost, Header: header, Body: []byte(h.body), Received: h.received})
}

// must sends a hook that is to be answered with that status and version.
func (w *world) must(t *testing.T, h hook, status wire.Status, version int64) wire.Answer {
	t.Helper()
	answer, err := w.send(t.Context(), h)
	if err != nil || answer.Status != status || answer.Version != version {
		t.Fatalf("answered with %q, version %d, error %v; want %q, version %d", answer.Status, answer.Version, err, status, version)
	}
	return answer
}

// opens checks that the envelope is bound to the claims and holds the value.
func (w *world) opens(t *testing.T, keyName string, sealed outbox.Sealed, want statement.Claims, plaintext string) {
	t.Helper()
	got, err := agent.OpenBound([]any{w.keys[keyName].private}, sealed.Envelope, sealed.Statement, want, w.service)
	if err != nil {
		t.Fatalf("agent %s: %v", sealed.Agent, err)
	}
	_ = got.Expose(func(value []byte) error {
		if string(value) != plaintext {
			t.Errorf("agent %s opens %q, want %q", sealed.Agent, value, plaintext)
		}
		return nil
	})
}

func stored(t *testing.T, change outbox.Change) wire.Answer {
	t.Helper()
	var answer wire.Answer
	if err := json.Unmarshal(change.Answer, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

var errDisk = errors.New("disk on fire")
