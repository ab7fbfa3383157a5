package openpgp

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// gnupg is a GnuPG of its own, in a folder that is thrown away.
type gnupg struct{ path, home string }

func newGnuPG(t *testing.T) gnupg {
	t.Helper()
	path, err := exec.LookPath("gpg")
	if err != nil {
		t.Skip("gpg is not installed")
	}
	home, err := os.MkdirTemp("", "gpg") // Short, for the agent's socket is in it.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() // It may not have started.
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return gnupg{path, home}
}

// run runs the tool with input and returns its standard output.
func (g gnupg) run(t *testing.T, input []byte, arguments ...string) []byte {
	t.Helper()
	arguments = append([]string{"--homedir", g.home, "--batch", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", "", "--trust-model", "always"}, arguments...)
	command := exec.CommandContext(t.Context(), g.path, arguments...)
	var stderr bytes.Buffer
	command.Stdin, command.Stderr = bytes.NewReader(input), &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("gpg %s: %v: %s", strings.Join(arguments, " "), err, stderr.Bytes())
	}
	return out
}

// generate makes a key of two algorithms in gpg's words, and returns its
// fingerprint. options are for its making.
func (g gnupg) generate(t *testing.T, primary, subkey string, options ...string) string {
	t.Helper()
	name := strings.Join(append([]string{primary, subkey}, options...), " ")
	g.run(t, nil, append(options, "--quick-generate-key", name, primary, "cert,sign")...)
	fingerprint := g.fingerprint(t, name)
	g.run(t, nil, append(options, "--quick-add-key", fingerprint, subkey, "encr")...)
	return fingerprint
}

func (g gnupg) fingerprint(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(string(g.run(t, nil, "--with-colons", "--list-keys", "="+name))) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" {
			return fields[9]
		}
	}
	t.Fatalf("gpg has no key %s", name)
	return ""
}

// certificate and secret export a key, armored, and read it.
func (g gnupg) certificate(t *testing.T, fingerprint string) any {
	t.Helper()
	public, err := keys.ParsePublic(g.run(t, nil, "--armor", "--export", fingerprint))
	if err != nil {
		t.Fatal(err)
	}
	return public.Key
}

func (g gnupg) recipient(t *testing.T, fingerprint string) crypto.Recipient {
	t.Helper()
	return recipientOf(t, g.certificate(t, fingerprint).(*pgp.Entity))
}

func (g gnupg) identity(t *testing.T, fingerprint string) crypto.Identity {
	t.Helper()
	key, err := keys.ParsePrivate(g.run(t, nil, "--armor", "--export-secret-keys", fingerprint), nil)
	if err != nil {
		t.Fatal(err)
	}
	return identityOf(t, key.(*pgp.Entity))
}

// gpgKinds are the primary key and the subkey of each kind of key.
var gpgKinds = [][2]string{
	{"rsa2048", "rsa2048"}, {"rsa3072", "rsa3072"}, {"ed25519", "cv25519"}, {"nistp256", "nistp256"},
	{"nistp384", "nistp384"}, {"nistp521", "nistp521"}, {"brainpoolP256r1", "brainpoolP256r1"},
}

// TestGPG seals to keys that gpg made and has it open, and opens what it seals.
func TestGPG(t *testing.T) {
	g := newGnuPG(t)
	var recipients []crypto.Recipient
	var identities []crypto.Identity
	var fingerprints []string
	for _, kind := range gpgKinds {
		fingerprint := g.generate(t, kind[0], kind[1])
		recipient, identity := g.recipient(t, fingerprint), g.identity(t, fingerprint)
		recipients, identities, fingerprints = append(recipients, recipient), append(identities, identity), append(fingerprints, fingerprint)
		t.Run(kind[1], func(t *testing.T) {
			for _, size := range []int{0, 1, 2, 3, 100_000} { // Armor with each padding.
				plaintext := random(t, size)
				armored := sealed(t, plaintext, recipient)
				for _, form := range []string{"armor", "raw"} {
					if got := g.run(t, written(t, form, armored), "--decrypt"); string(got) != plaintext {
						t.Errorf("%s: gpg opened %d bytes to %d", form, size, len(got))
					}
				}
				g.wantOpens(t, identity, plaintext, "--recipient", fingerprint)
				g.wantOpens(t, identity, plaintext, "--armor", "--throw-keyids", "--recipient", fingerprint)
			}
		})
	}
	t.Run("several", func(t *testing.T) {
		plaintext := random(t, 10_000)
		envelope := sealed(t, plaintext, recipients...)
		arguments := []string{"--armor", "--encrypt"}
		for _, fingerprint := range fingerprints {
			arguments = append(arguments, "--recipient", fingerprint)
		}
		named := g.run(t, []byte(plaintext), arguments...)
		hidden := g.run(t, []byte(plaintext), append(arguments, "--throw-keyids")...)
		for i, fingerprint := range fingerprints {
			if got := g.run(t, envelope, "--try-secret-key", fingerprint, "--decrypt"); string(got) != plaintext {
				t.Errorf("gpg opened it to %d bytes", len(got))
			}
			for _, envelope := range [][]byte{envelope, named, hidden} {
				wantOpen(t, identities[i], envelope, plaintext)
			}
		}
		_, other := newPair(t, "v4-curve25519")
		for _, envelope := range [][]byte{envelope, named, hidden} {
			wantRefused(t, other, envelope, crypto.ErrNoMatch)
		}
	})
	t.Run("primary key", func(t *testing.T) {
		g.run(t, nil, "--quick-generate-key", "one key", "rsa2048", "cert,sign,encr")
		fingerprint := g.fingerprint(t, "one key")
		envelope := sealed(t, "value", g.recipient(t, fingerprint))
		if got := g.run(t, envelope, "--decrypt"); string(got) != "value" {
			t.Errorf("gpg opened it to %q", got)
		}
		g.wantOpens(t, g.identity(t, fingerprint), "value", "--recipient", fingerprint)
	})
	t.Run("options", func(t *testing.T) { g.testOptions(t, identities[2], fingerprints[2]) })
}

