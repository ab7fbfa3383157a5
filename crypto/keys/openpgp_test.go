package keys

import (
	"bytes"
	"strings"
	"testing"
	"time"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// TestGPGKeys reads what gpg exports of keys of several kinds and states.
func TestGPGKeys(t *testing.T) {
	folder := t.TempDir()
	run := func(arguments ...string) []byte {
		return gpg(t, folder, nil, append([]string{"--passphrase", fixturePassword}, arguments...)...)
	}
	run("--quick-generate-key", "rsa <rsa@example.org>", "rsa2048", "default", "10d")
	run("--quick-generate-key", "nist <nist@example.org>", "nistp256", "default", "never")
	run("--quick-add-key", primaryFingerprint(t, string(run("--with-colons", "--list-keys", "rsa@example.org"))), "rsa2048", "encr", "never")
	fingerprint := primaryFingerprint(t, string(run("--with-colons", "--list-keys", "nist@example.org")))
	run("--quick-add-key", fingerprint, "nistp256", "encr", "20d")

	expiring := onePublic(t, run("--export", "rsa@example.org"), Options{})
	if left := time.Until(expiring.NotAfter); left < 9*24*time.Hour || left > 10*24*time.Hour {
		t.Errorf("valid until %s", expiring.NotAfter)
	}
	if Bits(expiring.Key) != 2048 {
		t.Errorf("%d bits", Bits(expiring.Key))
	}
	subkey := onePublic(t, run("--armor", "--export", "nist@example.org"), Options{})
	if left := time.Until(subkey.NotAfter); left < 19*24*time.Hour || left > 20*24*time.Hour {
		t.Errorf("its subkey is valid until %s", subkey.NotAfter)
	}
	both := run("--export-secret-keys")
	privates, err := ParsePrivates(both, Options{Password: []byte(fixturePassword)})
	if err != nil || len(privates) != 2 {
		t.Errorf("%d secret keys, %v", len(privates), err)
	}
	_, err = ParsePrivates(both, Options{Password: []byte("wrong")})
	wantClass(t, err, ErrPassword)
	_, err = ParsePublics(both, Options{})
	wantClass(t, err, ErrPrivate)
	_, err = ParsePublic(run("--export"))
	wantClass(t, err, ErrMalformed)
	wantSays(t, err, "several public keys")

	revoke := get(t, folder, "home/openpgp-revocs.d/"+fingerprint+".rev")
	put(t, folder, "revoke", bytes.Replace(revoke, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1))
	run("--import", "revoke")
	revoked := onePublic(t, run("--export", "nist@example.org"), Options{})
	if revoked.NotAfter.IsZero() || revoked.NotAfter.After(time.Now()) {
		t.Errorf("revoked, and valid until %s", revoked.NotAfter)
	}
}

func primaryFingerprint(t *testing.T, listed string) string {
	t.Helper()
	for line := range strings.Lines(listed) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return fields[9]
		}
	}
	t.Fatalf("no fingerprint in\n%s", listed)
	return ""
}

// TestSubkeysOnly: an export of the subkeys alone, without the primary key, opens.
func TestSubkeysOnly(t *testing.T) {
	privates, err := ParsePrivates(readFixture(t, "gpg-subkeys.bin"), Options{Password: []byte(fixturePassword)})
	if err != nil {
		t.Fatal(err)
	}
	entity := privates[0].(*openpgp.Entity)
	if entity.PrivateKey != nil && !entity.PrivateKey.Dummy() || entity.Subkeys[0].PrivateKey == nil || entity.Subkeys[0].PrivateKey.Encrypted {
		t.Error("the subkey is not there, or the primary key is")
	}
}

func TestOpenPGPRefused(t *testing.T) {
	public, private := readFixture(t, "gpg.pub.asc"), readFixture(t, "gpg.asc")
	for name, c := range map[string]struct {
		data  []byte
		class error
	}{
		"two armors":      {append(bytes.Clone(public), public...), ErrMalformed},
		"armor and PEM":   {append(bytes.Clone(public), readFixture(t, "p256.spki.pem")...), ErrMalformed},
		"packet behind":   {append(readFixture(t, "gpg.pub.bin"), 0xcb, 0x01, 0x00), ErrMalformed},
		"secret key":      {private, ErrPrivate},
		"wrong checksum":  {bytes.Replace(public, []byte("\n="), []byte("\n=A"), 1), ErrMalformed},
		"unknown version": {[]byte{0xc6, 0x06, 2, 0, 0, 0, 0, 99}, ErrMalformed},
	} {
		publics, err := ParsePublics(c.data, Options{})
		if publics != nil {
			t.Errorf("%s: read", name)
		}
		wantClass(t, err, c.class)
	}
	_, err := ParsePrivates(public, Options{})
	wantClass(t, err, ErrMalformed)
	wantSays(t, err, "--export-secret-keys")
}

// TestArgon2Work changes how much memory and how many passes unlocking asks for.
func TestArgon2Work(t *testing.T) {
	pair, err := New("openpgp-v6", NewOptions{Password: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := dearmor(pair.Private)
	if err != nil {
		t.Fatal(err)
	}
	// Three passes, four lanes, 64 MiB: what is behind the salt.
	at := bytes.Index(raw, []byte{3, 4, 16})
	if at < 0 {
		t.Fatal("the key is protected otherwise")
	}
	for name, c := range map[string]struct {
		offset int
		value  byte
		class  error
	}{
		"2 TiB":      {2, 31, ErrUnsupported},
		"4 GiB":      {2, 22, ErrUnsupported},
		"255 passes": {0, 255, ErrMalformed},
	} {
		damaged := bytes.Clone(raw)
		damaged[at+c.offset] = c.value
		_, err := ParsePrivates(damaged, Options{Password: []byte("x")})
		t.Log(name)
		wantClass(t, err, c.class)
	}
}
