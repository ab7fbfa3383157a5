//go:build unix

package bench_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// build builds a program as a release is: without cgo.
func build(b *testing.B, folder string, flags ...string) string {
	program := filepath.Join(b.TempDir(), "program")
	command := exec.Command("go", append(append([]string{"build", "-ldflags=-s -w", "-o", program}, flags...), folder)...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

func keygen(b *testing.B, program, kind, file string, more ...string) (public string) {
	out, err := exec.Command(program, append([]string{"keys", "generate", kind, "--out", file}, more...)...).Output()
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// serve starts the program with the demo's configuration, changed for load,
// and returns the folder, the process and its addresses.
func serve(b *testing.B, program string) (folder string, process *os.Process, ready addresses) {
	folder = filepath.Join(b.TempDir(), "kept")
	if out, err := exec.Command(program, "demo", "--keep", folder).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	name := filepath.Join(folder, "sealrelay.yaml")
	configuration, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	for _, change := range [][2]string{
		{"listen: 127.0.0.1:8443", "listen: 127.0.0.1:0"},
		{"issuer:", "admin: {listen: \"127.0.0.1:0\"}\nissuer:"},
		{"    adapter:", "    rate_per_second: 1000000\n    rate_burst: 1000000\n    adapter:"},
	} {
		if !bytes.Contains(configuration, []byte(change[0])) {
			b.Fatalf("the demo's configuration lacks %q", change[0])
		}
		configuration = bytes.Replace(configuration, []byte(change[0]), []byte(change[1]), 1)
	}
	if err := os.WriteFile(name, configuration, 0o600); err != nil {
		b.Fatal(err)
	}
	command := exec.Command(program, "serve", "--config", name)
	stderr, err := command.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			b.Error(err)
		}
	})
	return folder, command.Process, waitReady(b, stderr)
}

// patience bounds the wait for a service to be ready or to have delivered.
const patience = 10 * time.Minute
