package formats_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sealrelay/sealrelay/crypto/formats"
)

// The exit codes of the program, which docs/cli.md has.
const (
	exitOK        = 0
	exitNotOpened = 3
)

// TestVectorsCommand opens a sample of every class with the built program, whose
// exit code tells whether it opened, and which leaves a file only if it did.
func TestVectorsCommand(t *testing.T) {
	program := buildProgram(t)
	for _, format := range formats.Names() {
		for _, v := range sample(t, format) {
			t.Run(v.ID, func(t *testing.T) {
				t.Parallel()
				decryptCommand(t, program, v)
				if v.Legacy && v.Class == "good" {
					refused := v
					refused.Class = "forbidden"
					decryptCommand(t, program, refused, "--no-legacy")
				}
				if format == "age" {
					decryptCommand(t, program, v, "--stream")
				}
			})
		}
	}
}

// sample is the first and the last case of each class.
func sample(t *testing.T, format string) []vector {
	t.Helper()
	byClass := map[string][]vector{}
	for _, v := range readVectors(t, format) {
		if v.Header == "" {
			byClass[v.Class] = append(byClass[v.Class], v)
		}
	}
	var chosen []vector
	for class := range classes {
		cases := byClass[class]
		if len(cases) == 0 {
			t.Fatalf("%s has no case of class %s", format, class)
		}
		chosen = append(chosen, cases[0])
		if len(cases) > 1 {
			chosen = append(chosen, cases[len(cases)-1])
		}
	}
	return chosen
}

func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sealrelay.exe") // A name that every system runs.
	build := exec.Command("go", "build", "-o", program, "github.com/sealrelay/sealrelay/cmd/sealrelay")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func decryptCommand(t *testing.T, program string, v vector, options ...string) {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "envelope"), filepath.Join(dir, "plaintext")
	if err := os.WriteFile(in, v.bytes(t), 0o600); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(vectorFolder, filepath.FromSlash(v.Identity))
	var printed, complaint bytes.Buffer
	cmd := exec.Command(program, append([]string{"decrypt", "-i", key, "--infile", in, "--outfile", out}, options...)...)
	cmd.Stdout, cmd.Stderr = &printed, &complaint
	if err := cmd.Run(); err != nil {
		if _, exited := errors.AsType[*exec.ExitError](err); !exited {
			t.Fatal(err)
		}
	}
	if printed.Len() > 0 {
		t.Errorf("%v: printed %q", options, &printed)
	}
	plaintext, err := os.ReadFile(out)
	if v.Class != "good" {
		if code := cmd.ProcessState.ExitCode(); code != exitNotOpened || complaint.Len() == 0 {
			t.Errorf("%v: exit code %d, want %d; said %q", options, code, exitNotOpened, &complaint)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: an output file of %d bytes is left, %v", options, len(plaintext), err)
		}
		return
	}
	if code := cmd.ProcessState.ExitCode(); code != exitOK || err != nil {
		t.Fatalf("%v: exit code %d, %v; said %q", options, code, err, &complaint)
	}
	if sum := sha256.Sum256(plaintext); hex.EncodeToString(sum[:]) != v.PlaintextSHA256 {
		t.Errorf("%v: wrote another plaintext, of %d bytes", options, len(plaintext))
	}
}
