package directory_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
)

func open(t *testing.T, dir string) *directory.Store {
	t.Helper()
	s, err := directory.New(directory.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Target {
		dir := filepath.Join(t.TempDir(), "store")
		s := open(t, dir)
		if outcome, err := s.Create(t.Context(), false); err != nil || outcome.Did != stores.DidCreate {
			t.Fatal(outcome, err)
		}
		return storetest.Target{Store: s, Alias: storetest.Aliases("", ".pem"), Public: true, Reopen: func() stores.Store { return open(t, dir) }}
	})
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	if _, err := s.Create(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run made it")
	}
	if _, err := s.Lookup(t.Context(), "a.pem"); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("in no folder: %v", err)
	}
	if _, err := s.Create(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), false); !errors.Is(err, stores.ErrExists) {
		t.Errorf("made again: %v", err)
	}
	if _, err := open(t, filepath.Join(dir, "no", "where")).Create(t.Context(), false); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("without a parent: %v", err)
	}
}

// TestUnreadable: what cannot be read is told, never left out, and is not replaced.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	pair := storetest.NewPair(t, "ec-p256", "web")
	for name, content := range map[string]string{
		"good.crt": string(pair.Certificates), "bad.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		"empty.cer": "", "huge.pem": strings.Repeat("x", 1<<20+1), "notes.txt": "x", ".hidden.pem": "x",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "folder.pem"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link.pem")); err != nil {
		t.Fatal(err)
	}
	got := storetest.All(t, s)
	for _, name := range []string{"bad.pem", "empty.cer", "huge.pem", "link.pem"} {
		if entry, ok := got[name]; !ok || !errors.Is(entry.Problem, stores.ErrUnreadable) {
			t.Errorf("%s is %+v", name, entry)
		}
	}
	if len(got) != 5 || got["good.crt"].Problem != nil || got["good.crt"].Private != stores.PrivateNone {
		t.Errorf("it has %+v", got)
	}
	addition := pair.Addition("bad.pem")
	addition.Overwrite = true
	if _, err := s.Add(t.Context(), addition); !errors.Is(err, stores.ErrUnreadable) {
		t.Errorf("over what cannot be read: %v", err)
	}
}

func TestRefused(t *testing.T) {
	s := open(t, t.TempDir())
	pair := storetest.NewPair(t, "ec-p256", "web")
	for _, alias := range []string{"../a.pem", "a/b.pem", "a.key", ".a.pem", "a"} {
		if _, err := s.Add(t.Context(), pair.Addition(alias)); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("%s: %v", alias, err)
		}
		if _, err := s.Remove(t.Context(), stores.Removal{Alias: alias}); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("removing %s: %v", alias, err)
		}
	}
	tagged, kept := pair.Addition("a.pem"), pair.Addition("a.pem")
	tagged.Tags, kept.NotExportable = map[string]string{"a": "b"}, true
	for _, addition := range []stores.Addition{tagged, kept} {
		if _, err := s.Add(t.Context(), addition); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("%+v: %v", addition.Tags, err)
		}
	}
	if _, err := directory.New(directory.Config{}); err == nil {
		t.Error("no folder is no error")
	}
}

// TestOpenSSL reads what was added, key and certificate.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	dir := t.TempDir()
	pair := storetest.NewPair(t, "rsa-2048", "web")
	if _, err := open(t, dir).Add(t.Context(), pair.Addition("web.pem")); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "web.pem")
	if out, err := exec.Command(openssl, "x509", "-in", file, "-noout", "-subject").CombinedOutput(); err != nil || !strings.Contains(string(out), "web") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := exec.Command(openssl, "pkey", "-in", file, "-noout", "-check").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}