// wantOpens opens what gpg seals with these arguments.
func (g gnupg) wantOpens(t *testing.T, identity crypto.Identity, plaintext string, arguments ...string) {
	t.Helper()
	envelope := g.run(t, []byte(plaintext), append(arguments, "--encrypt")...)
	if !Format.Detect(envelope) {
		t.Errorf("%v: not detected", arguments)
	}
	wantOpen(t, identity, envelope, plaintext)
	wantOpen(t, identity, written(t, "armor", envelope), plaintext)
	raw := written(t, "raw", envelope)
	if armored := bytes.HasPrefix(envelope, []byte("-----")); !armored && !bytes.Equal(raw, envelope) {
		t.Errorf("%v: its raw form is another", arguments)
	}
	if got := g.run(t, written(t, "armor", raw), "--decrypt"); string(got) != plaintext {
		t.Errorf("%v: gpg does not open its own in our armor", arguments)
	}
}

// testOptions opens what gpg seals with each of its options, and refuses what
// nobody should open.
func (g gnupg) testOptions(t *testing.T, identity crypto.Identity, fingerprint string) {
	compressible := strings.Repeat("value ", 10_000)
	for _, options := range []string{
		"--armor", "--throw-keyids", "--compress-algo none", "--compress-algo zip", "--compress-algo zlib", "--compress-algo bzip2",
		"--cipher-algo AES", "--cipher-algo AES192", "--cipher-algo AES256", "--set-filename name.txt", "--sign", "--for-your-eyes-only",
		"--armor --comment a:b", "--rfc4880", "--chunk-size 10",
	} {
		t.Run(options, func(t *testing.T) {
			if strings.HasPrefix(options, "--chunk-size") && !strings.Contains(string(g.run(t, nil, "--dump-options")), "--chunk-size") {
				t.Skip("this gpg does not know it")
			}
			for _, plaintext := range []string{"", "value", compressible} {
				g.wantOpens(t, identity, plaintext, append(strings.Fields(options), "--recipient", fingerprint)...)
			}
		})
	}
	for options, class := range map[string]error{
		"--cipher-algo 3DES":        crypto.ErrForbidden,
		"--cipher-algo CAST5":       crypto.ErrForbidden,
		"--cipher-algo TWOFISH":     crypto.ErrForbidden,
		"--cipher-algo CAMELLIA256": crypto.ErrForbidden,
	} {
		t.Run(options, func(t *testing.T) {
			arguments := append(strings.Fields(options), "--recipient", fingerprint, "--encrypt")
			wantRefused(t, identity, g.run(t, []byte("value"), arguments...), class)
		})
	}
	wantRefused(t, identity, g.run(t, []byte("value"), "--passphrase", "password", "--symmetric"), crypto.ErrNoMatch)
	wantRefused(t, identity, g.run(t, []byte("value"), "--sign"), crypto.ErrMalformed)
	wantOpen(t, identity, g.run(t, []byte("value"), "--passphrase", "password", "--symmetric", "--recipient", fingerprint, "--encrypt"), "value")
}

// TestGPGRefused: certificates that gpg made and that are not sealed to. What
// was sealed to them before is still opened.
func TestGPGRefused(t *testing.T) {
	g := newGnuPG(t)
	longAgo := []string{"--faked-system-time", "20200101T000000"}
	revoked := g.generate(t, "ed25519", "cv25519")
	envelope := g.run(t, []byte("value"), "--recipient", revoked, "--encrypt")
	expired := g.generate(t, "nistp256", "nistp256", longAgo...)
	g.run(t, nil, append(longAgo, "--quick-set-expire", expired, "2020-06-01")...)
	subkeyExpired := g.generate(t, "nistp384", "nistp384", longAgo...)
	g.run(t, nil, append(longAgo, "--quick-set-expire", subkeyExpired, "2020-06-01", "*")...)
	g.run(t, nil, "--import", g.revocation(t, revoked))
	for name, c := range map[string]struct{ fingerprint, says string }{
		"revoked":           {revoked, "revoked"},
		"expired":           {expired, "expired"},
		"subkey expired":    {subkeyExpired, "expired"},
		"signed with SHA-1": {g.generate(t, "rsa2048", "rsa2048", "--cert-digest-algo", "SHA1"), "SHA-1"},
		"short":             {g.generate(t, "rsa2048", "rsa1024"), "too weak"},
		"ElGamal":           {g.generate(t, "dsa2048", "elg2048"), "too weak"},
		"secp256k1":         {g.generate(t, "secp256k1", "secp256k1"), "too weak"},
	} {
		t.Run(name, func(t *testing.T) {
			recipient, err := Format.Recipient(g.certificate(t, c.fingerprint))
			if recipient != nil || err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, %v; want it to say %q", recipient, err, c.says)
			}
			wantClass(t, err, crypto.ErrForbidden)
		})
	}
	wantOpen(t, g.identity(t, revoked), envelope, "value")
}

// revocation is the file of the certificate that gpg made for the day that the
// key is lost; a colon keeps it from being imported by mistake.
func (g gnupg) revocation(t *testing.T, fingerprint string) string {
	t.Helper()
	name := filepath.Join(g.home, "openpgp-revocs.d", fingerprint+".rev")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, bytes.Replace(data, []byte(":---"), []byte("---"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}
