package keystore_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/keystore"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func write(t *testing.T, dir, name string, data []byte) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func open(t *testing.T, config keystore.Config, format string) *keystore.Store {
	t.Helper()
	s, err := keystore.New(config, format)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPKCS12(t *testing.T) {
	dir, pair := t.TempDir(), storetest.NewPair(t, "ec-p384", "web")
	wanted, err := keys.ParsePublic(pair.Certificates)
	if err != nil {
		t.Fatal(err)
	}
	data, err := keys.SendPKCS12(pair.Private, pair.Certificates, "Web", []byte("open"))
	if err != nil {
		t.Fatal(err)
	}
	file := write(t, dir, "web.p12", data)
	config := keystore.Config{File: file, PasswordFile: write(t, dir, "password", []byte("open\r\n"))}
	got := storetest.All(t, open(t, config, keystore.PKCS12))
	if e := got["Web"]; len(got) != 1 || !stores.SameChain(e.Key, wanted) || e.Private != stores.PrivateExportable {
		t.Errorf("it has %+v", got)
	}
	if e, err := open(t, config, keystore.PKCS12).Lookup(t.Context(), "web"); err != nil || e.Alias != "Web" {
		t.Errorf("in lower case: %+v, %v", e, err)
	}
	if _, err := open(t, config, keystore.PKCS12).Lookup(t.Context(), "other"); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("another alias: %v", err)
	}
	for name, config := range map[string]keystore.Config{
		"wrong password":   {File: file, PasswordFile: write(t, dir, "wrong", []byte("shut"))},
		"no password":      {File: file},
		"no password file": {File: file, PasswordFile: filepath.Join(dir, "none")},
		"no keystore":      {File: filepath.Join(dir, "none"), PasswordFile: config.PasswordFile},
		"cut off":          {File: write(t, dir, "cut.p12", data[:len(data)-10]), PasswordFile: config.PasswordFile},
		"something else":   {File: write(t, dir, "web.pem", pair.Certificates), PasswordFile: config.PasswordFile},
	} {
		s := open(t, config, keystore.PKCS12)
		if _, err := s.Lookup(t.Context(), "Web"); !errors.Is(err, stores.ErrUnreadable) || errors.Is(err, stores.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
		for _, err := range s.Inventory(t.Context()) {
			if !errors.Is(err, stores.ErrUnreadable) {
				t.Errorf("%s: the inventory says %v", name, err)
			}
		}
	}
	if _, err := open(t, config, keystore.JKS).Lookup(t.Context(), "Web"); !errors.Is(err, stores.ErrUnreadable) {
		t.Errorf("as JKS: %v", err)
	}
	if _, err := keystore.New(keystore.Config{}, keystore.JKS); err == nil {
		t.Error("no file is no error")
	}
}

