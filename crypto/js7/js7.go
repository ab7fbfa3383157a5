// Package js7 seals and opens values as the encryption tool of the JS7
// JobScheduler does, so that its agents open them without anything of ours.
//
// An envelope is "enc:" and three fields of standard base64 with padding, a
// single space between them:
//
//	W   the AES key, wrapped for the recipient: RSAES-PKCS1-v1_5 (RFC 8017,
//	    section 7.2) for an RSA key, ECIES (IEEE 1363a) for an EC key
//	IV  16 random bytes
//	CT  the plaintext under AES-CBC, padded as in RFC 5652, section 6.3
//
// What this format lacks: neither IV nor CT is authenticated, and with RSA
// nothing is. Whoever can change an envelope can flip chosen bits of the first
// 16 bytes of the plaintext unnoticed, or replace the whole of it, since
// sealing takes no more than the public key. The signed statement that travels
// with an envelope is what protects it: check it before opening. Opening tells
// good padding from bad, and that answer, given often enough to whoever sends
// envelopes, gives away plaintexts (Vaudenay) and wrapped RSA keys
// (Bleichenbacher). So this format is for opening offline, by the owner of the
// key, and never on request of a sender.
package js7

import (
	"crypto/aes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/cbc"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Format is the js7 format.
var Format = crypto.Format{
	Name:      "js7",
	Extension: ".js7",
	Legacy:    true,
	Algorithms: []crypto.Algorithm{
		{Name: "ECIES with HMAC-SHA-1, AES-128-CBC", Keys: "EC on P-256, P-384, P-521 and secp256k1", Legacy: true},
		{Name: "RSAES-PKCS1-v1_5, AES-128-CBC", Keys: "RSA of 2048 bits or more", Legacy: true},
		{Name: "AES-192-CBC and AES-256-CBC under either", Keys: "all of these", Legacy: true, OpenOnly: true},
	},
	Forms: []crypto.Form{
		{Name: "enc", Write: rewrite(prefix)},
		{Name: "bare", Write: rewrite("")},
	},
	Recipient: func(publicKey any) (crypto.Recipient, error) {
		recipient, err := NewRecipient(publicKey)
		if err != nil {
			return nil, err
		}
		return recipient, nil
	},
	Identity: func(privateKey any) (crypto.Identity, error) {
		identity, err := NewIdentity(privateKey)
		if err != nil {
			return nil, err
		}
		return identity, nil
	},
	Addressees: addressees,
	Detect:     detect,
}

// keySize is the size of the AES keys that are made, in bytes.
const keySize = 16

// Recipient seals to one public key. It is safe for concurrent use.
type Recipient struct {
	id string
	// wrap encrypts an AES key.
	wrap func(key []byte) ([]byte, error)
}

// NewRecipient takes a *rsa.PublicKey of at least 2048 bits, an
// *ecdsa.PublicKey on P-256, P-384 or P-521, a *secp256k1.PublicKey, or a
// *x509.Certificate of one of the former, which stands for its key. It returns
// crypto.ErrForbidden for a shorter RSA key, crypto.ErrUnsupportedKey for any
// other key.
func NewRecipient(publicKey any) (*Recipient, error) {
	var wrap func([]byte) ([]byte, error)
	var err error
	if certificate, ok := publicKey.(*x509.Certificate); ok {
		publicKey = certificate.PublicKey
	}
	switch key := publicKey.(type) {
	case *rsa.PublicKey:
		wrap, err = wrapRSA(key)
	case *ecdsa.PublicKey:
		wrap, err = wrapNIST(key)
	case *secp256k1.PublicKey:
		wrap = wrapSecp256k1(key)
	default:
		err = fmt.Errorf("%w: js7 takes RSA and EC public keys, not %s", crypto.ErrUnsupportedKey, keys.Kind(publicKey))
	}
	if err != nil {
		return nil, err
	}
	id, err := keys.ID(publicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	return &Recipient{id: id, wrap: wrap}, nil
}

// KeyID implements crypto.Recipient.
func (r *Recipient) KeyID() string { return r.id }

// Seal implements crypto.Recipient. The envelope begins with "enc:" and does
// not end with a newline.
func (r *Recipient) Seal(plaintext []byte) ([]byte, error) {
	key, head, err := r.newKey()
	if err != nil {
		return nil, err
	}
	defer clear(key)
	ciphertext, err := cbc.Encrypt(key, head.iv, plaintext)
	if err != nil {
		return nil, err
	}
	return envelope{head, ciphertext}.append([]byte(prefix)), nil
}

// newKey makes the AES key and the IV of one envelope or file.
func (r *Recipient) newKey() ([]byte, header, error) {
	key, iv := make([]byte, keySize), make([]byte, aes.BlockSize)
	_, _ = rand.Read(key) // crypto/rand.Read fails never.
	_, _ = rand.Read(iv)
	wrapped, err := r.wrap(key)
	if err != nil {
		clear(key)
		return nil, header{}, fmt.Errorf("%w: js7 cannot seal to this key: %w", crypto.ErrForbidden, err)
	}
	return key, header{wrapped, iv}, nil
}

// Identity opens with one private key. It is safe for concurrent use.
type Identity struct {
	id string
	// unwrap returns the AES key of 16, 24 or 32 bytes. genuine is false for
	// a random one, which stands for a wrapped RSA key that did not decrypt:
	// the caller goes on with it and fails in the end, as with bad padding.
	unwrap func(wrapped []byte) (key []byte, genuine bool, err error)
	// failure is for bad padding and for a key that is not genuine.
	failure error
}

// NewIdentity takes the private counterparts of what NewRecipient takes, with
// the same errors.
func NewIdentity(privateKey any) (*Identity, error) {
	identity := &Identity{failure: errPadding}
	var err error
	switch key := privateKey.(type) {
	case *rsa.PrivateKey:
		identity.failure = errUnopened
		identity.unwrap, err = unwrapRSA(key)
	case *ecdsa.PrivateKey:
		identity.unwrap, err = unwrapNIST(key)
	case *secp256k1.PrivateKey:
		identity.unwrap = unwrapSecp256k1(key)
	default:
		err = fmt.Errorf("%w: js7 takes RSA and EC private keys, not %s", crypto.ErrUnsupportedKey, keys.PrivateKind(privateKey))
	}
	if err != nil {
		return nil, err
	}
	publicKey, err := keys.PublicOf(privateKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	if identity.id, err = keys.ID(publicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	return identity, nil
}

// KeyID implements crypto.Identity.
func (i *Identity) KeyID() string { return i.id }

// The errors of opening. They are constant: nothing of an envelope is in them.
var (
	errPadding   = fmt.Errorf("%w: padding of the value is wrong", crypto.ErrDamaged)
	errUnopened  = fmt.Errorf("%w: wrong RSA key, or the envelope is damaged", crypto.ErrNoMatch)
	errOtherKey  = fmt.Errorf("%w: its wrapped key is not of this key's kind or size", crypto.ErrNoMatch)
	errMAC       = fmt.Errorf("%w: wrong EC key, or the wrapped key is damaged", crypto.ErrNoMatch)
	errNoPoint   = fmt.Errorf("%w: its ephemeral key is not a point of the curve", crypto.ErrDamaged)
	errNotFields = fmt.Errorf("%w: a js7 value is three fields of base64 with single spaces between them", crypto.ErrMalformed)
)

// Open implements crypto.Identity. It takes an envelope with and without
// "enc:", and with or without one newline (LF or CRLF) at its end.
//
// With an EC key a wrong key and a damaged wrapped key cannot be told apart,
// and are crypto.ErrNoMatch; a damaged value shows as crypto.ErrDamaged if its
// padding breaks, and not at all otherwise. With an RSA key any of these is
// crypto.ErrNoMatch, with one text and about the same work: see the package's
// comment for what that does and does not hide.
func (i *Identity) Open(data []byte) ([]byte, error) {
	parsed, err := parseEnvelope(data)
	if err != nil {
		return nil, err
	}
	key, genuine, err := i.unwrap(parsed.wrapped)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	plaintext, padded, err := cbc.Decrypt(key, parsed.iv, parsed.ciphertext)
	if err != nil {
		return nil, err
	}
	if !genuine || !padded {
		clear(plaintext)
		return nil, i.failure
	}
	return plaintext, nil
}
