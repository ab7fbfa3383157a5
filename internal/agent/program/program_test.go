package program_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent/agenttest"
	"github.com/sealrelay/sealrelay/internal/agent/kept"
	"github.com/sealrelay/sealrelay/internal/agent/program"
	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashVariable); dir != "" {
		crashChild(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

// start runs an agent until the returned function stops it, or the test ends.
func start(t *testing.T, a *agenttest.Agent) (running *program.Agent, stop func()) {
	t.Helper()
	running, err := program.New(a.Config(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, running.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return running, stop
}

// accepted accepts a delivery and returns the claims of its receipt.
func accepted(t *testing.T, running *program.Agent, a *agenttest.Agent, delivery wire.Delivery) (receipt.Claims, string) {
	t.Helper()
	token, err := running.Accept(t.Context(), delivery)
	if err != nil {
		t.Fatal(err)
	}
	claims, err := receipt.Verify(token, a.Signing)
	if err != nil {
		t.Fatal(err)
	}
	return claims, token
}

// value opens what the agent keeps.
func value(t *testing.T, a *agenttest.Agent, secret string) (string, error) {
	t.Helper()
	copies, err := kept.Load(a.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer copies.Close()
	opened, err := copies.Open(secret)
	if err != nil {
		return "", err
	}
	var text string
	return text, opened.Expose(func(plaintext []byte) error { text = string(plaintext); return nil })
}

func TestAccept(t *testing.T) {
	a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "")
	running, stop := start(t, a)
	first := a.Set("prod/db", 2, "tiger")
	claims, token := accepted(t, running, a, first)
	want, err := statement.Verify(first.Statement, serviceKey(t, a))
	if err != nil {
		t.Fatal(err)
	}
	if err := claims.Check(want); err != nil || claims.Action != receipt.None {
		t.Errorf("receipt %+v: %v", claims, err)
	}
	if _, again := accepted(t, running, a, first); again != token {
		t.Error("a repeated delivery has another receipt")
	}
	if claims, _ := accepted(t, running, a, a.Set("prod/db", 1, "old")); claims.Version != 2 {
		t.Errorf("an older delivery is answered with version %d", claims.Version)
	}
	if got, err := value(t, a, "prod/db"); got != "tiger" || err != nil {
		t.Errorf("keeps %q, %v", got, err)
	}
	stop()
	running, _ = start(t, a)
	if _, again := accepted(t, running, a, first); again != token {
		t.Error("after a restart a repeated delivery has another receipt")
	}
	if claims, _ := accepted(t, running, a, a.Delete("prod/db", 3)); claims.Version != 3 || claims.Operation != "delete" {
		t.Errorf("a delete is answered with %+v", claims)
	}
	if _, err := value(t, a, "prod/db"); err == nil || !strings.Contains(err.Error(), "deleted by version 3") {
		t.Errorf("a deleted secret opens: %v", err)
	}
	if claims, _ := accepted(t, running, a, first); claims.Version != 3 {
		t.Error("an older version is taken after a delete")
	}
	if _, err := value(t, a, "prod/other"); !errors.Is(err, state.ErrNone) {
		t.Errorf("what never came: %v", err)
	}
}

// serviceKey is the agent's pinned key.
func serviceKey(t *testing.T, a *agenttest.Agent) []byte {
	t.Helper()
	trust, err := a.Config().Trust()
	if err != nil {
		t.Fatal(err)
	}
	return trust.Service[0]
}

// TestAcceptCrossContext presents every envelope with every statement: of two
// agents, two names and two versions. Only what belongs together is taken, and
// only by the agent that it is for.
func TestAcceptCrossContext(t *testing.T) {
	service := agenttest.NewService(t)
	agents := []*agenttest.Agent{
		agenttest.New(t, t.TempDir(), service, "web", "age", ""),
		agenttest.New(t, t.TempDir(), service, "db", "ec-p256", ""),
	}
	type context struct {
		agent    int
		delivery wire.Delivery
	}
	var all []context
	for i, a := range agents {
		for _, secret := range []string{"prod/a", "prod/b"} {
			for version := range int64(2) {
				all = append(all, context{i, a.Set(secret, version+1, fmt.Sprint(i, secret, version))})
			}
		}
	}
	refused := 0
	for i, a := range agents {
		running, _ := start(t, a)
		for s, signed := range all {
			for e, sealed := range all {
				_, err := running.Accept(t.Context(), wire.Delivery{Envelope: sealed.delivery.Envelope, Statement: signed.delivery.Statement})
				if fits := s == e && signed.agent == i; fits != (err == nil) {
					t.Errorf("agent %d, statement %d, envelope %d: %v", i, s, e, err)
				} else if !fits && !errors.Is(err, statement.ErrMismatch) {
					t.Errorf("agent %d, statement %d, envelope %d: refused with %v", i, s, e, err)
				} else if !fits {
					refused++
				}
			}
		}
	}
	if want := len(agents)*len(all)*len(all) - len(all); refused != want {
		t.Errorf("%d combinations were refused, want %d", refused, want)
	}
}

func TestAcceptRefuses(t *testing.T) {
	service, stranger := agenttest.NewService(t), agenttest.NewService(t)
	a := agenttest.New(t, t.TempDir(), service, "web", "age", "")
	// other has the same name and another key.
	other := agenttest.New(t, t.TempDir(), service, "web", "age", "")
	running, _ := start(t, a)
	envelope := a.Seal("tiger")
	signed := func(signer *agenttest.Service, change func(*statement.Claims)) string {
		claims := a.Claims("prod/db", 5, envelope)
		change(&claims)
		return signer.Sign(t, claims)
	}
	as := func(*statement.Claims) {}
	accepted(t, running, a, a.Set("prod/newer", 9, "x"))
	for _, tc := range []struct {
		name     string
		delivery wire.Delivery
		fails    error
	}{
		{"signed by a stranger", wire.Delivery{Envelope: envelope, Statement: signed(stranger, as)}, statement.ErrSignature},
		{"no statement", wire.Delivery{Envelope: envelope}, statement.ErrSignature},
		{"no envelope", wire.Delivery{Statement: signed(service, as)}, statement.ErrMismatch},
		{"for another agent", wire.Delivery{Envelope: envelope, Statement: signed(service, func(c *statement.Claims) { c.Agent = "db" })}, statement.ErrMismatch},
		{"another format is said", wire.Delivery{Envelope: envelope, Statement: signed(service, func(c *statement.Claims) { c.Format = "cms" })}, statement.ErrMismatch},
		{"another key", other.Set("prod/db", 5, "tiger"), statement.ErrMismatch},
		{"no format", wire.Delivery{Envelope: []byte("nothing"), Statement: service.Sign(t, a.Claims("prod/db", 5, []byte("nothing")))}, crypto.ErrMalformed},
		{"a delete with an envelope", wire.Delivery{Envelope: envelope, Statement: a.Delete("prod/db", 5).Statement}, statement.ErrMismatch},
		{"an older version that was sealed later", wire.Delivery{Envelope: envelope, Statement: signed(service, func(c *statement.Claims) {
			c.Secret, c.IssuedAt = "prod/newer", agenttest.Epoch.Add(time.Hour)
		})}, program.ErrRestored},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token, err := running.Accept(t.Context(), tc.delivery)
			if !errors.Is(err, tc.fails) || token != "" {
				t.Errorf("got %q, %v, want %v", token, err, tc.fails)
			}
		})
	}
	if _, err := value(t, a, "prod/db"); !errors.Is(err, state.ErrNone) {
		t.Errorf("something of what was refused is kept: %v", err)
	}
}

// TestSealedAnew: the same version in another envelope is taken if it was sealed
// later, and not if it was sealed earlier.
func TestSealedAnew(t *testing.T) {
	service := agenttest.NewService(t)
	a := agenttest.New(t, t.TempDir(), service, "web", "age", "")
	running, _ := start(t, a)
	at := func(seconds int, text string) wire.Delivery {
		envelope := a.Seal(text)
		claims := a.Claims("s", 4, envelope)
		claims.IssuedAt = agenttest.Epoch.Add(time.Duration(seconds) * time.Second)
		return wire.Delivery{Envelope: envelope, Statement: service.Sign(t, claims)}
	}
	for _, step := range []struct {
		delivery wire.Delivery
		keeps    string
	}{{at(10, "first"), "first"}, {at(11, "anew"), "anew"}, {at(9, "earlier"), "anew"}} {
		accepted(t, running, a, step.delivery)
		if got, err := value(t, a, "s"); got != step.keeps || err != nil {
			t.Errorf("keeps %q, %v, want %q", got, err, step.keeps)
		}
	}
}

// TestShuffled delivers 10,000 versions of some secrets in any order, several at
// once and some twice: the last is kept, and no receipt goes back.
func TestShuffled(t *testing.T) {
	const secrets, versions = 50, 200
	a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "")
	running, _ := start(t, a)
	var deliveries []wire.Delivery
	for s := range secrets {
		for v := range versions {
			deliveries = append(deliveries, a.Delete(fmt.Sprintf("s%d", s), int64(v+1)))
		}
	}
	rand.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
	var highest [secrets]struct {
		sync.Mutex
		version int64
	}
	next := make(chan wire.Delivery)
	var working sync.WaitGroup
	for range 8 {
		working.Go(func() {
			for delivery := range next {
				sent, err := statement.Verify(delivery.Statement, serviceKeyOnce(t, a))
				if err != nil {
					t.Error(err)
					continue
				}
				var s int
				_, _ = fmt.Sscanf(sent.Secret, "s%d", &s)
				highest[s].Lock()
				least := highest[s].version
				highest[s].Unlock()
				token, err := running.Accept(t.Context(), delivery)
				if err != nil {
					t.Error(err)
					continue
				}
				got, err := receipt.Verify(token, a.Signing)
				if err != nil || got.Version < sent.Version || got.Version < least {
					t.Errorf("version %d is answered with %d after %d: %v", sent.Version, got.Version, least, err)
				}
				highest[s].Lock()
				highest[s].version = max(highest[s].version, got.Version)
				highest[s].Unlock()
			}
		})
	}
	for i, delivery := range deliveries {
		next <- delivery
		if i%10 == 0 {
			next <- delivery
		}
	}
	close(next)
	working.Wait()
	for s := range highest {
		if highest[s].version != versions {
			t.Errorf("secret %d ends at version %d", s, highest[s].version)
		}
	}
}

var pinned struct {
	sync.Once
	key []byte
}

func serviceKeyOnce(t *testing.T, a *agenttest.Agent) []byte {
	pinned.Do(func() { pinned.key = serviceKey(t, a) })
	return pinned.key
}

// TestActions: the receipt has the action's result, a failed one says why, and
// what an earlier run did not come to is done at the next start.
func TestActions(t *testing.T) {
	dir := t.TempDir()
	a := agenttest.New(t, dir, agenttest.NewService(t), "web", "age", `
actions:
  - {secrets: ["ok/**"], touch: touched, debounce: 1ms}
  - {secrets: ["bad/**", "ok/not"], run: ["false"], debounce: 1ms}
`)
	running, stop := start(t, a)
	if claims, _ := accepted(t, running, a, a.Set("ok/a", 1, "x")); claims.Action != receipt.Done {
		t.Errorf("receipt %+v", claims)
	}
	if _, err := os.Stat(a.Path("touched")); err != nil {
		t.Error(err)
	}
	for _, secret := range []string{"bad/a", "ok/not"} {
		claims, _ := accepted(t, running, a, a.Set(secret, 1, "x"))
		if claims.Action != receipt.Failed || claims.Detail != "command false failed: exit status 1" {
			t.Errorf("receipt of %s: %+v", secret, claims)
		}
	}
	stop()
	// An agent that is killed between the version and its action.
	if _, err := running.Accept(t.Context(), a.Set("ok/b", 1, "x")); err == nil {
		t.Fatal("a closed folder takes a version")
	}
	if err := os.Remove(a.Path("touched")); err != nil {
		t.Fatal(err)
	}
	unsettled := a.Set("ok/c", 1, "x")
	folder, err := state.Hold(a.Path("state"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(folder.Put("ok/c", state.Record{Statement: unsettled.Statement, Envelope: unsettled.Envelope, StoredAt: time.Now()}), folder.Close()); err != nil {
		t.Fatal(err)
	}
	running, _ = start(t, a)
	if claims, _ := accepted(t, running, a, unsettled); claims.Action != receipt.Done {
		t.Errorf("receipt %+v", claims)
	}
	if _, err := os.Stat(a.Path("touched")); err != nil {
		t.Error("the action was not taken at the start: ", err)
	}
}

// TestBusy: whoever does not wait for the actions gets the receipt later.
func TestBusy(t *testing.T) {
	a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", `
actions: [{secrets: ["**"], touch: touched, debounce: 200ms}]
`)
	running, _ := start(t, a)
	now, cancel := context.WithCancel(t.Context())
	delivery := a.Set("s", 1, "x")
	cancel()
	if _, err := running.Accept(now, delivery); !errors.Is(err, program.ErrBusy) {
		t.Errorf("got %v", err)
	}
	if claims, _ := accepted(t, running, a, delivery); claims.Action != receipt.Done {
		t.Errorf("receipt %+v", claims)
	}
}

// TestUnusableRecord: what was damaged, or is of a service key that is pinned no
// more, keeps no new version away.
func TestUnusableRecord(t *testing.T) {
	service := agenttest.NewService(t)
	a := agenttest.New(t, t.TempDir(), service, "web", "age", "")
	running, stop := start(t, a)
	accepted(t, running, a, a.Set("s", 7, "x"))
	stop()
	for _, damage := range []func(string) error{
		func(file string) error { return os.WriteFile(file, []byte("{"), 0o600) },
		func(file string) error { return os.Truncate(file, 0) },
		func(file string) error { return os.WriteFile(file, []byte(`{"statement":"a.b.c"}`), 0o600) },
	} {
		if err := damage(recordFile(t, a)); err != nil {
			t.Fatal(err)
		}
		if _, err := value(t, a, "s"); err == nil {
			t.Error("a damaged record opens")
		}
		running, stop := start(t, a)
		if claims, _ := accepted(t, running, a, a.Set("s", 3, "y")); claims.Version != 3 {
			t.Errorf("receipt %+v", claims)
		}
		stop()
	}
}

// recordFile is the one record that the agent has.
func recordFile(t *testing.T, a *agenttest.Agent) string {
	t.Helper()
	found, err := filepath.Glob(a.Path("state/secrets/*.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("records %v, %v", found, err)
	}
	return found[0]
}

// TestRefusesToStart: with a state folder or a key that others may read, with a
// folder that another agent has.
func TestRefusesToStart(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, a *agenttest.Agent)
		says  string
	}{
		{"key", func(t *testing.T, a *agenttest.Agent) { chmod(t, a.Path("agent.key"), 0o640) }, "chmod it to 0600"},
		{"signing key", func(t *testing.T, a *agenttest.Agent) { chmod(t, a.Path("signing.key"), 0o604) }, "chmod it to 0600"},
		{"state folder", func(t *testing.T, a *agenttest.Agent) { mkdir(t, a.Path("state"), 0o750) }, "chmod it to 0700"},
		{"state folder that others may enter", func(t *testing.T, a *agenttest.Agent) { mkdir(t, a.Path("state"), 0o701) }, "chmod it to 0700"},
		{"state folder that is a file", func(_ *testing.T, a *agenttest.Agent) { a.Write("state", "") }, "no folder"},
		{"another agent", func(t *testing.T, a *agenttest.Agent) { start(t, a) }, "another agent works in it"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "")
			tc.spoil(t, a)
			if _, err := program.New(a.Config(), zerolog.Nop()); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	chmod(t, path, mode)
}
