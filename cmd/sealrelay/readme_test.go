package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadme runs the commands of the README's paths, in their order, in one
// shell, as a reader does.
func TestReadme(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("the README's commands are for a POSIX shell, and there is no bash")
	}
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("the README's commands use openssl, and there is none")
	}
	for _, port := range []string{"8443", "9443", "8480", "8490"} {
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Skipf("the README's commands use port %s, and it is taken: %v", port, err)
		}
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
	}
	shell := exec.Command(bash, "-euo", "pipefail", "-c", "trap 'kill $(jobs -p); wait' EXIT\n"+readmeCommands(t))
	shell.Dir = t.TempDir()
	shell.Env = append(os.Environ(), "PATH="+programDir(t)+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"accepted: version 3 of prod/db/orders", "my database password", "is good: 1 sources, 1 agents", "accepted: version 1 of prod/mail/smtp"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the output lacks %q:\n%s", want, out)
		}
	}
}

// readmeCommands are the shell blocks between the first path and the reference.
func readmeCommands(t *testing.T) string {
	data, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, paths, _ := strings.Cut(string(data), "\n## Five minutes: a password manager's hook\n")
	paths, _, _ = strings.Cut(paths, "\n## Reference\n")
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(paths, -1) {
		commands = append(commands, block[1])
	}
	if len(commands) < 6 {
		t.Fatalf("found %d blocks of commands in the README, expected at least 6", len(commands))
	}
	return strings.Join(commands, "\n")
}

// programDir is a folder with the program.
func programDir(t *testing.T) string {
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "sealrelay"), ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}
