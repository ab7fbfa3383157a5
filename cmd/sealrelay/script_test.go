package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rogpeppe/go-internal/txtar"
)

// patience bounds every wait of a script.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	program := func() { os.Exit(run()) }
	testscript.Main(m, map[string]func(){
		"sealrelay": program, "stepauthority": beAuthority,
		// The program under the names that stand for its js7 commands.
		"js7_encrypt": program, "js7_decrypt.sh": program,
	})
}

// TestScriptsAreWhole: testscript's own command stop ends a script as passed, whatever
// comes after it.
func TestScriptsAreWhole(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(scripts) == 0 {
		t.Fatalf("%d scripts, %v", len(scripts), err)
	}
	for _, script := range scripts {
		archive, err := txtar.ParseFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(archive.Comment), "\n") {
			for strings.HasPrefix(line, "[") {
				_, line, _ = strings.Cut(line, "]")
				line = strings.TrimSpace(line)
			}
			if word, _, _ := strings.Cut(line, " "); word == "stop" {
				t.Errorf("%s:%d: stop ends the script; to stop the service use halt", script, n+1)
			}
		}
	}
}

func TestScripts(t *testing.T) {
	services := &services{running: map[*testscript.TestScript]*running{}}
	agents, joc, authorities := newAgents(), cockpits{}, newAuthorities()
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SEALRELAY_CONFIG", filepath.Join(env.WorkDir, "kept", "sealrelay.yaml"))
			env.Setenv("SEALRELAY_AGENT_CONFIG", filepath.Join(env.WorkDir, "agent", "agent.yaml"))
			env.Setenv("VECTORS", vectors(t))
			env.Setenv("EXAMPLES", examplesFolder(t))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":         exits,
			"replace":       replace,
			"serve":         services.serve,
			"halt":          services.halt,
			"hup":           services.hup,
			"waitlog":       services.waitLog,
			"waitdelivered": waitDelivered,
			"metric":        metric,
			"decide":        decide,
			"azure":         startAzure,
			"joc":           joc.start,
			"jocargument":   joc.argument,
			"jocput":        joc.put,
			"js7vectors":    js7Vectors,
			"stepca":        authorities.start,
			"stepsign":      authorities.sign,
			"agentrun":      agents.run,
			"agentstop":     agents.halt,
			"agentkill":     agents.kill,
			"waitagentlog":  agents.waitLog,
			"agentkeeps":    agentKeeps,
			"jobrun":        jobRun,
			"waitrun":       waitRun,
		},
	})
}

func vectors(t *testing.T) string {
	dir, err := filepath.Abs(filepath.Join("..", "..", "testdata", "js7"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// exits CODE COMMAND... runs the command, which must exit with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	code := 0
	var failed *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &failed) {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// replace FILE OLD NEW replaces a text that must be there; \n in NEW is a newline.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	old := ts.ReadFile(args[0])
	if !strings.Contains(old, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(old, args[1], strings.ReplaceAll(args[2], `\n`, "\n"))), 0o600))
}

// services are the background services of the scripts that run.
type services struct {
	mu      sync.Mutex
	running map[*testscript.TestScript]*running
}

// running is a running `sealrelay serve`.
type running struct {
	process *exec.Cmd
	exited  chan error
	mu      sync.Mutex
	log     []string
	grown   chan struct{}
}

// serve [ARGS...] starts `sealrelay serve` and waits until it is ready. It sets
// HOOKS and ADMIN to the addresses.
func (s *services) serve(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("to see it fail, use: ! exec sealrelay serve")
	}
	line := s.start(ts, append([]string{"serve"}, args...), "sealrelay is ready")
	var ready struct{ Hooks, Admin string }
	ts.Check(json.Unmarshal([]byte(line), &ready))
	ts.Setenv("HOOKS", ready.Hooks)
	ts.Setenv("ADMIN", ready.Admin)
}

// start starts the program in the background and returns the line of its log that
// has the text.
func (s *services) start(ts *testscript.TestScript, args []string, text string) (line string) {
	program, err := exec.LookPath("sealrelay")
	ts.Check(err)
	svc := &running{process: exec.Command(program, args...), exited: make(chan error, 1), grown: make(chan struct{}, 1)}
	svc.process.Dir = ts.MkAbs(".")
	svc.process.Env = append(os.Environ(), "SEALRELAY_CONFIG="+ts.Getenv("SEALRELAY_CONFIG"), "SEALRELAY_AGENT_CONFIG="+ts.Getenv("SEALRELAY_AGENT_CONFIG"))
	for _, name := range azureEnvironment {
		if value := ts.Getenv(name); value != "" {
			svc.process.Env = append(svc.process.Env, name+"="+value)
		}
	}
	stderr, err := svc.process.StderrPipe()
	ts.Check(err)
	ts.Check(svc.process.Start())
	go func() {
		svc.read(bufio.NewScanner(stderr))
		svc.exited <- svc.process.Wait()
	}()
	s.mu.Lock()
	s.running[ts] = svc
	s.mu.Unlock()
	ts.Defer(func() {
		_ = svc.process.Process.Kill()
	})
	return svc.wait(ts, text)
}

