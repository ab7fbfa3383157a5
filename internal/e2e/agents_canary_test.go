//go:build unix

package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/agent/kept"
)

// rotations is how many values each secret of the canary run has, one after the
// other.
const rotations = 4

// TestNoPlaintextWithAgents rotates 20 values through the service and both agents,
// as programs, which are killed once on the way. No value is then in a file of any
// of the three, or in what they logged at debug level.
func TestNoPlaintextWithAgents(t *testing.T) {
	s := newSite(t, func(string) string { return "" })
	var values [][]byte
	processes := s.startAll(t)
	for rotation := range rotations {
		wave := s.rotate(t, rotation)
		for _, c := range wave {
			values = append(values, c.value)
		}
		if rotation == rotations/2 { // while these are under way
			for _, p := range processes {
				p.kill()
			}
			processes = append(processes, s.startAll(t)...)
		}
		s.waitSettled(t)
		s.allOpen(t, wave)
	}
	searching := newSearcher(withCores(values))
	running := s.searchAll(t, searching, "while they run")
	for _, p := range processes[len(processes)-3:] {
		p.stop(t)
	}
	stopped := s.searchAll(t, searching, "after their end")
	logged := 0
	for _, p := range processes {
		log := strings.Join(p.lines(), "\n")
		logged += len(log)
		for _, hit := range searching.search("the log of "+p.cmd.String(), []byte(log)) {
			t.Error(hit)
		}
	}
	if logged < 5_000 || running < 20 || stopped < 20 {
		t.Errorf("only %d bytes of logs and %d and %d files", logged, running, stopped)
	}
	t.Logf("%d values rotated through the service and 2 agents, %d forms searched for in %d and %d files and %d bytes of logs: %d bytes, 0 hits: %v",
		len(values), searching.count, running, stopped, logged, searching.searched, !t.Failed())
	s.control(t, values)
}

// startAll starts the service and both agents.
func (s *site) startAll(t *testing.T) []*process {
	t.Helper()
	processes := []*process{s.serve(t, nil)}
	for _, a := range s.agents {
		processes = append(processes, a.run(t, nil))
	}
	for _, p := range processes {
		p.mustReady(t)
	}
	return processes
}

// rotate gives each secret a new value.
func (s *site) rotate(t *testing.T, rotation int) (wave []change) {
	t.Helper()
	for i := range siteSecrets {
		n := rotation*siteSecrets + i
		c := change{id: fmt.Sprintf("evt_%d", n), secret: siteSecret(i), value: newCanary(n)}
		if status, _, err := s.send(t.Context(), c); err != nil || status != http.StatusAccepted {
			t.Fatalf("%s was answered with %d: %v", c.id, status, err)
		}
		wave = append(wave, c)
	}
	return wave
}

// allOpen checks that the values went the whole way, or that nothing is found
// would prove nothing.
func (s *site) allOpen(t *testing.T, wave []change) {
	t.Helper()
	for _, a := range s.agents {
		copies, err := kept.Load(a.config(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range wave {
			if err := opensTo(copies, c); err != nil {
				t.Errorf("%s of %s: %v", c.secret, a.name, err)
			}
		}
		if err := copies.Close(); err != nil {
			t.Error(err)
		}
	}
}

// searchAll searches the folders of all three.
func (s *site) searchAll(t *testing.T, searching *searcher, when string) (files int) {
	t.Helper()
	hits, files, err := searching.searchTree(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, hit := range hits {
		t.Errorf("%s: %s", when, hit)
	}
	return files
}

// control plants each value, in another form and folder each time, where the
// programs write. The same search finds all of them.
func (s *site) control(t *testing.T, values [][]byte) {
	t.Helper()
	places := []string{"service/data", "pushed/state/secrets", "fetching/state/secrets"}
	for i, value := range values {
		all := forms(value)
		planted := all[i%len(all)]
		path := filepath.Join(s.dir, places[i%len(places)], fmt.Sprintf("planted-%d", i))
		write(t, path, bytes.Join([][]byte{[]byte("before"), planted.bytes, []byte("after")}, []byte(" ")))
		hits, _, err := newSearcher(values).searchTree(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, h := range hits {
			found = found || h.value == i && h.form == planted.name && h.where == path
		}
		if !found {
			t.Errorf("value %d as %s, planted in %s, was not found", i, planted.name, places[i%len(places)])
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("control: %d values planted, all found: %v", len(values), !t.Failed())
}
