package cms

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // RFC 5280 names keys by it; nothing rests on its collision resistance.
	"crypto/x509"
	"encoding/asn1"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// maxPlaintext is the longest plaintext that is sealed, in bytes: it is held in
// memory several times, and lengths from 2 GiB on are not read by all.
const maxPlaintext = 1 << 30

var (
	errTooLong     = fmt.Errorf("%w: cms holds plaintexts of up to 1 GiB; seal it with age", crypto.ErrForbidden)
	errNoRecipient = fmt.Errorf("%w: no recipient is given", crypto.ErrUnsupportedKey)
)

// recipient is a public key.
type recipient struct {
	id string
	// info wraps a key in a RecipientInfo, which names the recipient by its
	// certificate, if there is one.
	info func(key []byte) ([]byte, error)
}

func newRecipient(publicKey any) (crypto.Recipient, error) {
	var issuer *issuerAndSerialNumber
	if certificate, ok := publicKey.(*x509.Certificate); ok {
		publicKey = certificate.PublicKey
		issuer = &issuerAndSerialNumber{asn1.RawValue{FullBytes: certificate.RawIssuer}, certificate.SerialNumber}
	}
	r := &recipient{}
	var err error
	switch key := publicKey.(type) {
	case *rsa.PublicKey:
		r.info, err = sealRSA(key, issuer)
	case *ecdsa.PublicKey:
		r.info, err = sealNIST(key, issuer)
	case *secp256k1.PublicKey:
		r.info = sealSecp256k1(key, issuer)
	default:
		err = fmt.Errorf("%w: cms takes RSA and EC public keys and their certificates, not %s", crypto.ErrUnsupportedKey, keys.Kind(publicKey))
	}
	if err != nil {
		return nil, err
	}
	if r.id, err = keys.ID(publicKey); err != nil {
		return nil, fmt.Errorf("%w: %w", crypto.ErrUnsupportedKey, err)
	}
	return r, nil
}

func (r *recipient) KeyID() string { return r.id }

// Seal returns the envelope in PEM.
func (r *recipient) Seal(plaintext []byte) ([]byte, error) { return sealTo(plaintext, r) }

func sealTo(plaintext []byte, recipients ...crypto.Recipient) ([]byte, error) {
	switch {
	case len(plaintext) > maxPlaintext:
		return nil, errTooLong
	case len(recipients) == 0:
		return nil, errNoRecipient
	case len(recipients) > maxKeys:
		return nil, fmt.Errorf("%w: cms has at most %d recipients in one envelope", crypto.ErrForbidden, maxKeys)
	}
	key, info, mac, err := seal(plaintext)
	if err != nil {
		return nil, fmt.Errorf("seal with cms: %w", err)
	}
	defer clear(key)
	data := authEnvelopedData{Content: info, MAC: mac}
	for _, one := range recipients {
		r, ok := one.(*recipient)
		if !ok {
			return nil, fmt.Errorf("%w: %s is not a cms recipient", crypto.ErrUnsupportedKey, one.KeyID())
		}
		wrapped, err := r.info(key)
		if err != nil {
			return nil, fmt.Errorf("%w: cms cannot seal to key %s: %w", crypto.ErrForbidden, r.id, err)
		}
		data.Recipients = append(data.Recipients, asn1.RawValue{FullBytes: wrapped})
	}
	der, err := asn1.Marshal(contentInfo[authEnvelopedData]{oidAuthEnvelopedData, data})
	if err != nil {
		return nil, fmt.Errorf("seal with cms: %w", err)
	}
	return armor(der), nil
}

// keyIDOf is the SubjectKeyIdentifier of RFC 5280, section 4.2.1.2, method 1:
// of the bits of the public key, for lack of the certificate's own.
func keyIDOf(publicKey []byte) []byte {
	sum := sha1.Sum(publicKey) //nolint:gosec // See the import.
	return sum[:]
}
