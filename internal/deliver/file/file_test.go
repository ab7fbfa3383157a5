package file_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// open makes a destination of its configuration; relative paths start at dir.
func open(dir, config string) (deliver.Destination, error) {
	return file.New(deliver.Settings{
		Decode: func(into any) error { return yaml.Load([]byte(config), into, yaml.WithKnownFields()) },
		Path: func(name string) string {
			if filepath.IsAbs(name) {
				return name
			}
			return filepath.Join(dir, name)
		},
	})
}

func mustOpen(t testing.TB, dir, config string) deliver.Destination {
	t.Helper()
	destination, err := open(dir, config)
	if err != nil {
		t.Fatal(err)
	}
	return destination
}

func TestConformance(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Target {
		dir := filepath.Join(t.TempDir(), "made")
		return delivertest.Target{
			Destination: mustOpen(t, filepath.Dir(dir), "dir: made"),
			Read:        func(secret string) ([]byte, string, error) { return delivertest.ReadFolder(dir, secret) },
			Stray:       func() ([]string, error) { return delivertest.StrayFiles(dir) },
		}
	})
}

func TestConfig(t *testing.T) {
	for _, test := range []struct{ name, config, err string }{
		{"smallest", "dir: out", ""},
		{"all", "{dir: out, mode: 0640, dir_mode: '0o750', owner: '0:0'}", ""},
		{"no folder", "{}", "dir is missing"},
		{"unknown key", "{dir: out, modee: 0600}", "modee"},
		{"mode in words", "{dir: out, mode: private}", `mode "private" is not permission bits`},
		{"mode with a digit that is not octal", "{dir: out, mode: 0680}", `mode "0680" is not permission bits`},
		{"mode with more than permissions", "{dir: out, mode: 4755}", `mode "4755" is not permission bits`},
		{"folder mode", "{dir: out, dir_mode: -1}", `dir_mode "-1" is not permission bits`},
		{"unknown user", "{dir: out, owner: nobody-of-that-name}", "owner: user: unknown user"},
		{"unknown group", "{dir: out, owner: '0:nobody-of-that-name'}", "owner: group: unknown group"},
		{"no group", "{dir: out, owner: '0:'}", "owner: group: unknown group"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if strings.Contains(test.config, "owner") && runtime.GOOS == "windows" {
				t.Skip("Windows has no numeric owners")
			}
			_, err := open(t.TempDir(), test.config)
			if test.err == "" && err != nil || test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)) {
				t.Errorf("error is %v, want %q", err, test.err)
			}
		})
	}
}

func TestPermissions(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	for _, test := range []struct {
		config    string
		file, dir fs.FileMode
	}{
		{"dir: out", 0o600, 0o700},
		{"{dir: out, mode: 0644, dir_mode: 0755}", 0o644, 0o755},
	} {
		dir := t.TempDir()
		destination := mustOpen(t, dir, test.config)
		if _, err := destination.Deliver(t.Context(), delivertest.Set(t, "a/b", 1, 10)); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]fs.FileMode{
			"out": test.dir, "out/a": test.dir, "out/a/b.age": test.file, "out/a/b.age.jws": test.file,
		} {
			if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != want {
				t.Errorf("%s: %s has mode %v (error %v), want %v", test.config, name, info.Mode().Perm(), err, want)
			}
		}
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
	for _, test := range []struct {
		name, secret, at string
		put              func(string) error
		want             string
	}{
		{"folder for an envelope", "a", "a.age", folder, `"a.age" is a folder where a file should be`},
		{"folder for a statement", "a", "a.age.jws", folder, `"a.age.jws" is a folder where a file should be`},
		{"file for a folder", "a/b", "a", plain, `"a" is a file where a folder should be`},
		{"link out for an envelope", "a", "a.age", link(victim), `"a.age" is a symbolic link where a file should be`},
		{"link out for a statement", "a", "a.age.jws", link(victim), `"a.age.jws" is a symbolic link where a file should be`},
		{"link out for a folder", "a/b", "a", link(outside), `"a" is a symbolic link where a folder should be`},
		{"link inside for a folder", "a/b", "a", link("."), `"a" is a symbolic link where a folder should be`},
		{"name that leaves", "../victim", "x", plain, "begins or ends with a dot"},
		{"name from the root", "/etc/passwd", "x", plain, "empty segment"},
		{"name with a backslash", `..\victim`, "x", plain, "not allowed"},
		{"name too long for a file", strings.Repeat("n", 250), "x", plain, "has 250 bytes; 247 are left"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := test.put(filepath.Join(dir, test.at)); err != nil {
				if strings.HasPrefix(test.name, "link") {
					t.Skip("this system makes no symbolic links:", err)
				}
				t.Fatal(err)
			}
			d := delivertest.Set(t, "a", 1, 10)
			d.Secret = test.secret
			_, err := mustOpen(t, dir, "dir: .").Deliver(t.Context(), d)
			if _, final := errors.AsType[*deliver.FinalError](err); !final || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v (final %v), want a final one with %q", err, final, test.want)
			}
			if got, err := os.ReadFile(victim); err != nil || string(got) != "kept" {
				t.Errorf("the file outside holds %q (error %v)", got, err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
				t.Errorf("the folder holds %v (error %v), want only what was in the way", entries, err)
			}
		})
	}
}

