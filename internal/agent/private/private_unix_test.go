//go:build unix

package private_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sealrelay/sealrelay/internal/agent/private"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file, folder := filepath.Join(dir, "file"), filepath.Join(dir, "folder")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []fs.FileMode{0o600, 0o400, 0o700, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o666} {
		for path, check := range map[string]func(string) error{file: private.CheckFile, folder: private.CheckDir} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
			if err := check(path); (err == nil) != (mode&0o077 == 0) {
				t.Errorf("%s with mode %o: %v", path, mode, err)
			}
		}
	}
	if private.CheckFile(folder) == nil || private.CheckDir(file) == nil || private.CheckFile(filepath.Join(dir, "none")) == nil {
		t.Error("something else passes")
	}
}

// TestCheckCredentials: systemd's access control list looks like a group that may
// read.
func TestCheckCredentials(t *testing.T) {
	dir := t.TempDir()
	below, beside := filepath.Join(dir, "below"), dir+"-beside"
	for _, path := range []string{below, beside} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o440); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = os.Remove(beside) })
	if private.CheckFile(below) == nil {
		t.Error("a group may read a key")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if err := private.CheckFile(below); err != nil {
		t.Error(err)
	}
	if private.CheckFile(beside) == nil || private.CheckFile(dir+"/../"+filepath.Base(beside)) == nil {
		t.Error("a group may read a key that is no credential")
	}
	if err := os.Chmod(below, 0o444); err != nil {
		t.Fatal(err)
	}
	if private.CheckFile(below) == nil {
		t.Error("everybody may read a credential")
	}
}
