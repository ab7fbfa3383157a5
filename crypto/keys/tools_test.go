package keys

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// tool runs a foreign program in a folder and returns its standard output. The
// test is skipped if the program is not installed.
func tool(t testing.TB, folder string, input []byte, name string, arguments ...string) []byte {
	t.Helper()
	out, stderr, err := tryTool(t, folder, input, name, arguments...)
	if err != nil {
		t.Fatalf("%s %s: %v: %s%s", name, strings.Join(arguments, " "), err, out, stderr)
	}
	return out
}

func tryTool(t testing.TB, folder string, input []byte, name string, arguments ...string) (out, stderr []byte, err error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	command := exec.CommandContext(t.Context(), path, arguments...)
	var errors bytes.Buffer
	command.Dir, command.Stdin, command.Stderr = folder, bytes.NewReader(input), &errors
	command.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	out, err = command.Output()
	return out, errors.Bytes(), err
}

// put writes a file into the folder and returns its path.
func put(t testing.TB, folder, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// get reads a file of the folder.
func get(t testing.TB, folder, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// gpg runs gpg with a home of its own, which is in the folder.
func gpg(t testing.TB, folder string, input []byte, arguments ...string) []byte {
	t.Helper()
	home := filepath.Join(folder, "home")
	if err := os.MkdirAll(home, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// The agent that gpg starts would go on without its folder.
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run()
	})
	return tool(t, folder, input, "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback"}, arguments...)...)
}

// opened reads the one private key of data and returns the ID of its public half.
func opened(t testing.TB, data []byte, options Options) string {
	t.Helper()
	privates, err := ParsePrivates(data, options)
	if err != nil {
		t.Fatal(err)
	}
	if len(privates) != 1 {
		t.Fatalf("read %d private keys, want 1", len(privates))
	}
	id, err := privateKeyID(privates[0])
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// onePublic reads the one public key of data.
func onePublic(t testing.TB, data []byte, options Options) *Public {
	t.Helper()
	publics, err := ParsePublics(data, options)
	if err != nil {
		t.Fatal(err)
	}
	if len(publics) != 1 {
		t.Fatalf("read %d public keys, want 1", len(publics))
	}
	return publics[0]
}
