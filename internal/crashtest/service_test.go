//go:build unix

package crashtest

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// service is one run of the binary.
type service struct {
	cmd    *exec.Cmd
	client *http.Client
	// hooks and admin are the addresses, set when ready is closed.
	hooks, admin string
	ready        chan struct{}
	// ended is closed when the process is gone, and a tracer of it too.
	ended chan struct{}
	// line, if not nil, is told each line of the log.
	line func()

	mu  sync.Mutex
	log []string
}

// start runs `sealrelay serve`, behind the words of prefix if there are any,
// which must end in an exec of it.
func (s *site) start(t testing.TB, prefix, env []string, line func()) *service {
	t.Helper()
	argv := append(prefix[:len(prefix):len(prefix)], binary(t), "serve", "--config", s.config())
	run := &service{
		cmd: exec.Command(argv[0], argv[1:]...), client: s.client(), line: line,
		ready: make(chan struct{}), ended: make(chan struct{}),
	}
	run.cmd.Env = append(os.Environ(), env...)
	stderr, err := run.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(run.ended)
		// The end of the log is when everybody who could write to it is gone.
		run.read(bufio.NewScanner(stderr))
		_ = run.cmd.Wait() // the exit code is in ProcessState
	}()
	t.Cleanup(func() {
		run.kill()
		if t.Failed() {
			t.Logf("log of a service, its end:\n%s", run.tail())
		}
	})
	return run
}

func (r *service) read(lines *bufio.Scanner) {
	for lines.Scan() {
		r.mu.Lock()
		r.log = append(r.log, lines.Text())
		r.mu.Unlock()
		var entry struct{ Message, Hooks, Admin string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Message == "sealrelay is ready" {
			r.hooks, r.admin = entry.Hooks, entry.Admin
			close(r.ready)
		}
		if r.line != nil {
			r.line()
		}
	}
}

func (r *service) tail() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.log[max(len(r.log)-15, 0):], "\n")
}

// isReady waits until the service listens, and returns false if it ended
// before.
func (r *service) isReady(t testing.TB) bool {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.ready:
		return true
	case <-r.ended:
		return false
	case <-timer.C:
		t.Fatalf("service is not ready after %v", patience)
		return false
	}
}

// mustReady is isReady where nothing may go wrong.
func (r *service) mustReady(t testing.TB) *service {
	t.Helper()
	if !r.isReady(t) {
		t.Fatalf("service did not start:\n%s", r.tail())
	}
	return r
}

// kill ends the process as `kill -9` does, and waits until it is gone.
func (r *service) kill() {
	_ = r.cmd.Process.Kill() // it may be gone already
	<-r.ended
	r.client.CloseIdleConnections()
}

// stop ends the process gracefully.
func (r *service) stop(t testing.TB) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	if code := r.exitCode(t); code != 0 {
		t.Fatalf("service ended with %d:\n%s", code, r.tail())
	}
}

// exitCode waits for the end of the process.
func (r *service) exitCode(t testing.TB) int {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.ended:
	case <-timer.C:
		t.Fatalf("service did not end within %v:\n%s", patience, r.tail())
	}
	r.client.CloseIdleConnections()
	return r.cmd.ProcessState.ExitCode()
}
