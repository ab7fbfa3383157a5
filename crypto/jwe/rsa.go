package jwe

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"

	"github.com/sealrelay/sealrelay/crypto/internal/strength"
)

// wrapRSA is RSA-OAEP-256 of RFC 7518, section 4.3: SHA-256 for the hash and
// for MGF1, and no label.
func wrapRSA(public *rsa.PublicKey) (func([]byte, *header) ([]byte, error), error) {
	if err := strength.RSA(public); err != nil {
		return nil, err
	}
	return func(cek []byte, _ *header) ([]byte, error) {
		return rsa.EncryptOAEP(sha256.New(), rand.Reader, public, cek, nil)
	}, nil
}

func unwrapRSA(private *rsa.PrivateKey) (func(*addressee) ([]byte, error), error) {
	if err := strength.RSA(&private.PublicKey); err != nil {
		return nil, err
	}
	return func(a *addressee) ([]byte, error) {
		if a.parameters.algorithm != algRSA || len(a.encryptedKey) != private.Size() {
			return nil, errOtherKey
		}
		cek, err := rsa.DecryptOAEP(sha256.New(), nil, private, a.encryptedKey, nil)
		if err != nil || len(cek) != cekSize {
			clear(cek)
			return nil, errNoKey
		}
		return cek, nil
	}, nil
}