// TestKeytool reads what Java's tool makes, several entries of it.
func TestKeytool(t *testing.T) {
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("there is no keytool")
	}
	for format, kind := range map[string]string{keystore.JKS: "JKS", keystore.PKCS12: "PKCS12"} {
		dir := t.TempDir()
		file := filepath.Join(dir, "store")
		for _, alias := range []string{"one", "two"} {
			out, err := exec.Command(keytool, "-genkeypair", "-alias", alias, "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN="+alias,
				"-keystore", file, "-storetype", kind, "-storepass", "changeit", "-keypass", "changeit").CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
		out, err := exec.Command(keytool, "-exportcert", "-rfc", "-alias", "two", "-keystore", file, "-storepass", "changeit", "-file", filepath.Join(dir, "two.crt")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		out, err = exec.Command(keytool, "-importcert", "-noprompt", "-alias", "trusted", "-keystore", file, "-storepass", "changeit", "-file", filepath.Join(dir, "two.crt")).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		got := storetest.All(t, open(t, keystore.Config{File: file, PasswordFile: write(t, dir, "password", []byte("changeit"))}, format))
		for alias, private := range map[string]stores.Private{"one": stores.PrivateExportable, "two": stores.PrivateExportable, "trusted": stores.PrivateNone} {
			if e, ok := got[alias]; !ok || e.Private != private || e.Key.Certificate == nil {
				t.Errorf("%s: %s is %+v", kind, alias, e)
			}
		}
	}
}

// TestConformance runs the suite on keystores that are made here.
func TestConformance(t *testing.T) {
	for _, format := range []string{keystore.JKS, keystore.PKCS12} {
		t.Run(format, func(t *testing.T) {
			if testing.Short() && format == keystore.PKCS12 {
				t.Skip("each change takes a second: the password's derivation is slow by design")
			}
			storetest.Run(t, func(t *testing.T) storetest.Target {
				dir := t.TempDir()
				config := keystore.Config{File: filepath.Join(dir, "store"), PasswordFile: write(t, dir, "password", []byte("changeit"))}
				s := open(t, config, format)
				if outcome, err := s.Create(t.Context(), true); err != nil || outcome.Did != stores.DidCreate {
					t.Fatal(outcome, err)
				}
				if outcome, err := s.Create(t.Context(), false); err != nil || outcome.Did != stores.DidCreate {
					t.Fatal(outcome, err)
				}
				if _, err := s.Create(t.Context(), false); !errors.Is(err, stores.ErrExists) {
					t.Errorf("made again: %v", err)
				}
				return storetest.Target{
					Store: s, Alias: storetest.Aliases("", ""), Public: true, Bare: true, Slow: format == keystore.PKCS12,
					Reopen: func() stores.Store { return open(t, config, format) },
				}
			})
		})
	}
}

// TestChangedForOthers: what keytool made is changed here, and keytool and openssl read all
// of it: the entries that were not touched, and the new ones.
func TestChangedForOthers(t *testing.T) {
	keytool, err := exec.LookPath("keytool")
	if err != nil {
		t.Skip("there is no keytool")
	}
	run := func(program string, arguments ...string) string {
		t.Helper()
		out, err := exec.Command(program, arguments...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v: %s", program, arguments, err, out)
		}
		return string(out)
	}
	for format, kind := range map[string]string{keystore.JKS: "JKS", keystore.PKCS12: "PKCS12"} {
		dir := t.TempDir()
		file := filepath.Join(dir, "store")
		for _, alias := range []string{"one", "two"} {
			run(keytool, "-genkeypair", "-alias", alias, "-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN="+alias,
				"-keystore", file, "-storetype", kind, "-storepass", "changeit", "-keypass", "changeit")
		}
		s := open(t, keystore.Config{File: file, PasswordFile: write(t, dir, "password", []byte("changeit\n"))}, format)
		added, trusted := storetest.NewPair(t, "rsa-2048", "three").Addition("three"), storetest.NewPair(t, "ec-p256", "authority").Addition("authority")
		trusted.Private = nil
		for _, addition := range []stores.Addition{added, trusted} {
			if _, err := s.Add(t.Context(), addition); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Remove(t.Context(), stores.Removal{Alias: "TWO"}); err != nil {
			t.Fatal(err)
		}
		listed := run(keytool, "-list", "-keystore", file, "-storetype", kind, "-storepass", "changeit")
		for text, want := range map[string]bool{"one,": true, "two,": false, "three,": true, "authority,": true, "trustedCertEntry": true, "3 entries": true} {
			if strings.Contains(listed, text) != want {
				t.Errorf("%s: that it has %q is not %v:\n%s", kind, text, want, listed)
			}
		}
		// The keys open: a request is signed by each.
		for _, alias := range []string{"one", "three"} {
			run(keytool, "-certreq", "-alias", alias, "-keystore", file, "-storetype", kind, "-storepass", "changeit", "-keypass", "changeit")
		}
		if chain := run(keytool, "-list", "-v", "-alias", "three", "-keystore", file, "-storetype", kind, "-storepass", "changeit"); !strings.Contains(chain, "chain length: 2") {
			t.Errorf("%s: three is\n%s", kind, chain)
		}
		openssl, err := exec.LookPath("openssl")
		if format != keystore.PKCS12 || err != nil {
			continue
		}
		out := run(openssl, "pkcs12", "-in", file, "-passin", "pass:changeit", "-nodes")
		if strings.Count(out, "BEGIN PRIVATE KEY") != 2 || strings.Count(out, "BEGIN CERTIFICATE") != 4 {
			t.Errorf("openssl sees\n%s", out)
		}
	}
}

// TestChangeRefused: what cannot be read, or written whole, is not replaced.
func TestChangeRefused(t *testing.T) {
	dir, pair := t.TempDir(), storetest.NewPair(t, "ec-p256", "web")
	password := write(t, dir, "password", []byte("changeit"))
	damaged := write(t, dir, "damaged", []byte("not a keystore"))
	addition := pair.Addition("web")
	addition.Overwrite = true
	for name, test := range map[string]struct {
		config keystore.Config
		class  error
	}{
		"damaged":     {keystore.Config{File: damaged, PasswordFile: password}, stores.ErrUnreadable},
		"not there":   {keystore.Config{File: filepath.Join(dir, "none"), PasswordFile: password}, stores.ErrUnreadable},
		"no folder":   {keystore.Config{File: filepath.Join(dir, "no", "where"), PasswordFile: password}, stores.ErrUnreadable},
		"no password": {keystore.Config{File: damaged}, stores.ErrUnreadable},
	} {
		if _, err := open(t, test.config, keystore.PKCS12).Add(t.Context(), addition); !errors.Is(err, test.class) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if data, err := os.ReadFile(damaged); err != nil || string(data) != "not a keystore" {
		t.Errorf("it has now %q, %v", data, err)
	}
	if _, err := open(t, keystore.Config{File: filepath.Join(dir, "new")}, keystore.JKS).Create(t.Context(), false); !errors.Is(err, stores.ErrInvalid) {
		t.Errorf("made without a password: %v", err)
	}
	s := open(t, keystore.Config{File: filepath.Join(dir, "new"), PasswordFile: password}, keystore.JKS)
	if _, err := s.Create(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*stores.Addition){
		func(a *stores.Addition) { a.Alias = "ä" }, func(a *stores.Addition) { a.Tags = map[string]string{"a": "b"} }, func(a *stores.Addition) { a.NotExportable = true },
	} {
		changed := pair.Addition("web")
		change(&changed)
		if _, err := s.Add(t.Context(), changed); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("%+v: %v", changed.Alias, err)
		}
	}
}
