package jwe

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
)

// minRSA is the shortest RSA key that is sealed to or opened with, in bits
// (RFC 7518, section 4.3).
const minRSA = 2048

func checkRSA(key *rsa.PublicKey) error {
	if bits := key.N.BitLen(); bits < minRSA {
		return fmt.Errorf("%w: RSA key has %d bits, at least %d are needed; make a new key", crypto.ErrForbidden, bits, minRSA)
	}
	return nil
}

// wrapRSA is RSA-OAEP-256 of RFC 7518, section 4.3: SHA-256 for the hash and
// for MGF1, and no label.
func wrapRSA(public *rsa.PublicKey) (func([]byte, *header) ([]byte, error), error) {
	if err := checkRSA(public); err != nil {
		return nil, err
	}
	return func(cek []byte, _ *header) ([]byte, error) {
		return rsa.EncryptOAEP(sha256.New(), rand.Reader, public, cek, nil)
	}, nil
}

func unwrapRSA(private *rsa.PrivateKey) (func(*addressee) ([]byte, error), error) {
	if err := checkRSA(&private.PublicKey); err != nil {
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
