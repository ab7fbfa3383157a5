package keys

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	keyFolder   = "../../testdata/js7/keys"
	keyPassword = "jobscheduler"
)

func readKey(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(keyFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// keyFiles returns all key files by name.
func keyFiles(t testing.TB) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(keyFolder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		files[entry.Name()] = readKey(t, entry.Name())
	}
	if len(files) < 40 {
		t.Fatalf("only %d key files in %s", len(files), keyFolder)
	}
	return files
}

// openssl runs the tool with input and returns its standard output.
func openssl(t testing.TB, input []byte, arguments ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("openssl %s: %v: %s", strings.Join(arguments, " "), err, stderr.Bytes())
	}
	return out
}

// wantClass checks that err is of this class, and of no other.
func wantClass(t testing.TB, err, want error) {
	t.Helper()
	for _, class := range []error{ErrMalformed, ErrUnsupported, ErrPrivate, ErrPassword} {
		if is := errors.Is(err, class); is != errors.Is(want, class) {
			t.Errorf("error %v is %q: %v; want class %q", err, class, is, want)
		}
	}
}

// wantSilent checks that an error has nothing of the key file in it.
func wantSilent(t testing.TB, err error, data []byte) {
	t.Helper()
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) > 30 && !bytes.Contains(line, []byte("-----")) && strings.Contains(err.Error(), string(line[:16])) {
			t.Errorf("error has a part of the file: %v", err)
		}
	}
}
