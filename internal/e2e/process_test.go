//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds each wait for something that takes moments on a machine that
// has nothing else to do.
const patience = 3 * time.Minute

// build makes the binary once, when it is first needed.
var build = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "sealrelay-e2e-"); err != nil {
		return "", err
	}
	path := filepath.Join(built, "sealrelay")
	output, err := exec.Command("go", "build", "-o", path, "github.com/sealrelay/sealrelay/cmd/sealrelay").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build sealrelay: %w: %s", err, output)
	}
	return path, nil
})

// logLine is what the tests look at in a line of a log.
type logLine struct {
	Message, Secret string
	Version         int64
}

// process is one run of the binary.
type process struct {
	cmd *exec.Cmd
	// ready is closed when the program says that it is, ended when it is gone.
	ready, ended chan struct{}
	// told, if not nil, is told each line of the log.
	told func(logLine)

	mu  sync.Mutex
	log []string
}

// run starts the binary; the end of the test kills it.
func run(t *testing.T, told func(logLine), args ...string) *process {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: exec.Command(path, args...), ready: make(chan struct{}), ended: make(chan struct{}), told: told}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		p.read(bufio.NewScanner(stderr))
		_ = p.cmd.Wait() // the exit code is in ProcessState
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *process) read(lines *bufio.Scanner) {
	for lines.Scan() {
		p.mu.Lock()
		p.log = append(p.log, lines.Text())
		p.mu.Unlock()
		var line logLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // the last one of a killed process may be cut off
		}
		if strings.HasSuffix(line.Message, " is ready") {
			close(p.ready)
		}
		if p.told != nil {
			p.told(line)
		}
	}
}

// lines are the log so far.
func (p *process) lines() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.log)
}

func (p *process) tail() string {
	lines := p.lines()
	return strings.Join(lines[max(len(lines)-15, 0):], "\n")
}

func (p *process) mustReady(t *testing.T) {
	t.Helper()
	select {
	case <-p.ready:
	case <-p.ended:
		t.Fatalf("%s ended:\n%s", p.cmd, p.tail())
	case <-time.After(patience):
		t.Fatalf("%s is not ready:\n%s", p.cmd, p.tail())
	}
}

// kill ends the process as `kill -9` does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may be gone already
	<-p.ended
}

// stop ends the process gracefully.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%s: %v\n%s", p.cmd, err, p.tail())
	}
	select {
	case <-p.ended:
	case <-time.After(patience):
		t.Fatalf("%s does not end:\n%s", p.cmd, p.tail())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("%s ended with %d:\n%s", p.cmd, code, p.tail())
	}
}
