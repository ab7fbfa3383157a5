package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// agents are the background agents of the scripts that run.
type agents struct{ services }

func newAgents() *agents {
	return &agents{services{running: map[*testscript.TestScript]*running{}}}
}

// run [ARGS...] starts `sealrelay agent run` and waits until it is ready. It sets
// AGENT to the address.
func (a *agents) run(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("to see it fail, use: ! exec sealrelay agent run")
	}
	line := a.start(ts, append([]string{"agent", "run"}, args...), "agent is ready")
	var ready struct{ Receive string }
	ts.Check(json.Unmarshal([]byte(line), &ready))
	ts.Setenv("AGENT", ready.Receive)
}

// kill ends the agent as a crash does.
func (a *agents) kill(ts *testscript.TestScript, _ bool, _ []string) {
	running := a.of(ts)
	ts.Check(running.process.Process.Kill())
	<-running.exited
}

func examplesFolder(t *testing.T) string {
	dir, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
