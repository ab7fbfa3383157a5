package work_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	storekinds "github.com/sealrelay/sealrelay/agentkeys/stores/kinds"
	"github.com/sealrelay/sealrelay/internal/agent/agenttest"
	"github.com/sealrelay/sealrelay/internal/agent/work"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service gives out runs, each once, and then says that all have ended.
type service struct {
	mu     sync.Mutex
	runs   []outbox.Run
	ended  map[string]jobs.End
	output map[string]*bytes.Buffer
	// done is called when all have ended.
	all  int
	done func()
}

func (s *service) Claim(ctx context.Context) (outbox.Run, error) {
	s.mu.Lock()
	if len(s.runs) > 0 {
		run := s.runs[0]
		s.runs = s.runs[1:]
		s.mu.Unlock()
		return run, nil
	}
	s.mu.Unlock()
	<-ctx.Done()
	return outbox.Run{}, ctx.Err()
}

func (s *service) Extend(context.Context, string, int64) (bool, error) { return false, nil }

func (s *service) Append(_ context.Context, id string, _ int64, _ int, chunk []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.output[id] == nil {
		s.output[id] = &bytes.Buffer{}
	}
	s.output[id].Write(chunk)
	return nil
}

func (s *service) Sign(context.Context, string, int64, []byte) ([]byte, error) {
	return nil, jobs.ErrNotSigned
}

func (s *service) End(_ context.Context, id string, _ int64, end jobs.End) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[id] = end
	if len(s.ended) == s.all {
		s.done()
	}
	return nil
}

// do has the agent do runs, each of a kind with settings, and returns how they ended.
func do(t *testing.T, a *agenttest.Agent, options work.Options, runs ...[2]string) ([]jobs.End, []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &service{ended: map[string]jobs.End{}, output: map[string]*bytes.Buffer{}, all: len(runs), done: cancel}
	for i, run := range runs {
		s.runs = append(s.runs, outbox.Run{ID: fmt.Sprint(i), Job: "job", Kind: run[0], Settings: []byte(run[1]), Timeout: jobs.Lease})
	}
	options.Work = s
	runner, err := work.New(a.Config(), options)
	if err != nil {
		t.Fatal(err)
	}
	runner.Run(ctx)
	var ends []jobs.End
	var output []string
	for i := range runs {
		ends = append(ends, s.ended[fmt.Sprint(i)])
		output = append(output, "")
		if out := s.output[fmt.Sprint(i)]; out != nil {
			output[i] = out.String()
		}
	}
	return ends, output
}

func newAgent(t *testing.T, jobs string) *agenttest.Agent {
	t.Helper()
	return agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "mailbox: {url: 'https://relay'}\njobs:\n"+jobs)
}

