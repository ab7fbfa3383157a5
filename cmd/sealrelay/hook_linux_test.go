package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestHookHidesArguments: the passwords that a product puts on the command line
// are gone from the list of processes by the time that something is sent. The
// program is looked at while the service makes it wait.
func TestHookHidesArguments(t *testing.T) {
	const old, changed = "dummy-old-password", "-dummy new $password"
	called, answer := make(chan struct{}), make(chan struct{})
	url := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		called <- struct{}{}
		<-answer
		w.WriteHeader(http.StatusForbidden)
	})
	command := exec.CommandContext(t.Context(), program(t), "hook", "manageengine",
		"--seal=false", "--url", url, "--secret-file", credentialFile(t), "--", "db", "db.example.com", "orders", old, changed)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	<-called
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", command.Process.Pid))
	close(answer)
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); command.ProcessState.ExitCode() != 1 {
		t.Errorf("%v, output is %s", err, &out)
	}
	if !bytes.Contains(line, []byte("manageengine\x00--seal=false\x00--url\x00")) {
		t.Errorf("the command line is not the program's: %q", line)
	}
	for _, value := range []string{old, changed, "password"} {
		if bytes.Contains(line, []byte(value)) {
			t.Error("the command line still has a password")
		}
		if bytes.Contains(out.Bytes(), []byte(value)) {
			t.Error("the output has a password")
		}
	}
}

// TestHookConversationShowsNothing talks to the program through a terminal, as a
// product may do that records what the terminal shows.
func TestHookConversationShowsNothing(t *testing.T) {
	const value = "dummy-new-password"
	url := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	master, slave := newTerminal(t)
	command := exec.CommandContext(t.Context(), program(t), "hook", "cyberark-tpc", "--seal=false", "--url", url, "--secret-file", credentialFile(t))
	command.Stdin, command.Stdout, command.Stderr = slave, slave, io.Discard
	command.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	shown := bufio.NewReader(io.TeeReader(master, &seen))
	until := func(end string) {
		for !strings.HasSuffix(seen.String(), end) {
			if _, err := shown.ReadByte(); err != nil {
				t.Fatalf("%v; the terminal shows %q", err, seen.String())
			}
		}
	}
	for _, turn := range []struct{ prompt, answer string }{{"Key: ", "prod/db"}, {"Username: ", "svc"}, {"Value: ", value}} {
		until(turn.prompt)
		if _, err := io.WriteString(master, turn.answer+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	until("RESULT ERR 1\r\n")
	if err := command.Wait(); command.ProcessState.ExitCode() != 1 {
		t.Error(err)
	}
	if strings.Contains(seen.String(), value) {
		t.Error("the terminal shows the value")
	}
	if termios, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS); err != nil || termios.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal's echo is still off (%v)", err)
	}
}

// TestHookEndsInTime: a service that takes the request and does not answer holds
// no product up for longer than --timeout.
func TestHookEndsInTime(t *testing.T) {
	end := make(chan struct{})
	url := serveHTTP(t, func(http.ResponseWriter, *http.Request) { <-end })
	t.Cleanup(func() { close(end) })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // A try alone may take 30.
	defer cancel()
	command := exec.CommandContext(ctx, program(t), "hook", "json", "--seal=false", "--url", url, "--secret-file", credentialFile(t), "--timeout", "200ms")
	command.Stdin = strings.NewReader(`{"key":"a","value":"dummy-new"}`)
	out, err := command.CombinedOutput()
	if command.ProcessState.ExitCode() != 5 || bytes.Contains(out, []byte("dummy-new")) {
		t.Errorf("%v, output is %s", err, out)
	}
}

// TestHookBlockedAgent: the product is told that all went well, and whoever reads
// standard error that one agent gets nothing.
func TestHookBlockedAgent(t *testing.T) {
	url := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"status":"accepted","event_id":"e","secret":"a","version":1,"agents":[{"agent":"jobs","outcome":"blocked"}]}`)
	})
	command := exec.CommandContext(t.Context(), program(t), "hook", "json", "--seal=false", "--url", url, "--secret-file", credentialFile(t))
	command.Stdin = strings.NewReader(`{"key":"a","value":"dummy-new"}`)
	out, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "warning: agent jobs gets nothing of a until its key is mended") {
		t.Errorf("%v, output is %s", err, out)
	}
}

// newTerminal makes a pseudo-terminal.
func newTerminal(t *testing.T) (master, slave *os.File) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo-terminal is to be had: ", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	return master, slave
}

// serveHTTP serves a handler on a loopback address and returns a hook's URL.
func serveHTTP(t *testing.T, handler http.HandlerFunc) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	return "http://" + listener.Addr().String() + "/v1/hooks/test"
}

func credentialFile(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(credential+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