func (s *running) read(lines *bufio.Scanner) {
	for lines.Scan() {
		s.mu.Lock()
		s.log = append(s.log, lines.Text())
		s.mu.Unlock()
		select {
		case s.grown <- struct{}{}:
		default:
		}
	}
}

// wait waits for a line of the log that contains text, takes the log up to it
// away, and returns it.
func (s *running) wait(ts *testscript.TestScript, text string) string {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		s.mu.Lock()
		for i, line := range s.log {
			if strings.Contains(line, text) {
				s.log = s.log[i+1:]
				s.mu.Unlock()
				return line
			}
		}
		seen := strings.Join(s.log, "\n")
		s.mu.Unlock()
		select {
		case <-s.grown:
		case err := <-s.exited:
			ts.Fatalf("the service ended (%v) without logging %q; it logged:\n%s", err, text, seen)
		case <-deadline.C:
			ts.Fatalf("the service did not log %q; it logged:\n%s", text, seen)
		}
	}
}

func (s *services) of(ts *testscript.TestScript) *running {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[ts] == nil {
		ts.Fatalf("no service runs")
	}
	return s.running[ts]
}

// halt ends the service gracefully; it must exit with 0.
func (s *services) halt(ts *testscript.TestScript, _ bool, _ []string) {
	svc := s.of(ts)
	ts.Check(svc.process.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-svc.exited:
		ts.Check(err)
	case <-time.After(patience):
		ts.Fatalf("the service did not stop")
	}
}

// hup makes the service read its configuration again.
func (s *services) hup(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(s.of(ts).process.Process.Signal(syscall.SIGHUP))
}

// waitlog TEXT waits until the service logs it.
func (s *services) waitLog(ts *testscript.TestScript, _ bool, args []string) {
	s.of(ts).wait(ts, args[0])
}

// waitdelivered AGENT DESTINATION SECRET VERSION waits until it is there.
func waitDelivered(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		var out bytes.Buffer
		show := exec.Command("sealrelay", "deliveries", "show", "--json", args[0], args[1], args[2])
		show.Env = append(os.Environ(), "SEALRELAY_CONFIG="+ts.Getenv("SEALRELAY_CONFIG"))
		show.Stdout = &out
		var view struct {
			State   string
			Version json.Number
		}
		if err := show.Run(); err == nil && json.Unmarshal(out.Bytes(), &view) == nil &&
			view.State == "delivered" && view.Version.String() == args[3] {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v is not delivered: %s", args, out.String())
		}
	}
}

// metric NAME VALUE waits until the service shows it.
func metric(ts *testscript.TestScript, _ bool, args []string) {
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		page := scrape(ts)
		if strings.Contains(page, "\n"+args[0]+" "+args[1]+"\n") {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%v is not shown:\n%s", args, page)
		}
	}
}

func scrape(ts *testscript.TestScript) string {
	answer, err := http.Get("http://" + ts.Getenv("ADMIN") + "/metrics")
	ts.Check(err)
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	ts.Check(err)
	return string(page)
}

// decide approve|deny AGENT decides on the one key that the agent asked for.
func decide(ts *testscript.TestScript, _ bool, args []string) {
	var out bytes.Buffer
	list := exec.Command("sealrelay", "agents", "enrolments", "--json")
	list.Env, list.Stdout = append(os.Environ(), "SEALRELAY_CONFIG="+ts.Getenv("SEALRELAY_CONFIG")), &out
	_ = list.Run() // exits with 4, as there is one
	var known []struct {
		Agent, State string
		KeyID        string `json:"key_id"`
	}
	ts.Check(json.Unmarshal(out.Bytes(), &known))
	for _, e := range known {
		if e.Agent == args[1] && e.State == "pending" {
			ts.Check(ts.Exec("sealrelay", append([]string{"agents", args[0], e.Agent, "--key", e.KeyID}, args[2:]...)...))
			return
		}
	}
	ts.Fatalf("agent %s asked for no key", args[1])
}