// TestAllowed: what the agent's configuration names is done.
func TestAllowed(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the command is one of Unix")
	}
	a := newAgent(t, `
  kinds: [inventory, custom, fetch-logs, ca-sync]
  together: 2
  stores: {tls: {directory: {dir: certs}}, cas: {directory: {dir: cas}}}
  commands: {hello: {run: [/bin/sh, -c, "cat; echo done >&2"], parameters: {who: {type: string}}}}
  folders: [authority]
`)
	for _, folder := range []string{"certs", "cas", "authority"} {
		if err := os.Mkdir(a.Path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	logs := func(to io.Writer) error { _, err := io.WriteString(to, "line\n"); return err }
	directory, err := json.Marshal(a.Path("authority"))
	if err != nil {
		t.Fatal(err)
	}
	ends, output := do(t, a, work.Options{Logs: logs, Log: zerolog.Nop()},
		[2]string{"inventory", `{"store":"tls"}`},
		[2]string{"custom", `{"command":"hello","parameters":{"who":"world"}}`},
		[2]string{"fetch-logs", `{}`},
		[2]string{"ca-sync", `{"store":"cas","directory":` + string(directory) + `}`},
	)
	for i, end := range ends[:3] {
		if end.Result != outbox.RunSuccess {
			t.Errorf("run %d ended with %+v", i, end)
		}
	}
	if !strings.Contains(output[1], `"parameters":{"who":"world"}`) || ends[1].Message != "done" || output[2] != "line\n" {
		t.Errorf("the output is %q, the messages %+v", output, ends)
	}
	if strings.Contains(ends[3].Message, "jobs.folders") {
		t.Errorf("a folder that is allowed is refused: %+v", ends[3])
	}
}

// TestNotAllowed: what it does not name is refused, whatever the service asks for.
func TestNotAllowed(t *testing.T) {
	a := newAgent(t, `
  kinds: [inventory, custom, ca-sync, ssh-scan, fetch-logs, discover, add]
  stores: {tls: {directory: {dir: certs}}}
  commands: {hello: {run: [/bin/sh, -c, "cat"]}}
  folders: [allowed]
`)
	for _, folder := range []string{"certs", "allowed", "elsewhere"} {
		if err := os.Mkdir(a.Path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	elsewhere, err := json.Marshal(a.Path("elsewhere"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ kind, settings, says string }{
		{"remove", `{"store":"tls","alias":"a"}`, "allows no jobs of the kind remove"},
		{"re-enrol", `{}`, "allows no jobs of the kind re-enrol"},
		{"shell", `{"run":["/bin/sh"]}`, "not done here"},
		{"inventory", `{"store":"other"}`, `no store "other"`},
		{"inventory", `{"store":"tls","directory":{"dir":"/etc"}}`, "unknown field"},
		{"custom", `{"command":"other"}`, "there is no command"},
		{"custom", `{"command":"hello","run":["/bin/sh"]}`, "unknown field"},
		{"custom", `{"command":"hello","parameters":{"x":"y"}}`, "no parameter"},
		{"ca-sync", `{"store":"tls","directory":"/etc"}`, "jobs.folders"},
		{"ca-sync", `{"store":"tls","directory":` + string(elsewhere) + `}`, "jobs.folders"},
		{"ca-sync", `{"store":"tls","directory":"allowed"}`, "jobs.folders"},
		{"ssh-scan", `{"targets":["127.0.0.1:1"],"known_hosts":"/etc/shadow"}`, "jobs.folders"},
		{"discover", `{"files":{"folders":["/etc"]}}`, "jobs.folders"},
		{"add", `{"store":"tls","alias":"a.pem","file":"/etc/shadow"}`, "jobs.folders"},
		{"discover", `{"azure-key-vault":{}}`, "cannot be searched for here"},
		{"fetch-logs", `{}`, "no log lines are kept"},
	} {
		ends, output := do(t, a, work.Options{Log: zerolog.Nop()}, [2]string{tc.kind, tc.settings})
		if ends[0].Result != outbox.RunFailure || !strings.Contains(ends[0].Message, tc.says) || output[0] != "" {
			t.Errorf("%s %s ended with %+v, %q; want %q", tc.kind, tc.settings, ends[0], output[0], tc.says)
		}
	}
}

// TestKeyVault: with a program without the SDK a store in a Key Vault is found out at the
// start.
func TestKeyVault(t *testing.T) {
	a := newAgent(t, "  kinds: [inventory]\n  stores: {kv: {azure-key-vault: {vault: kv}}}\n")
	if _, err := work.New(a.Config(), work.Options{}); !errors.Is(err, storekinds.ErrNoKeyVault) {
		t.Errorf("error is %v", err)
	}
	broken := errors.New("cannot sign in")
	azure := work.Azure{KeyVault: func(func(any) error) (stores.Store, error) { return nil, broken }}
	if _, err := work.New(a.Config(), work.Options{Azure: azure}); !errors.Is(err, broken) || !strings.Contains(err.Error(), "store kv") {
		t.Errorf("error is %v", err)
	}
	a = newAgent(t, "  kinds: [inventory]\n  stores: {s: {directory: {folder: "+filepath.ToSlash(t.TempDir())+"}}}\n")
	if _, err := work.New(a.Config(), work.Options{}); err == nil || !strings.Contains(err.Error(), `"folder" is not a setting here`) {
		t.Errorf("error is %v", err)
	}
}
