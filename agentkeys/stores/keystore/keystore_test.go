package keystore_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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
