package action_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/agent/action"
	"github.com/sealrelay/sealrelay/internal/agent/agenttest"
	"github.com/sealrelay/sealrelay/internal/agent/render"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is an agent whose actions run.
type world struct {
	*agenttest.Agent
	t   *testing.T
	set *action.Set
	// values are what templates open.
	values map[string]string
}

// newWorld makes the actions of a configuration and runs them until the test ends.
func newWorld(t *testing.T, dir, actions string, files map[string]string) *world {
	t.Helper()
	w := &world{t: t, values: map[string]string{}}
	w.Agent = agenttest.New(t, dir, agenttest.NewService(t), "web", "age", "actions:\n"+actions)
	for name, text := range files {
		w.Write(name, text)
	}
	set, err := action.New(w.Config(), w.open, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	w.set = set
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { set.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return w
}

func (w *world) open(secret string) (*secretbytes.Value, error) {
	if text, ok := w.values[secret]; ok {
		return secretbytes.New([]byte(text)), nil
	}
	return nil, errors.New("there is none")
}

// trigger returns the result of a change.
func (w *world) trigger(change action.Change) action.Result {
	w.t.Helper()
	results := make(chan action.Result, 1)
	w.set.Trigger(change, func(result action.Result) { results <- result })
	select {
	case result := <-results:
		return result
	case <-w.t.Context().Done():
		w.t.Fatal("no result")
		return action.Result{}
	}
}

func changed(secret string) action.Change {
	return action.Change{Key: outbox.Key{Secret: secret}}
}

func (w *world) holds(name, want string) {
	w.t.Helper()
	got, err := os.ReadFile(filepath.Join(w.Dir, name))
	if err != nil || string(got) != want {
		w.t.Errorf("%s holds %q, %v, want %q", name, got, err, want)
	}
}

func TestNone(t *testing.T) {
	w := newWorld(t, t.TempDir(), `  - {secrets: ["a/*"], touch: touched, debounce: 1ms}`, nil)
	if got := w.trigger(changed("b/x")); got != (action.Result{Action: receipt.None}) {
		t.Errorf("got %+v", got)
	}
	if got := w.trigger(changed("a/x")); got != (action.Result{Action: receipt.Done}) {
		t.Errorf("got %+v", got)
	}
}

// TestFailedKeepsRendered: whatever fails, what was rendered before is there.
func TestFailedKeepsRendered(t *testing.T) {
	const actions = `
  - secrets: ["s"]
    debounce: 1ms
    render:
      - {template: one.tmpl, to: one, allow_disk: true}
      - {template: two.tmpl, to: two, allow_disk: true}
    run: ["test", "!", "-e", "fail"]
`
	t.Chdir(t.TempDir()) // The command's folder is the agent's own.
	w := newWorld(t, ".", actions, map[string]string{"one.tmpl": `1 {{secret "a"}}`, "two.tmpl": `2 {{secret "b"}}`})
	w.values["a"], w.values["b"] = "old", "old"
	if got := w.trigger(changed("s")); got.Action != receipt.Done {
		t.Fatalf("got %+v", got)
	}
	w.holds("one", "1 old")
	w.values["a"], w.values["b"] = "new", "new"
	w.Write("fail", "")
	got := w.trigger(changed("s"))
	if got.Action != receipt.Failed || !strings.Contains(got.Detail, "exit status 1; what was rendered before is put back") {
		t.Errorf("got %+v", got)
	}
	w.holds("one", "1 old")
	w.holds("two", "2 old")
	if err := os.Remove("fail"); err != nil {
		t.Fatal(err)
	}
	delete(w.values, "b")
	got = w.trigger(changed("s"))
	if got.Action != receipt.Failed || !strings.Contains(got.Detail, `secret "b": there is none; what was rendered before is kept`) {
		t.Errorf("got %+v", got)
	}
	w.holds("one", "1 old")
	// The second place cannot be written: the first is put back.
	w.values["b"] = "new"
	if err := errors.Join(os.Remove("two"), os.Mkdir("two", 0o700)); err != nil {
		t.Fatal(err)
	}
	if got = w.trigger(changed("s")); got.Action != receipt.Failed || !strings.Contains(got.Detail, "put back") {
		t.Errorf("got %+v", got)
	}
	w.holds("one", "1 old")
}

// TestPrepare lays out and renders, and takes no action.
func TestPrepare(t *testing.T) {
	w := newWorld(t, t.TempDir(), `
  - {secrets: ["*"], touch: touched, lay_out: {dir: sealed, mode: "0640"}, render: [{template: t, to: out, allow_disk: true}]}
  - {secrets: ["*"], render: [{template: none, to: other, allow_disk: true}]}
`, map[string]string{"t": `{{secret "a"}}`, "none": `{{secret "gone"}}`})
	w.values["a"] = "tiger"
	w.Write(".sealrelay-LEFT.tmp", "half of a tiger")
	longAgo := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.Path(".sealrelay-LEFT.tmp"), longAgo, longAgo); err != nil {
		t.Fatal(err)
	}
	delivery := w.Set("a", 3, "tiger")
	failed := w.set.Prepare(t.Context(), []action.Change{{
		Key: outbox.Key{Secret: "a"}, Version: 3, Operation: "set", Format: "age", Envelope: delivery.Envelope, Statement: delivery.Statement,
	}})
	if len(failed) != 1 || !strings.Contains(failed[0].Error(), "action 2") {
		t.Errorf("failed are %v", failed)
	}
	w.holds("out", "tiger")
	if _, err := os.Stat(w.Path(".sealrelay-LEFT.tmp")); err == nil {
		t.Error("what a killed run left half written is there")
	}
	w.holds("sealed/a.age", string(delivery.Envelope))
	w.holds("sealed/a.age.jws", delivery.Statement)
	if _, err := os.Stat(w.Path("touched")); err == nil {
		t.Error("an action was taken")
	}
	if info, err := os.Stat(w.Path("sealed/a.age")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode of the envelope: %v, %v", info, err)
	}
}

// TestDebounce: changes that come together lead to one run, whose result all get.
func TestDebounce(t *testing.T) {
	w := newWorld(t, t.TempDir(), `  - {secrets: ["*"], run: ["sh", "-c", "echo >> $DIR/runs; exit 3"], debounce: 100ms}`, nil)
	t.Setenv("DIR", w.Dir)
	const changes = 20
	results := make(chan action.Result, changes)
	for i := range changes {
		w.set.Trigger(changed(fmt.Sprint(i)), func(result action.Result) { results <- result })
	}
	for range changes {
		if got := <-results; got.Detail != "command sh failed: exit status 3" {
			t.Errorf("got %+v", got)
		}
	}
	w.holds("runs", "\n")
}

// TestOutputIsNotTold: a command may print a value.
func TestOutputIsNotTold(t *testing.T) {
	w := newWorld(t, t.TempDir(), `  - {secrets: ["*"], run: ["sh", "-c", "echo tiger; echo tiger >&2; exit 1"], debounce: 1ms}`, nil)
	if got := w.trigger(changed("a")); got.Action != receipt.Failed || strings.Contains(got.Detail, "tiger") {
		t.Errorf("got %+v", got)
	}
}

func TestRunFails(t *testing.T) {
	w := newWorld(t, t.TempDir(), `
  - {secrets: [none], run: ["no-such-command-here"], debounce: 1ms}
  - {secrets: [slow], run: ["sh", "-c", "sleep 60 & sleep 60"], debounce: 1ms, timeout: 1s}
  - {secrets: [long], run: ["false"], debounce: 1ms}
`, nil)
	for secret, says := range map[string]string{"none": "did not start", "slow": "did not end in time and was killed"} {
		began := time.Now()
		if got := w.trigger(changed(secret)); got.Action != receipt.Failed || !strings.Contains(got.Detail, says) {
			t.Errorf("%s: got %+v", secret, got)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("%s took %v", secret, took)
		}
	}
}

// TestDetailFitsAReceipt: however long, and whatever is in it.
func TestDetailFitsAReceipt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("é", 100)+"\x01\u202e")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, dir, `
  - {secrets: ["*"], touch: no/such, debounce: 1ms}
  - {secrets: ["*"], touch: no/such/either, debounce: 1ms}
`, nil)
	got := w.trigger(changed("a"))
	public := w.Claims("a", 1, []byte("x"))
	public.Issuer = "relay"
	key, err := w.Config().SigningKey()
	if err != nil {
		t.Fatal(err)
	}
	signer, err := receipt.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign(receipt.For(public, time.Now(), got.Action, got.Detail)); err != nil || got.Action != receipt.Failed {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestNewRefuses(t *testing.T) {
	for _, tc := range []struct{ actions, says string }{
		{`  - {secrets: ["*"], render: [{template: none, to: x}]}`, "entry 1: render: entry 1"},
		{`  - {secrets: ["*"], render: [{template: bad, to: x}]}`, "line 1"},
		{`  - {secrets: ["*"], render: [{template: good, to: x, mode: "9"}]}`, "permission bits"},
		{`  - {secrets: ["*"], lay_out: {dir: x, mode: "9"}}`, "lay_out: mode"},
	} {
		a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "actions:\n"+tc.actions)
		a.Write("bad", "{{if}}")
		a.Write("good", "")
		var open render.Opener
		if _, err := action.New(a.Config(), open, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", tc.actions, err)
		}
	}
}