func TestUnknownFormatIsFinal(t *testing.T) {
	d := delivertest.Set(t, "a", 1, 10)
	d.Format = "rot13"
	_, err := mustOpen(t, t.TempDir(), "dir: .").Deliver(t.Context(), d)
	if _, final := errors.AsType[*deliver.FinalError](err); !final {
		t.Errorf("error is %v, want a final one", err)
	}
}

func TestMissingFolders(t *testing.T) {
	dir := t.TempDir()
	_, err := mustOpen(t, dir, "dir: not/there").Deliver(t.Context(), delivertest.Set(t, "a", 1, 10))
	if _, final := errors.AsType[*deliver.FinalError](err); final || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v, want a retryable fs.ErrNotExist", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("made %v (error %v)", entries, err)
	}
}

// The relay seals for an agent whose key is gone only to delete.
func TestDeleteWithoutFormat(t *testing.T) {
	dir := t.TempDir()
	destination := mustOpen(t, dir, "dir: .")
	set := delivertest.InFormat(t, delivertest.Set(t, "a", 1, 10), "js7")
	gone := delivertest.Delete(t, "a", 2)
	gone.Format = ""
	for _, d := range []outbox.Delivery{set, gone, set} {
		if _, err := destination.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	if envelope, statement, err := delivertest.ReadFolder(dir, "a"); err != nil || envelope != nil || statement != gone.Statement {
		t.Errorf("an agent finds %q and the statement %q (error %v)", envelope, statement, err)
	}
}

// A statement that cannot be read does not keep its secret from being mended.
func TestDamagedStatementCountsAsNone(t *testing.T) {
	claims := func(json string) string { return "e30." + base64.RawURLEncoding.EncodeToString([]byte(json)) + ".c2ln" }
	for name, damaged := range map[string]string{
		"empty":            "",
		"no JWS":           "hello",
		"not base64":       "e30.!!.c2ln",
		"not JSON":         claims("["),
		"negative version": claims(`{"secret":"a","ver":-5,"iat":1}`),
		"too large":        claims(`{"secret":"a","ver":9,"pad":"` + strings.Repeat("x", 70<<10) + `"}`),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "a.age.jws"), []byte(damaged), 0o600); err != nil {
				t.Fatal(err)
			}
			d := delivertest.Set(t, "a", 1, 10)
			if _, err := mustOpen(t, dir, "dir: .").Deliver(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			if envelope, statement, err := delivertest.ReadFolder(dir, "a"); err != nil || !bytes.Equal(envelope, d.Envelope) || statement != d.Statement {
				t.Errorf("an agent finds %q and the statement %q (error %v)", envelope, statement, err)
			}
		})
	}
}

// Versions that begin again, as behind an outbox that was lost, are not taken
// for old ones that may be dropped in silence.
func TestRestartedVersionsAreRefused(t *testing.T) {
	dir := t.TempDir()
	destination := mustOpen(t, dir, "dir: .")
	before, after := delivertest.Set(t, "a", 9, 10), delivertest.Set(t, "a", 1, 10)
	after.Statement = strings.Split(after.Statement, ".")[0] + "." +
		base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, `{"secret":"a","ver":1,"iat":%d}`, delivertest.Epoch.Unix()+1000)) + ".c2ln"
	if _, err := destination.Deliver(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	_, err := destination.Deliver(t.Context(), after)
	if _, final := errors.AsType[*deliver.FinalError](err); !final || !strings.Contains(err.Error(), "outbox was restored or replaced") {
		t.Errorf("error is %v, want a final one", err)
	}
	if envelope, _, err := delivertest.ReadFolder(dir, "a"); err != nil || !bytes.Equal(envelope, before.Envelope) {
		t.Errorf("an agent finds %q (error %v)", envelope, err)
	}
}

// On a file system that folds case two secrets can mean one file.
func TestStatementOfAnotherSecret(t *testing.T) {
	dir := t.TempDir()
	other := delivertest.Set(t, "A", 1, 10)
	if err := os.WriteFile(filepath.Join(dir, "a.age.jws"), []byte(other.Statement), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := mustOpen(t, dir, "dir: .").Deliver(t.Context(), delivertest.Set(t, "a", 2, 10))
	if _, final := errors.AsType[*deliver.FinalError](err); !final || !strings.Contains(err.Error(), "another secret") {
		t.Errorf("error is %v, want a final one", err)
	}
}

// Two destinations of one folder, as a reload leaves them for a while.
func TestTwoDestinationsOfOneFolder(t *testing.T) {
	dir := t.TempDir()
	first, second := mustOpen(t, dir, "dir: ."), mustOpen(t, dir, "dir: "+dir)
	done := make(chan error)
	const versions = 40
	for i, destination := range []deliver.Destination{first, second} {
		go func() {
			var failed []error
			for version := 1 + i; version <= versions; version += 2 {
				failed = append(failed, result(destination.Deliver(context.Background(), delivertest.Set(t, "a", int64(version), 5000))))
			}
			done <- errors.Join(failed...)
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	newest := delivertest.Set(t, "a", versions, 5000)
	if envelope, statement, err := delivertest.ReadFolder(dir, "a"); err != nil || !bytes.Equal(envelope, newest.Envelope) || statement != newest.Statement {
		t.Errorf("the newest version is not there whole (error %v)", err)
	}
}

// result is how a delivery to a folder ended, which gives no receipt.
func result(_ string, err error) error { return err }
