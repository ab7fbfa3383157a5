package main

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent/state"
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
	ts.Logf("the agent ended: %v", <-running.exited)
}

func examplesFolder(t *testing.T) string {
	dir, err := filepath.Abs(filepath.Join("..", "..", "examples"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// agentKeeps SECRET VERSION FILE puts the file's content into the state folder of
// the agent in the folder agent, sealed to agent.pub and signed with service.key,
// as if it had been delivered.
func agentKeeps(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: agentkeeps SECRET VERSION FILE")
	}
	version, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	public, err := keys.ParsePublic([]byte(ts.ReadFile("agent/agent.pub")))
	ts.Check(err)
	recipient, format, err := formats.RecipientFor(public, "")
	ts.Check(err)
	envelope, err := recipient.Seal([]byte(ts.ReadFile(args[2])))
	ts.Check(err)
	key, err := keys.ParseSigning([]byte(ts.ReadFile("agent/service.key")))
	ts.Check(err)
	signer, err := statement.NewSigner(key, "relay")
	ts.Check(err)
	token, err := signer.Sign(statement.Claims{
		Agent: "web", Secret: args[0], Version: version, Operation: "set", Format: format.Name, KeyID: recipient.KeyID(),
		Digest: statement.Digest(envelope), IssuedAt: time.Now(),
	})
	ts.Check(err)
	folder, err := state.Hold(ts.MkAbs("agent/state"))
	ts.Check(err)
	ts.Check(folder.Put(args[0], state.Record{Statement: token, Envelope: envelope, StoredAt: time.Now()}))
	ts.Check(folder.Close())
}
