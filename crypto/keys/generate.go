package keys

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Kinds are the words that Generate and New take.
var Kinds = []string{
	"age", "age-pq",
	"rsa-2048", "rsa-3072", "rsa-4096",
	"ec-p256", "ec-p384", "ec-p521", "ec-secp256k1",
	"x25519", "ed25519", "ed25519-x25519",
	"openpgp", "openpgp-v6",
}

// generators make the keys that are written as PKCS#8.
var generators = map[string]func() ([]any, error){
	"rsa-2048":     func() ([]any, error) { return one[any](rsa.GenerateKey(rand.Reader, 2048)) },
	"rsa-3072":     func() ([]any, error) { return one[any](rsa.GenerateKey(rand.Reader, 3072)) },
	"rsa-4096":     func() ([]any, error) { return one[any](rsa.GenerateKey(rand.Reader, 4096)) },
	"ec-p256":      func() ([]any, error) { return one[any](ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) },
	"ec-p384":      func() ([]any, error) { return one[any](ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) },
	"ec-p521":      func() ([]any, error) { return one[any](ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) },
	"ec-secp256k1": func() ([]any, error) { return one[any](secp256k1.GeneratePrivateKey()) },
	"x25519":       func() ([]any, error) { return one[any](ecdh.X25519().GenerateKey(rand.Reader)) },
	"ed25519":      func() ([]any, error) { return one[any](newEd25519()) },
	"ed25519-x25519": func() ([]any, error) {
		signing, err := newEd25519()
		if err != nil {
			return nil, err
		}
		sealed, err := ecdh.X25519().GenerateKey(rand.Reader)
		return []any{signing, sealed}, err
	},
}

func newEd25519() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	return key, err
}

// NewOptions say how New makes a key. The zero value makes one that is not
// encrypted.
type NewOptions struct {
	// Password encrypts the private key; nil means that it is not encrypted. The
	// caller wipes it.
	Password []byte
	// UserID is whose an OpenPGP key is: a name, or "name <address>". Empty
	// means "sealrelay agent". Other kinds have none.
	UserID string
	// Validity is how long an OpenPGP key can be sealed to from now, in whole
	// seconds, at most 136 years; 0 means that it does not expire.
	Validity time.Duration
}

// Pair is a new key pair, or for ed25519-x25519 two.
type Pair struct {
	// Private is the file with the private keys: PKCS#8 in PEM, an age identity,
	// or an armored OpenPGP key. ParsePrivates reads it. The caller wipes it.
	Private []byte
	// Public is the file with their public halves: SubjectPublicKeyInfo in PEM,
	// an age recipient, or an armored OpenPGP key. ParsePublics reads it.
	Public string
	// Keys are the private keys in the types of ParsePrivates; of two, the first
	// is the one that signs.
	Keys []any
}

// Generate is New without options, for the files only. The caller wipes private.
func Generate(kind string) (private []byte, public string, err error) {
	pair, err := New(kind, NewOptions{})
	if err != nil {
		return nil, "", err
	}
	return pair.Private, pair.Public, nil
}

// New makes a key pair of one of Kinds. ed25519 is for signing statements and
// is not sealed to; ed25519-x25519 is such a key and one that is sealed to.
//
// With a password, PKCS#8 is encrypted as MarshalPrivate has it, OpenPGP keys by
// their own means. The error is ErrUnsupported for any other kind, and for a
// password for an age identity, whose file has none.
func New(kind string, options NewOptions) (*Pair, error) {
	switch {
	case !slices.Contains(Kinds, kind):
		return nil, fmt.Errorf("%w: cannot make a key of kind %q; there are %s", ErrUnsupported, kind, strings.Join(Kinds, ", "))
	case options.Password != nil && len(options.Password) == 0:
		return nil, errEmptyPassword
	case generators[kind] != nil:
		return newPKCS8(kind, options.Password)
	case strings.HasPrefix(kind, "openpgp"):
		return newOpenPGP(kind, options)
	case options.Password != nil:
		return nil, fmt.Errorf("%w: the file of an age identity has no password; protect it by its mode, or make a key of another kind", ErrUnsupported)
	case kind == "age-pq":
		return newAgeHybrid()
	}
	return newAge()
}

func newPKCS8(kind string, password []byte) (*Pair, error) {
	made, err := generators[kind]()
	if err != nil {
		return nil, fmt.Errorf("make a key of kind %s: %w", kind, err)
	}
	pair := &Pair{Keys: made}
	for _, key := range made {
		private, err := MarshalPrivate(key, password)
		if err != nil {
			return nil, err
		}
		public, err := PublicOf(key)
		if err != nil {
			return nil, err
		}
		text, err := MarshalPublic(public)
		if err != nil {
			return nil, err
		}
		joined := slices.Concat(pair.Private, private)
		clear(pair.Private)
		clear(private)
		pair.Private = joined
		pair.Public += string(text)
	}
	return pair, nil
}

func newOpenPGP(kind string, options NewOptions) (*Pair, error) {
	userID := options.UserID
	if userID == "" {
		userID = "sealrelay agent"
	}
	private, public, err := generateOpenPGP(kind, userID, time.Now(), options.Validity, options.Password)
	if err != nil {
		return nil, err
	}
	made, err := ParsePrivates(private, Options{Password: options.Password})
	if err != nil {
		clear(private)
		return nil, fmt.Errorf("read the new OpenPGP key: %w", err)
	}
	return &Pair{Private: private, Public: public, Keys: made}, nil
}

func newAge() (*Pair, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	return identityFile(identity, identity.Recipient().String(), identity.String()), nil
}

func newAgeHybrid() (*Pair, error) {
	identity, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, err
	}
	return identityFile(identity, identity.Recipient().String(), identity.String()), nil
}

func identityFile(key any, recipient, identity string) *Pair {
	return &Pair{
		Private: fmt.Appendf(nil, "# public key: %s\n%s\n", recipient, identity),
		Public:  recipient + "\n",
		Keys:    []any{key},
	}
}
