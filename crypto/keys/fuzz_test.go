package keys

import (
	"bytes"
	"encoding/pem"
	"testing"
)

// seeds are the fixtures, but of those that are encrypted alone only one: a
// fuzzing engine has less patience than a file is allowed work.
func seeds(f *testing.F) map[string][]byte {
	f.Helper()
	found := map[string][]byte{}
	for name, want := range containers {
		if want.password != "" && want.keystore == "" && name != "p256.pbes2-aes-256-cbc.pem" {
			continue
		}
		found[name] = readFixture(f, name)
		if block, _ := pem.Decode(found[name]); block != nil {
			found[name+" DER"] = block.Bytes
		}
	}
	for name, key := range jwkKeys(f) {
		half, err := PublicOf(key)
		if err != nil {
			f.Fatal(err)
		}
		found[name+" JWK"], found[name+" public JWK"] = jwkOf(f, key), jwkOf(f, half)
	}
	found["bare"] = bytes.Join(bytes.Split(bytes.TrimSpace(readFixture(f, "p256.spki.pem")), []byte("\n"))[1:3], nil)
	found["plugin"] = []byte("AGE-PLUGIN-YUBIKEY-1QQPSYQYZQVZS7ZPS")
	if len(found) < 60 {
		f.Fatalf("the corpus has %d files only", len(found))
	}
	return found
}

// FuzzParsePublics: every file is refused, or has keys that can be named.
func FuzzParsePublics(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data, "")
		f.Add(data, "one")
	}
	f.Fuzz(func(t *testing.T, data []byte, alias string) {
		publics, err := ParsePublics(data, Options{Alias: alias})
		if (err == nil) != (len(publics) > 0) {
			t.Fatalf("%d keys, %v", len(publics), err)
		}
		for _, public := range publics {
			if public.ID() == "" || public.Kind() == "" {
				t.Fatalf("key %T has ID %q, kind %q", public.Key, public.ID(), public.Kind())
			}
			public.Issued()
			SSHFingerprint(public.Key)
		}
	})
}

// FuzzParsePrivates is the same for private keys.
func FuzzParsePrivates(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data, []byte(fixturePassword))
		f.Add(data, []byte(nil))
	}
	whole := maxFileRounds
	f.Cleanup(func() { maxFileRounds = whole })
	maxFileRounds = 200_000
	f.Fuzz(func(t *testing.T, data, password []byte) {
		before := bytes.Clone(data)
		privates, err := ParsePrivates(data, Options{Password: password})
		if (err == nil) != (len(privates) > 0) {
			t.Fatalf("%d keys, %v", len(privates), err)
		}
		if !bytes.Equal(data, before) {
			t.Fatal("the file was changed")
		}
		for _, private := range privates {
			if _, err := privateKeyID(private); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// FuzzInspect: whatever is read is described, and the same by either name.
func FuzzInspect(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Inspect(data, Options{})
		if (err == nil) != (len(entries) > 0) {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		publics, publicErr := ParsePublics(data, Options{})
		if err == nil && publicErr != nil {
			for _, entry := range entries {
				if !entry.Private {
					t.Fatalf("described as public, and refused: %v", publicErr)
				}
			}
		}
		if publicErr == nil && err == nil && len(publics) == 0 {
			t.Fatal("nothing")
		}
	})
}
