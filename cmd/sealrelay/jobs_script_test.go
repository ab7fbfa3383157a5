package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// jobOutcome is a run of a job as `sealrelay jobs runs --json` prints it.
type jobOutcome struct {
	ID            string
	State, Result string
}

// runsOf asks for runs.
func runsOf(ts *testscript.TestScript, args ...string) ([]jobOutcome, string) {
	var out bytes.Buffer
	list := exec.Command("sealrelay", append([]string{"jobs", "runs", "--json"}, args...)...)
	list.Env = append(os.Environ(), "SEALRELAY_CONFIG="+ts.Getenv("SEALRELAY_CONFIG"))
	list.Stdout, list.Stderr = &out, &out
	var runs []jobOutcome
	if err := list.Run(); err != nil {
		return nil, out.String()
	}
	ts.Check(json.Unmarshal(out.Bytes(), &runs))
	return runs, out.String()
}

// jobrun FLAGS... puts the ID of the newest run that they select into $RUN.
func jobRun(ts *testscript.TestScript, neg bool, args []string) {
	runs, out := runsOf(ts, args...)
	if neg || len(runs) == 0 {
		ts.Fatalf("no run of %v: %s", args, out)
	}
	ts.Setenv("RUN", runs[0].ID)
}

// waitrun STANDING FLAGS... waits until the newest run that the flags select stands so:
// its result, or its state if it has none.
func waitRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: waitrun STANDING FLAGS...")
	}
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		runs, out := runsOf(ts, args[1:]...)
		if len(runs) > 0 && (runs[0].Result == args[0] || runs[0].Result == "" && runs[0].State == args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the newest run of %s is not %s: %s", strings.Join(args[1:], " "), args[0], out)
		}
	}
}
