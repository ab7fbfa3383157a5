//go:build unix

package exec_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/exec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(config string) (deliver.Destination, error) {
	return exec.New(deliver.Settings{
		Decode: func(into any) error { return yaml.Load([]byte(config), into, yaml.WithKnownFields()) },
	})
}

// shell is a destination whose command is a script; the shell is the test's.
func shell(t *testing.T, script string) deliver.Destination {
	t.Helper()
	destination, err := open("command: [/bin/sh, -c, " + strconv.Quote(script) + "]\ntimeout: 1m")
	if err != nil {
		t.Fatal(err)
	}
	return destination
}

func TestConformance(t *testing.T) {
	keeper := filepath.Join(t.TempDir(), "keeper")
	if out, err := osexec.Command("go", "build", "-o", keeper, "./testdata/keeper").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	delivertest.Run(t, func(t *testing.T) delivertest.Target {
		dir := t.TempDir()
		destination, err := open("command: [" + keeper + ", " + dir + "]")
		if err != nil {
			t.Fatal(err)
		}
		file := func(secret, extension string) ([]byte, error) {
			data, err := os.ReadFile(filepath.Join(dir, hex.EncodeToString([]byte(secret))+extension))
			if errors.Is(err, fs.ErrNotExist) {
				return nil, nil
			}
			return data, err
		}
		return delivertest.Target{
			Destination: destination,
			Read: func(secret string) ([]byte, string, error) {
				envelope, err := file(secret, ".env")
				if err != nil {
					return nil, "", err
				}
				statement, err := file(secret, ".jws")
				return envelope, string(statement), err
			},
			Stray: func() ([]string, error) { return nil, nil },
		}
	})
}

// The command gets the envelope, the names and nothing else of the service.
func TestWhatTheCommandGets(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "/run/credentials")
	t.Setenv("SEALRELAY_OTHER", "x")
	dir := t.TempDir()
	d := delivertest.Set(t, "prod/db $(id) `id`; 'x'", 7, 100_000)
	destination := shell(t, "cat > "+dir+"/in; env > "+dir+"/env")
	if receipt, err := destination.Deliver(t.Context(), d); err != nil || receipt != "" {
		t.Fatalf("receipt %q, error %v", receipt, err)
	}
	in, err := os.ReadFile(filepath.Join(dir, "in"))
	if err != nil || string(in) != string(d.Envelope) {
		t.Errorf("the input has %d bytes (error %v), want the envelope's %d", len(in), err, len(d.Envelope))
	}
	env, err := os.ReadFile(filepath.Join(dir, "env"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(env), "\n")
	for _, want := range []string{
		"SEALRELAY_AGENT=agent", "SEALRELAY_SECRET=" + d.Secret, "SEALRELAY_VERSION=7", "SEALRELAY_OPERATION=set",
		"SEALRELAY_FORMAT=age", "SEALRELAY_KEY_ID=key", "SEALRELAY_STATEMENT=" + d.Statement,
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("the environment has no %s", want)
		}
	}
	if strings.Contains(string(env), "CREDENTIALS") || strings.Contains(string(env), "SEALRELAY_OTHER") {
		t.Errorf("the environment has what is the service's:\n%s", env)
	}
}

