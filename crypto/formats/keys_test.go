package formats_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// pair is both sides of one key.
type pair struct {
	public  *keys.Public
	private any
}

// newPairs makes or reads a key of each kind that any format takes.
func newPairs(t *testing.T) map[string]pair {
	t.Helper()
	pairs := map[string]pair{}
	for _, kind := range []string{"age", "age-pq", "ed25519"} {
		public, private := newKey(t, kind)
		pairs[kind] = pair{public, private}
	}
	for _, name := range []string{"rsa2048", "p256", "p384", "p521", "k256"} {
		public, err := keys.ParsePublic(readFile(t, name+".crt"))
		if err != nil {
			t.Fatal(err)
		}
		private, err := keys.ParsePrivate(readFile(t, name+".pk8"), nil)
		if err != nil {
			t.Fatal(err)
		}
		pairs[name] = pair{public, private}
	}
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pairs["x25519"] = pair{&keys.Public{Key: x25519.PublicKey(), Container: keys.JWK}, x25519}
	entity, err := pgp.NewEntity("Agent", "", "agent@example.org", nil)
	if err != nil {
		t.Fatal(err)
	}
	pairs["openpgp"] = pair{&keys.Public{Key: entity, Container: keys.OpenPGPCert}, entity}
	// One key in two containers has two default formats.
	sshRSA := *pairs["rsa2048"].public
	sshRSA.Container, sshRSA.Certificate = keys.SSH, nil
	pairs["ssh-rsa"] = pair{&sshRSA, pairs["rsa2048"].private}
	ssh := *pairs["ed25519"].public
	ssh.Container = keys.SSH
	pairs["ssh-ed25519"] = pair{&ssh, pairs["ed25519"].private}
	jwk := *pairs["p256"].public
	jwk.Container, jwk.Certificate = keys.JWK, nil
	pairs["jwk-p256"] = pair{&jwk, pairs["p256"].private}
	return pairs
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../testdata/js7/keys", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// taken are the keys that each format takes.
var taken = map[string][]string{
	"age":     {"age", "age-pq", "ed25519", "ssh-ed25519", "rsa2048", "ssh-rsa"},
	"openpgp": {"openpgp"},
	"jwe":     {"rsa2048", "p256", "p384", "p521", "x25519", "jwk-p256", "ssh-rsa"},
	"cms":     {"rsa2048", "p256", "p384", "p521", "k256", "jwk-p256", "ssh-rsa"},
	"js7":     {"rsa2048", "p256", "p384", "p521", "k256", "jwk-p256", "ssh-rsa"},
}

func sealed(t testing.TB, recipient crypto.Recipient) []byte {
	t.Helper()
	envelope, err := recipient.Seal([]byte("value"))
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}
