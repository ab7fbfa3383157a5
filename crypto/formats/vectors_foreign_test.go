package formats_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// foreign is another implementation of a format.
type foreign struct {
	format string
	// identities are the keys that it opens with, of those in keys.
	identities []string
	// tool returns how it opens; it skips the test where there is no such program.
	tool func(t *testing.T) func(identity string, envelope []byte) ([]byte, error)
	// exceptions are the good cases that it may not open, and why.
	exceptions map[string]string
}

var foreigners = []foreign{
	{"cms", []string{"rsa2048.pem", "p256.pem", "p384.pem", "p521.pem", "secp256k1.pem"}, openSSL, map[string]string{
		"cms-p256-attributes":      "OpenSSL 3.0 reads authenticated attributes under another tag",
		"cms-p256-attribute-twice": "as above",
		"cms-p256-named-wrongly":   "OpenSSL believes the name of a recipient",
	}},
	{"jwe", []string{"rsa2048.pem", "p256.pem", "p384.pem", "p521.pem"}, goJOSE, nil},
	{"age", []string{"age-x25519.txt", "ssh-ed25519.key", "ssh-rsa.key"}, ageCommand, map[string]string{
		"age-armor-space-before": "the command looks at the very first bytes",
	}},
	{"openpgp", []string{"openpgp-v4-rsa.asc", "openpgp-v4-curve25519.asc"}, gnuPG, map[string]string{
		"openpgp-v4-curve25519-text":          "gpg writes text with its own line ends",
		"openpgp-v4-curve25519-utf8-text":     "as above",
		"openpgp-v4-curve25519-hidden-second": "gpg 2.2 stops at the first unnamed recipient",
	}},
}

// TestVectorsForeign has others open the good cases, so that an error that this
// library and the vectors have in common shows; and none of those that are
// damaged or for another key.
func TestVectorsForeign(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs a program for each case")
	}
	for _, other := range foreigners {
		t.Run(other.format, func(t *testing.T) {
			open := other.tool(t)
			right, refused := 0, 0
			for _, v := range readVectors(t, other.format) {
				if !slices.Contains(other.identities, filepath.Base(v.Identity)) || !strings.HasPrefix(v.Identity, "keys/") {
					continue
				}
				plaintext, err := open(filepath.Join(vectorFolder, filepath.FromSlash(v.Identity)), v.bytes(t))
				switch sum := sha256.Sum256(plaintext); {
				case v.Class == "good" && err == nil && hex.EncodeToString(sum[:]) == v.PlaintextSHA256:
					right++
				case v.Class == "good" && other.exceptions[v.ID] != "":
					t.Logf("%s: %s", v.ID, other.exceptions[v.ID])
				case v.Class == "good":
					t.Errorf("%s: got %d bytes, %v (%s)", v.ID, len(plaintext), err, v.Comment)
				case v.Class == "no_match" || v.Class == "damaged":
					if err == nil {
						t.Errorf("%s: opened to %d bytes (%s)", v.ID, len(plaintext), v.Comment)
					}
					refused++
				}
			}
			t.Logf("%d good cases opened, %d others refused", right, refused)
			if right < 50 || refused < 50 {
				t.Errorf("%d good cases opened, %d others refused: too few to say anything", right, refused)
			}
		})
	}
}

// program runs a program on an envelope.
func program(t *testing.T, name string) func(envelope []byte, arguments ...string) ([]byte, error) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("there is no %s: %v", name, err)
	}
	return func(envelope []byte, arguments ...string) ([]byte, error) {
		cmd := exec.Command(path, arguments...)
		cmd.Stdin = bytes.NewReader(envelope)
		return cmd.Output()
	}
}

func openSSL(t *testing.T) func(string, []byte) ([]byte, error) {
	run := program(t, "openssl")
	return func(identity string, envelope []byte) ([]byte, error) {
		form := "DER"
		if bytes.HasPrefix(envelope, []byte("-----")) {
			form = "PEM"
		}
		certificate := strings.TrimSuffix(identity, ".pem") + ".crt"
		return run(envelope, "cms", "-decrypt", "-binary", "-inform", form, "-inkey", identity, "-recip", certificate)
	}
}

func ageCommand(t *testing.T) func(string, []byte) ([]byte, error) {
	run := program(t, "age")
	return func(identity string, envelope []byte) ([]byte, error) { return run(envelope, "-d", "-i", identity) }
}

func gnuPG(t *testing.T) func(string, []byte) ([]byte, error) {
	run := program(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") // Short, as the path of its agent's socket must be.
	if err != nil {
		t.Fatal(err)
	}
	homes := map[string]string{}
	t.Cleanup(func() {
		for _, folder := range homes {
			_, _ = program(t, "gpgconf")(nil, "--homedir", folder, "--kill", "all")
		}
		if err := os.RemoveAll(home); err != nil {
			t.Error(err)
		}
	})
	return func(identity string, envelope []byte) ([]byte, error) {
		options := []string{"--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "", "--homedir"}
		folder, known := homes[identity]
		if !known {
			folder = filepath.Join(home, filepath.Base(identity))
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			homes[identity] = folder
			if _, err := run(nil, append(options, folder, "--import", identity)...); err != nil {
				t.Fatalf("import of %s: %v", identity, err)
			}
		}
		return run(envelope, append(options, folder, "--decrypt")...)
	}
}

func goJOSE(t *testing.T) func(string, []byte) ([]byte, error) {
	return func(identity string, envelope []byte) ([]byte, error) {
		algorithms := []jose.KeyAlgorithm{jose.RSA_OAEP_256, jose.ECDH_ES_A256KW}
		text, parse := strings.TrimSpace(string(envelope)), jose.ParseEncryptedCompact
		if strings.HasPrefix(text, "{") {
			parse = jose.ParseEncryptedJSON
		}
		parsed, err := parse(text, algorithms, []jose.ContentEncryption{jose.A256GCM})
		if err != nil {
			return nil, err
		}
		_, _, plaintext, err := parsed.DecryptMulti(readIdentity(t, "keys/"+filepath.Base(identity)))
		return plaintext, err
	}
}