func TestHowCommandsEnd(t *testing.T) {
	for _, test := range []struct {
		script, want string
		final        bool
	}{
		{"exit 0", "", false},
		{"echo to stdout; echo to stderr >&2; exit 0", "", false},
		{"exit 1", "the command ended with exit code 1", false},
		{"exit 64", "the command ended with exit code 64 (usage error)", true},
		{"echo no such table >&2; exit 65", "the command ended with exit code 65 (data refused): no such table", true},
		{"exit 77", "the command ended with exit code 77 (permission denied)", true},
		{"exit 78", "the command ended with exit code 78 (configuration error)", true},
		{"exit 69", "the command ended with exit code 69", false},
		{"exit 75", "the command ended with exit code 75", false},
		{"exit 126", "the command ended with exit code 126", false},
		{"exit 127", "the command ended with exit code 127", false},
		{"echo SECRET; exit 1", "the command ended with exit code 1", false},
		{"printf 'one\\ntwo\\033[31m\\n\\n' >&2; exit 1", "the command ended with exit code 1: two [31m", false},
		{"printf '%0500d' 0 >&2; exit 1", "the command ended with exit code 1: " + strings.Repeat("0", 200), false},
		{"i=0; while [ $i -lt 2000 ]; do echo 0123456789012345678901234567890123456789 >&2; i=$((i+1)); done; echo last >&2; exit 1", "the command ended with exit code 1: last", false},
		{"kill -9 $$", "the command was ended: signal: killed", false},
	} {
		t.Run(test.script, func(t *testing.T) {
			_, err := shell(t, test.script).Deliver(t.Context(), delivertest.Set(t, "prod/db", 1, 1<<20))
			text := ""
			if err != nil {
				text = err.Error()
			}
			if _, final := errors.AsType[*deliver.FinalError](err); text != test.want || final != test.final {
				t.Errorf("error is %q (final: %t), want %q", text, final, test.want)
			}
		})
	}
}

// What the command has started is killed with it.
func TestCancelKillsTheGroup(t *testing.T) {
	dir := t.TempDir()
	pids := filepath.Join(dir, "pids")
	if err := syscall.Mkfifo(pids, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	destination := shell(t, "sleep 1000 & echo $$ $! > "+pids+"; wait")
	go func() {
		_, err := destination.Deliver(ctx, delivertest.Set(t, "prod/db", 1, 100))
		ended <- err
	}()
	line, err := os.ReadFile(pids) // waits until the command has written both
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	for _, field := range strings.Fields(string(line)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		if running(pid) {
			t.Errorf("process %d is running still", pid)
		}
	}
}

// running says whether a process is there and not merely waiting to be reaped.
func running(pid int) bool {
	out, err := osexec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

func TestTimeout(t *testing.T) {
	destination, err := open("command: [/bin/sh, -c, 'echo busy >&2; exec sleep 1000']\ntimeout: 1s")
	if err != nil {
		t.Fatal(err)
	}
	_, err = destination.Deliver(t.Context(), delivertest.Set(t, "prod/db", 1, 100))
	if err == nil || err.Error() != "the command did not end within 1s and was killed: busy" {
		t.Errorf("error is %v", err)
	}
}

// A process that the command leaves behind does not keep a delivery from being
// made.
func TestLeftBehind(t *testing.T) {
	dir := t.TempDir()
	_, err := shell(t, "sleep 1000 & echo $! > "+dir+"/pid").Deliver(t.Context(), delivertest.Set(t, "prod/db", 1, 100))
	if err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("it was killed with the command: %v", err)
	}
}

func TestMissingProgram(t *testing.T) {
	destination, err := open("command: [/nowhere/program]")
	if err != nil {
		t.Fatal(err)
	}
	_, err = destination.Deliver(t.Context(), delivertest.Set(t, "prod/db", 1, 100))
	if _, final := errors.AsType[*deliver.FinalError](err); err == nil || final || !strings.HasPrefix(err.Error(), "the command cannot be run: ") {
		t.Errorf("error is %v", err)
	}
}

func TestRefusedConfigurations(t *testing.T) {
	for config, want := range map[string]string{
		"{}":                                   "command is missing",
		"command: []":                          "command is missing",
		"command: [put]":                       "absolute path",
		"command: [./put]":                     "absolute path",
		"command: /bin/put":                    "/bin/put",
		`command: [/bin/put, "a\0b"]`:          "NUL",
		"command: [/bin/put]\ntimeout: 1ms":    "timeout 1ms is not from 1s to 5m0s",
		"command: [/bin/put]\ntimeout: 10m":    "timeout 10m0s is not from",
		"command: [/bin/put]\nshell: /bin/zsh": "shell",
	} {
		if _, err := open(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %q", config, err, want)
		}
	}
}
