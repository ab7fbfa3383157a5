package command_test

import (
	"bytes"
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

	"github.com/sealrelay/sealrelay/internal/jobs/command"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shell(t *testing.T, text string) command.Command {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no shell")
	}
	return command.Command{Run: []string{"/bin/sh", "-c", text}}
}

var call = command.Call{Job: "report", Run: "r1", Parameters: map[string]any{"days": int64(30), "name": "hush"}}

func TestDo(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		want   command.Result
		output string
		err    string
	}{
		"success":               {"echo out; echo first >&2; echo last >&2", command.Result{Message: "last"}, "out\n", ""},
		"nothing":               {":", command.Result{}, "", ""},
		"warning":               {"echo look >&2; exit 4", command.Result{Warning: true, Message: "look"}, "", ""},
		"failure":               {"echo out; echo broke >&2; exit 3", command.Result{}, "out\n", "the command ended with exit code 3: broke"},
		"failure in silence":    {"exit 1", command.Result{}, "", "the command ended with exit code 1"},
		"a signal":              {"kill -9 $$", command.Result{}, "", "killed"},
		"much output":           {"head -c 3000 /dev/zero | tr '\\0' x; echo done >&2", command.Result{Warning: true, Message: "done", Cut: true}, strings.Repeat("x", 1000), ""},
		"just as much":          {"head -c 1000 /dev/zero | tr '\\0' x", command.Result{}, strings.Repeat("x", 1000), ""},
		"control characters":    {`printf 'a\033[31m\377b\n' >&2`, command.Result{Message: "a [31m b"}, "", ""},
		"a long message":        {`head -c 5000 /dev/zero | tr '\0' x >&2`, command.Result{Message: strings.Repeat("x", 1024)}, "", ""},
		"one that stays behind": {"sleep 60 & echo out", command.Result{}, "out\n", ""},
		"the call":              {"cat", command.Result{}, `{"job":"report","run":"r1","parameters":{"days":30,"name":"hush"}}` + "\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var output bytes.Buffer
			got, err := shell(t, test.text).Do(t.Context(), call, &output, 1000)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if got != test.want || output.String() != test.output {
				t.Errorf("%+v, output %.100q, want %+v, %.100q", got, output.String(), test.want, test.output)
			}
		})
	}
	if _, err := (command.Command{Run: []string{"/no/such/program"}}).Do(t.Context(), call, &bytes.Buffer{}, 1); err == nil || !strings.Contains(err.Error(), "cannot be run") {
		t.Errorf("a program that is not there: %v", err)
	}
}

// TestOnStandardInputOnly: parameters are on no command line and in no environment, and
// the service's environment is not the command's.
func TestOnStandardInputOnly(t *testing.T) {
	t.Setenv("SEALRELAY_TEST_CREDENTIAL", "hush")
	var output bytes.Buffer
	if _, err := shell(t, `env; echo "$0 $*"`).Do(t.Context(), call, &output, 100_000); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(output.String(), "PATH=") || strings.Contains(output.String(), "hush") {
		t.Errorf("it is given %s", output.String())
	}
}

// signals is an output that ends a context at the first write.
type signals struct{ end func() }

func (s signals) Write(data []byte) (int, error) { s.end(); return len(data), nil }

// TestKilled: a command that is to end is killed with what it has started.
func TestKilled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := shell(t, `sleep 60 & echo $! > "`+file+`"; echo begun; wait`).Do(ctx, call, signals{cancel}, 1000)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "killed") {
		t.Errorf("error %v", err)
	}
	gone(t, strings.TrimSpace(read(t, file)))
	if _, err := shell(t, "touch "+file+"2").Do(ctx, call, &bytes.Buffer{}, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := os.Stat(file + "2"); err == nil {
		t.Error("it was run after the end")
	}
}

// gone waits until a process that was killed has ended. Nobody may have collected it yet.
func gone(t *testing.T, pid string) {
	t.Helper()
	tick, end := time.NewTicker(10*time.Millisecond), time.NewTimer(30*time.Second)
	defer tick.Stop()
	defer end.Stop()
	for {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			return
		}
		select {
		case <-tick.C:
		case <-end.C:
			t.Fatalf("what it started is still there: %s", state)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errDisk }

func TestOutputIsGone(t *testing.T) {
	if _, err := shell(t, "echo out; sleep 60").Do(t.Context(), call, broken{}, 1000); !errors.Is(err, errDisk) {
		t.Errorf("error %v", err)
	}
}

// TestExample runs the program that the manual gives as an example.
func TestExample(t *testing.T) {
	for _, needed := range []string{"jq", "openssl"} {
		if _, err := exec.LookPath(needed); err != nil || runtime.GOOS == "windows" {
			t.Skipf("there is no %s", needed)
		}
	}
	example, err := filepath.Abs("../../../examples/jobs/expiring.sh")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(read(t, "../../../docs/jobs.md"), read(t, example)) {
		t.Error("docs/jobs.md has another example")
	}
	c := command.Command{Run: []string{example}, Parameters: map[string]command.Parameter{
		"folder": {Type: "string", Required: true}, "days": {Type: "int", Default: 30},
	}}
	run := func(folder string) (command.Result, string, error) {
		values, err := c.Values(map[string]any{"folder": folder})
		if err != nil {
			t.Fatal(err)
		}
		var output bytes.Buffer
		result, err := c.Do(t.Context(), command.Call{Job: "expiring", Run: "r1", Parameters: values}, &output, 1000)
		return result, output.String(), err
	}
	folder := t.TempDir()
	result, output, err := run(folder)
	if err != nil || result.Warning || output != "" || !strings.HasPrefix(result.Message, "0 of 0 certificates") {
		t.Errorf("an empty folder: %+v, %q, %v", result, output, err)
	}
	bad := filepath.Join(folder, "bad name.pem")
	if err := os.WriteFile(bad, []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	result, output, err = run(folder)
	if err != nil || !result.Warning || output != bad+"\n" || !strings.HasPrefix(result.Message, "1 of 1 certificates") {
		t.Errorf("a bad file: %+v, %q, %v", result, output, err)
	}
	if _, _, err := run(folder + "/none"); err == nil || !strings.Contains(err.Error(), "exit code 1") || !strings.Contains(err.Error(), "is no folder") {
		t.Errorf("no folder: %v", err)
	}
}
