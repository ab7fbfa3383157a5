package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWithoutService: the build without the service does the local commands,
// and initialises nothing of the service on the way.
func TestWithoutService(t *testing.T) {
	program := filepath.Join(t.TempDir(), "sealrelay")
	if out, err := exec.Command("go", "build", "-tags", "noservice", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := func(args ...string) (stdout, stderr string, code int) {
		command := exec.CommandContext(t.Context(), program, args...)
		command.Stdin = strings.NewReader("value")
		command.Env = append(os.Environ(), "GODEBUG=inittrace=1")
		var out, errs bytes.Buffer
		command.Stdout, command.Stderr = &out, &errs
		err := command.Run()
		if command.ProcessState == nil {
			t.Fatal(err)
		}
		return out.String(), errs.String(), command.ProcessState.ExitCode()
	}
	const recipient = "age1mzm6p0quwc685avtn5fq7hkcflkavmu2e7xk5u56vn82rwarxarqanhmxq"
	sealed, trace, code := run("encrypt", "-a", "-r", recipient)
	if code != 0 || !strings.Contains(sealed, "BEGIN AGE ENCRYPTED FILE") {
		t.Fatalf("exit code %d, %q", code, sealed)
	}
	if !strings.Contains(trace, "init filippo.io/age ") {
		t.Fatal("the trace does not show what is initialised")
	}
	for _, heavy := range []string{"prometheus", "sqlite", "modernc.org", "labstack/echo", "Azure"} {
		if strings.Contains(trace, heavy) {
			t.Errorf("%s is initialised", heavy)
		}
	}
	if _, _, code := run("serve"); code != 2 {
		t.Errorf("serve exits with %d", code)
	}
	if _, stderr, code := run("encrypt", "--agent", "web"); code != 1 || !strings.Contains(stderr, "built without the service") {
		t.Errorf("encrypt --agent exits with %d", code)
	}
}
