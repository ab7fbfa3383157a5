package keys

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// FuzzChangeJKS: a keystore that can be changed has all of its other entries afterwards,
// as they were.
func FuzzChangeJKS(f *testing.F) {
	password := []byte("changeit")
	empty, err := NewKeystore(jksName, password)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(empty, "a")
	files, err := filepath.Glob(filepath.Join("testdata", "*.jks"))
	if err != nil || len(files) == 0 {
		f.Fatal("there is no JKS keystore to start from: ", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, "agent")
	}
	f.Fuzz(func(t *testing.T, data []byte, alias string) {
		if !isJKS(data) || len(data) < jksSHA1 {
			return
		}
		// The digest is put right, so that what is behind it is reached.
		body := data[:len(data)-jksSHA1]
		data = append(bytes.Clone(body), jksDigest(password, []byte("Mighty Aphrodite"), body)...)
		changed, err := ChangeKeystore(bytes.Clone(data), password, KeystoreChange{Alias: alias})
		if err != nil {
			return
		}
		before, after := aliasesOf(t, data, password), aliasesOf(t, changed, password)
		kept := slices.DeleteFunc(before, func(have string) bool { return bytes.EqualFold([]byte(have), []byte(alias)) })
		if !slices.Equal(kept, after) {
			t.Errorf("without %q there are %q, want %q", alias, after, kept)
		}
	})
}

func aliasesOf(t *testing.T, data, password []byte) []string {
	t.Helper()
	items, err := readJKS(data, &unlocker{password: password})
	if err != nil {
		t.Fatal(err)
	}
	var aliases []string
	for _, item := range items {
		aliases = append(aliases, item.alias)
	}
	return aliases
}

// TestNewKeystoreRefused: no keystore without a password, or of another format.
func TestNewKeystoreRefused(t *testing.T) {
	for _, format := range []string{jksName, pkcs12Name, "BKS"} {
		password := []byte("changeit")
		if format != "BKS" {
			password = nil
		}
		if _, err := NewKeystore(format, password); err == nil {
			t.Errorf("%s with password %q was made", format, password)
		}
	}
	if _, err := ChangeKeystore([]byte("x"), []byte("changeit"), KeystoreChange{Alias: "a"}); err == nil {
		t.Error("what is no keystore was changed")
	}
}
