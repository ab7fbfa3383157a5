package script_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/script"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestExample runs the suite against the program that is given as an example.
func TestExample(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	example, err := filepath.Abs("../../../examples/stores/folder.py")
	if err != nil {
		t.Fatal(err)
	}
	storetest.Run(t, func(t *testing.T) storetest.Target {
		dir := t.TempDir()
		open := func() *script.Store {
			s, err := script.New(script.Config{Command: []string{python, example, dir}, Operations: []string{"add", "remove"}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		return storetest.Target{Store: open(), Alias: storetest.Aliases("", ""), Public: true, Reopen: func() stores.Store { return open() }}
	})
}

// program is a store whose program is the shell script.
func program(t *testing.T, text string, timeout time.Duration) *script.Store {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell")
	}
	s, err := script.New(script.Config{Command: []string{"/bin/sh", "-c", text}, Operations: []string{"add", "remove", "create"}, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestContract: what is not as the contract has it is an error, and nothing of it counts;
// none is taken for an answer that there is no such entry.
func TestContract(t *testing.T) {
	const one = `echo '{"entry":{"alias":"a","key":"ssh-ed25519 x"}}';`
	for name, text := range map[string]string{
		"nothing":                 `:`,
		"no JSON":                 `echo hello`,
		"no end":                  one,
		"something behind":        `echo '{"done":true}'; echo '{"done":true}'`,
		"an unknown member":       `echo '{"done":true,"more":1}'`,
		"two members":             `echo '{"done":true,"error":{"class":"not-found","message":""}}'`,
		"no member":               `echo '{}'`,
		"an unknown class":        `echo '{"error":{"class":"gone","message":"x"}}'`,
		"another alias":           `echo '{"entry":{"alias":"b","key":"x"}}'; echo '{"done":true}'`,
		"no entry":                `echo '{"done":true}'`,
		"an outcome":              `echo '{"outcome":{"did":"added"}}'; echo '{"done":true}'`,
		"a failure":               `echo '{"done":true}'; echo "it broke" >&2; exit 3`,
		"killed":                  `kill -9 $$`,
		"a line without an end":   `head -c 2000000 /dev/zero | tr '\0' x`,
		"lines without an end":    `yes hello`,
		"an entry without a key":  `echo '{"entry":{"alias":"a"}}'; echo '{"done":true}'`,
		"a program that is not":   `exec /no/such/program`,
		"two entries in a lookup": one + one + `echo '{"done":true}'`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := program(t, text, 5*time.Second).Lookup(t.Context(), "a")
			if !errors.Is(err, stores.ErrUnreadable) || errors.Is(err, stores.ErrNotFound) || strings.ContainsAny(err.Error(), "\n\x00") || len(err.Error()) > 600 {
				t.Errorf("error %v", err)
			}
		})
	}
	for class, want := range map[string]error{
		"not-found": stores.ErrNotFound, "exists": stores.ErrExists, "deleted": stores.ErrDeleted, "denied": stores.ErrDenied, "invalid": stores.ErrInvalid, "unreadable": stores.ErrUnreadable,
	} {
		if _, err := program(t, `echo '{"error":{"class":"`+class+`","message":"why\u0007"}}'`, 0).Lookup(t.Context(), "a"); !errors.Is(err, want) || !strings.HasSuffix(err.Error(), "why ") {
			t.Errorf("%s: %v", class, err)
		}
	}
	for name, text := range map[string]string{
		"twice":            `echo '{"entry":{"alias":"a","problem":"x"}}'; echo '{"entry":{"alias":"a","problem":"x"}}'; echo '{"done":true}'`,
		"broken off":       `echo '{"entry":{"alias":"a","problem":"x"}}'`,
		"an unknown `did`": `echo '{"outcome":{"did":"exploded"}}'; echo '{"done":true}'`,
	} {
		var last error
		for _, err := range program(t, text, 0).Inventory(t.Context()) {
			last = err
		}
		if !errors.Is(last, stores.ErrUnreadable) {
			t.Errorf("an inventory, %s: %v", name, last)
		}
		if _, err := program(t, text, 0).Remove(t.Context(), stores.Removal{Alias: "a"}); !errors.Is(err, stores.ErrUnreadable) {
			t.Errorf("a change, %s: %v", name, err)
		}
	}
}

// TestPrivateKeyOnStandardInput: it is on no command line and in no environment.
func TestPrivateKeyOnStandardInput(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SEALRELAY_TEST_CREDENTIAL", "hush")
	s := program(t, `cat > "`+dir+`/in"; env > "`+dir+`/env"; echo "$0 $*" >> "`+dir+`/env"; echo '{"outcome":{"did":"added","version":"7","notes":["note"]}}'; echo '{"done":true}'`, 0)
	outcome, err := s.Add(t.Context(), storetest.NewPair(t, "ec-p256", "web").Addition("web"))
	if err != nil || outcome.Did != stores.DidAdd || outcome.Version != "7" || len(outcome.Notes) != 1 {
		t.Fatal(outcome, err)
	}
	for file, want := range map[string]bool{"in": true, "env": false} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || strings.Contains(string(data), "PRIVATE KEY") != want || strings.Contains(string(data), "hush") {
			t.Errorf("%s: %s, %v", file, data, err)
		}
	}
}

// TestKilled: a program that does not end is, with what it has started.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	text := `(sleep 60; touch "` + dir + `/late") & echo $! > "` + dir + `/pid"; wait`
	if _, err := program(t, text, 200*time.Millisecond).Lookup(t.Context(), "a"); !errors.Is(err, stores.ErrUnreadable) || !strings.Contains(err.Error(), "killed") {
		t.Errorf("after its time: %v", err)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	// Nobody may have collected it yet.
	if state, err := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/stat"); err == nil && !strings.Contains(string(state), ") Z ") {
		t.Errorf("what it started is still there: %s", state)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	if _, err := program(t, "sleep 60", time.Minute).Lookup(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestConfigRefused(t *testing.T) {
	for says, config := range map[string]script.Config{
		"command is required": {}, "operations": {Command: []string{"x"}, Operations: []string{"burn"}}, "timeout": {Command: []string{"x"}, Timeout: 2 * time.Hour},
	} {
		if _, err := script.New(config); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
	s, err := script.New(script.Config{Command: []string{"/no/such/program"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), false); !errors.Is(err, stores.ErrInvalid) {
		t.Errorf("what it does not do: %v", err)
	}
	if _, err := s.Lookup(t.Context(), "a"); !errors.Is(err, stores.ErrUnreadable) {
		t.Errorf("a program that is not there: %v", err)
	}
}
