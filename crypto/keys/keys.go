// Package keys reads the public and private keys that people have, and makes
// new ones. What a file holds is found by its content, never by its name.
//
// The key types are those of the standard library (*rsa.PublicKey,
// *ecdsa.PublicKey, ed25519.PublicKey, *ecdh.PublicKey on X25519 and their
// private counterparts), of github.com/decred/dcrd/dcrec/secp256k1/v4 for the
// one curve that the standard library lacks, of filippo.io/age and its plugin
// package, and *openpgp.Entity of github.com/ProtonMail/go-crypto/openpgp/v2.
package keys

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"filippo.io/age"
	"filippo.io/age/plugin"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// The classes in which reading a key fails.
var (
	// ErrMalformed: the data holds no key, or a damaged or ambiguous one.
	ErrMalformed = errors.New("malformed key")
	// ErrUnsupported: the data holds a key of a kind that is not read here.
	ErrUnsupported = errors.New("unsupported key")
	// ErrPrivate: a private key was given where a public one belongs.
	ErrPrivate = errors.New("private key where a public key is needed")
	// ErrPassword: the key is encrypted, and the password is missing or wrong.
	ErrPassword = errors.New("encrypted key")
)

// ID names a public key: "sha256:" and the lower-case hex SHA-256 of its
// SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7; EC points uncompressed), so
// a renewed certificate for the same key has the same ID. For an age recipient,
// a plugin's too, it is that of the recipient string's bytes. For an OpenPGP key
// it is "openpgp:" and the lower-case hex fingerprint of its primary key. It
// returns ErrUnsupported for any other type.
func ID(publicKey any) (string, error) {
	switch key := publicKey.(type) {
	case *age.X25519Recipient:
		return digest([]byte(key.String())), nil
	case *age.HybridRecipient:
		return digest([]byte(key.String())), nil
	case *plugin.Recipient:
		return digest([]byte(key.String())), nil
	case *openpgp.Entity:
		return "openpgp:" + hex.EncodeToString(key.PrimaryKey.Fingerprint), nil
	}
	der, err := marshalSPKI(publicKey)
	if err != nil {
		return "", err
	}
	return digest(der), nil
}

// Kind says in words what a public key is, such as "RSA-2048", "EC P-256",
// "EC secp256k1", "Ed25519", "X25519", "age X25519", "age hybrid
// ML-KEM-768+X25519", "age plugin NAME" or "OpenPGP v4".
func Kind(publicKey any) string {
	switch key := publicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA-%d", key.N.BitLen())
	case *ecdsa.PublicKey:
		return "EC " + key.Curve.Params().Name
	case *secp256k1.PublicKey:
		return "EC secp256k1"
	case ed25519.PublicKey:
		return "Ed25519"
	case *age.X25519Recipient:
		return "age X25519"
	case *age.HybridRecipient:
		return "age hybrid ML-KEM-768+X25519"
	case *ecdh.PublicKey:
		if key.Curve() == ecdh.X25519() {
			return "X25519"
		}
	case *plugin.Recipient:
		return "age plugin " + key.Name()
	case *openpgp.Entity:
		if key != nil && key.PrimaryKey != nil {
			return fmt.Sprintf("OpenPGP v%d", key.PrimaryKey.Version)
		}
	}
	return fmt.Sprintf("unknown (%T)", publicKey)
}

// PrivateKind is Kind of a private key's public half.
func PrivateKind(privateKey any) string {
	public, err := PublicOf(privateKey)
	if err != nil {
		return fmt.Sprintf("unknown (%T)", privateKey)
	}
	return Kind(public)
}

// PublicOf returns the public half of what ParsePrivate returns, in the type
// that ParsePublic gives it; ErrUnsupported for any other type.
func PublicOf(privateKey any) (any, error) {
	switch key := privateKey.(type) {
	case *rsa.PrivateKey:
		return &key.PublicKey, nil
	case *ecdsa.PrivateKey:
		return &key.PublicKey, nil
	case *secp256k1.PrivateKey:
		return key.PubKey(), nil
	case ed25519.PrivateKey:
		return key.Public(), nil
	case *age.X25519Identity:
		return key.Recipient(), nil
	case *age.HybridIdentity:
		return key.Recipient(), nil
	case *plugin.Identity:
		return key.Recipient(), nil
	case *ecdh.PrivateKey:
		return key.PublicKey(), nil
	case *openpgp.Entity:
		return key, nil
	}
	return nil, fmt.Errorf("%w: a %T is no private key that is read here", ErrUnsupported, privateKey)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
