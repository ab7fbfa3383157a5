//go:build unix

package sftp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

func target(d *Destination, dir string) delivertest.Target {
	return delivertest.Target{
		Destination: d,
		Read:        func(secret string) ([]byte, string, error) { return delivertest.ReadFolder(dir, secret) },
		Stray:       func() ([]string, error) { return delivertest.StrayFiles(dir) },
	}
}

// TestSSHD does the same with OpenSSH's server.
func TestConformance(t *testing.T) {
	server := newServer(t, goServer)
	delivertest.Run(t, func(t *testing.T) delivertest.Target {
		dir := filepath.Join(t.TempDir(), "made")
		return target(mustOpen(t, server.config(dir)), dir)
	})
}

func deliverTo(ctx context.Context, d *Destination, delivery outbox.Delivery) error {
	_, err := d.Deliver(ctx, delivery)
	return err
}

func mustDeliver(t *testing.T, d *Destination, delivery outbox.Delivery) {
	t.Helper()
	if err := deliverTo(t.Context(), d, delivery); err != nil {
		t.Fatal(err)
	}
}

func wantPair(t *testing.T, dir string, want outbox.Delivery) {
	t.Helper()
	envelope, statement, err := delivertest.ReadFolder(dir, want.Secret)
	if err != nil || !bytes.Equal(envelope, want.Envelope) || statement != want.Statement {
		t.Errorf("version %d is not there whole (error %v)", want.Version, err)
	}
}

func isFinal(err error) bool {
	_, final := errors.AsType[*deliver.FinalError](err)
	return final
}

func TestPermissions(t *testing.T) {
	for name, serve := range map[string]func(io.ReadWriteCloser) error{"library": goServer, "OpenSSH": nil} {
		t.Run(name, func(t *testing.T) {
			if serve == nil {
				serve = opensshServer(t)
			}
			dir := filepath.Join(t.TempDir(), "out")
			d := mustOpen(t, newServer(t, serve).config(dir, "mode: 0640", "dir_mode: 0750"))
			mustDeliver(t, d, delivertest.Set(t, "a/b", 1, 10))
			for name, want := range map[string]fs.FileMode{"": 0o750, "a": 0o750, "a/b.age": 0o640, "a/b.age.jws": 0o640} {
				if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
					t.Errorf("%q has mode %v (error %v), want %v", name, info.Mode().Perm(), err, want)
				}
			}
		})
	}
}

// What is in the way is named, not followed, not overwritten, and not retried.
func TestConflictsAreFinal(t *testing.T) {
	outside := t.TempDir()
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, []byte("kept"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(target string) func(string) error {
		return func(name string) error { return os.Symlink(target, name) }
	}
	folder := func(name string) error { return os.Mkdir(name, 0o700) }
	plain := func(name string) error { return os.WriteFile(name, nil, 0o600) }
	server := newServer(t, goServer)
	for _, test := range []struct {
		name, secret, at string
		put              func(string) error
		want             string
	}{
		{"folder for an envelope", "a", "a.age", folder, `"a.age" is a folder where a file should be`},
		{"file for a folder", "a/b", "a", plain, `"a" is a file where a folder should be`},
		{"link out for an envelope", "a", "a.age", link(victim), `"a.age" is a symbolic link where a file should be`},
		{"link out for a statement", "a", "a.age.jws", link(victim), `"a.age.jws" is a symbolic link where a file should be`},
		{"link out for a folder", "a/b", "a", link(outside), `"a" is a symbolic link where a folder should be`},
		{"link out for a folder further down", "a/b/c/d", "a/b", link(outside), `"a/b" is a symbolic link where a folder should be`},
		{"link inside for a folder", "a/b", "a", link("."), `"a" is a symbolic link where a folder should be`},
		{"name that leaves", "../victim", "x", plain, "begins or ends with a dot"},
		{"name from the root", "/etc/passwd", "x", plain, "empty segment"},
		{"name too long for a file", strings.Repeat("n", 250), "x", plain, "has 250 bytes; 247 are left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, test.at)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := test.put(filepath.Join(dir, test.at)); err != nil {
				t.Fatal(err)
			}
			delivery := delivertest.Set(t, "a", 1, 10)
			delivery.Secret = test.secret
			err := deliverTo(t.Context(), mustOpen(t, server.config(dir)), delivery)
			if !isFinal(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v (final %v), want a final one with %q", err, isFinal(err), test.want)
			}
			if got, err := os.ReadFile(victim); err != nil || string(got) != "kept" {
				t.Errorf("the file outside holds %q (error %v)", got, err)
			}
			if entries, err := os.ReadDir(outside); err != nil || len(entries) != 1 {
				t.Errorf("the folder outside holds %v (error %v)", entries, err)
			}
		})
	}
}

func TestMissingFolders(t *testing.T) {
	dir := t.TempDir()
	err := deliverTo(t.Context(), mustOpen(t, newServer(t, goServer).config(filepath.Join(dir, "not/there"))), delivertest.Set(t, "a", 1, 10))
	if isFinal(err) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want a retryable fs.ErrNotExist", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("made %v (error %v)", entries, err)
	}
}

// A server that can only rename in two steps could leave nothing in between.
func TestWithoutPosixRename(t *testing.T) {
	if err := sftp.SetSFTPExtensions("statvfs@openssh.com"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sftp.SetSFTPExtensions("hardlink@openssh.com", "posix-rename@openssh.com", "statvfs@openssh.com"); err != nil {
			t.Error(err)
		}
	}()
	dir := t.TempDir()
	err := deliverTo(t.Context(), mustOpen(t, newServer(t, goServer).config(dir)), delivertest.Set(t, "a", 1, 10))
	if !isFinal(err) || !strings.Contains(err.Error(), "does not offer posix-rename@openssh.com") {
		t.Errorf("error is %v", err)
	}
}

func TestWithoutSubsystem(t *testing.T) {
	err := deliverTo(t.Context(), mustOpen(t, newServer(t, nil).config(t.TempDir())), delivertest.Set(t, "a", 1, 10))
	if err == nil || isFinal(err) || !strings.Contains(err.Error(), "sftp subsystem") {
		t.Errorf("error is %v", err)
	}
}

// What lost connections left is removed once no writer can be at work on it.
func TestSweep(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-2 * time.Hour)
	for name, at := range map[string]time.Time{
		".sealrelay-OLD.tmp": old, ".sealrelay-NEW.tmp": time.Now(), ".hidden": old, "other.tmp": old,
	} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Chtimes(path, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	mustDeliver(t, mustOpen(t, newServer(t, goServer).config(dir)), delivertest.Set(t, "a", 1, 10))
	entries, err := os.ReadDir(dir)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if got := strings.Join(names, " "); err != nil || got != ".hidden .sealrelay-NEW.tmp a.age a.age.jws other.tmp" {
		t.Errorf("there are %s (error %v)", got, err)
	}
}

// Who may not give files away delivers nothing, and says so.
func TestOwner(t *testing.T) {
	dir := t.TempDir()
	d := mustOpen(t, newServer(t, goServer).config(dir, "owner: '12345:54321'"))
	delivery := delivertest.Set(t, "a/b", 1, 10)
	err := deliverTo(t.Context(), d, delivery)
	if os.Getuid() != 0 {
		if isFinal(err) || !errors.Is(err, errOwner) {
			t.Errorf("error is %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "a/b.age", "a/b.age.jws"} {
		if uid, gid := ownerOf(t, filepath.Join(dir, name)); uid != 12345 || gid != 54321 {
			t.Errorf("%s belongs to %d:%d", name, uid, gid)
		}
	}
}
