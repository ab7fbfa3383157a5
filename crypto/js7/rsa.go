package js7

import (
	"crypto/rand"
	"crypto/rsa"

	"github.com/sealrelay/sealrelay/crypto/internal/strength"
)

func wrapRSA(public *rsa.PublicKey) (func([]byte) ([]byte, error), error) {
	if err := strength.RSA(public); err != nil {
		return nil, err
	}
	return func(key []byte) ([]byte, error) {
		return rsa.EncryptPKCS1v15(rand.Reader, public, key) //nolint:staticcheck // JS7 knows no other padding.
	}, nil
}

// unwrapRSA never tells that a wrapped key did not decrypt: it gives a random
// one instead, as rsa.DecryptPKCS1v15SessionKey does for a size known before
// (RFC 5246, section 7.4.7.1). Only the size of the wrapped key, which is
// public, fails at once.
func unwrapRSA(private *rsa.PrivateKey) (func([]byte) ([]byte, bool, error), error) {
	if err := strength.RSA(&private.PublicKey); err != nil {
		return nil, err
	}
	return func(wrapped []byte) ([]byte, bool, error) {
		if len(wrapped) != private.Size() {
			return nil, false, errOtherKey
		}
		standIn := make([]byte, keySize)
		_, _ = rand.Read(standIn)                              // Before the outcome is known, for equal work.
		key, err := rsa.DecryptPKCS1v15(nil, private, wrapped) //nolint:staticcheck // As above.
		if genuine := err == nil && isKeySize(len(key)); !genuine {
			clear(key)
			return standIn, false, nil
		}
		return key, true, nil
	}, nil
}

// isKeySize says whether AES takes a key of n bytes.
func isKeySize(n int) bool { return n == 16 || n == 24 || n == 32 }
