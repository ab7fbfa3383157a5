package jwe

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// recipient seals to one public key.
type recipient struct {
	id string
	// header is what the header always says of the recipient.
	header header
	// wrap encrypts a content encryption key, and adds to the header.
	wrap func(cek []byte, header *header) ([]byte, error)
}

// header is a JOSE header that is made, in its order.
type header struct {
	Algorithm  string     `json:"alg,omitempty"`
	Encryption string     `json:"enc,omitempty"`
	KeyID      string     `json:"kid,omitempty"`
	Thumbprint string     `json:"x5t#S256,omitempty"`
	Ephemeral  *ephemeral `json:"epk,omitempty"`
}

// newRecipient makes the recipient of a key, or of a certificate, which it
// names by its digest (RFC 7516, section 4.1.10).
func newRecipient(publicKey any) (crypto.Recipient, error) {
	var thumbprint string
	if certificate, ok := publicKey.(*x509.Certificate); ok {
		sum := sha256.Sum256(certificate.Raw)
		thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
		publicKey = certificate.PublicKey
	}
	r := &recipient{header: header{Thumbprint: thumbprint}}
	var err error
	switch key := publicKey.(type) {
	case *rsa.PublicKey:
		r.header.Algorithm = algRSA
		r.wrap, err = wrapRSA(key)
	case *ecdsa.PublicKey:
		r.header.Algorithm = algECDH
		r.wrap, err = wrapECDSA(key)
	case *ecdh.PublicKey:
		r.header.Algorithm = algECDH
		r.wrap, err = wrapECDH(key)
	default:
		err = fmt.Errorf("%w: jwe takes RSA keys, EC keys on P-256, P-384 and P-521, and X25519 keys, not %s", crypto.ErrUnsupportedKey, keys.Kind(publicKey))
	}
	if err != nil {
		return nil, err
	}
	if r.id, err = keys.ID(publicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	r.header.KeyID = r.id
	return r, nil
}

// KeyID implements crypto.Recipient.
func (r *recipient) KeyID() string { return r.id }

// Seal implements crypto.Recipient, in the compact serialization.
func (r *recipient) Seal(plaintext []byte) ([]byte, error) {
	cek := newKey()
	defer clear(cek)
	own, encryptedKey, err := r.seal(cek)
	if err != nil {
		return nil, err
	}
	own.Encryption = encGCM
	e := &envelope{recipients: []addressee{{encryptedKey: encryptedKey}}}
	if err := e.encrypt(own, cek, plaintext); err != nil {
		return nil, err
	}
	return e.compact()
}

func (r *recipient) seal(cek []byte) (header, []byte, error) {
	own := r.header
	encryptedKey, err := r.wrap(cek, &own)
	if err != nil {
		return header{}, nil, fmt.Errorf("%w: jwe cannot seal to this key: %w", crypto.ErrForbidden, err)
	}
	return own, encryptedKey, nil
}

// sealTo seals in the compact serialization for one recipient, in the general
// JSON serialization for several.
func sealTo(plaintext []byte, recipients ...crypto.Recipient) ([]byte, error) {
	switch n := len(recipients); {
	case n == 0:
		return nil, fmt.Errorf("%w: there is no recipient to seal to", crypto.ErrUnsupportedKey)
	case n > maxRecipients:
		return nil, fmt.Errorf("%w: a JWE has at most %d recipients here; seal several", crypto.ErrForbidden, maxRecipients)
	}
	if only, ok := recipients[0].(*recipient); ok && len(recipients) == 1 {
		return only.Seal(plaintext)
	}
	cek := newKey()
	defer clear(cek)
	e := &envelope{}
	for _, each := range recipients {
		r, ok := each.(*recipient)
		if !ok {
			return nil, fmt.Errorf("%w: a %T is no recipient of jwe", crypto.ErrUnsupportedKey, each)
		}
		own, encryptedKey, err := r.seal(cek)
		if err != nil {
			return nil, err
		}
		text, err := json.Marshal(own)
		if err != nil {
			return nil, err
		}
		e.recipients = append(e.recipients, addressee{header: text, encryptedKey: encryptedKey})
	}
	if err := e.encrypt(header{Encryption: encGCM}, cek, plaintext); err != nil {
		return nil, err
	}
	return e.json()
}

func newKey() []byte {
	cek := make([]byte, cekSize)
	_, _ = rand.Read(cek) // crypto/rand.Read fails never.
	return cek
}
