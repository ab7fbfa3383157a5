package js7

import (
	"crypto/ecdh"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto"
)

// KeyKind tells what kind of key an envelope is for, in the words of keys.Kind:
// "RSA-2048", "EC P-256". It says no more: neither an envelope nor anything else
// names the key, and any other of the kind looks the same. A point that a wrapped key
// begins with is of the one curve that it lies on. The error wraps
// crypto.ErrMalformed for what is no envelope, or is for no kind of key.
func KeyKind(data []byte) (string, error) {
	parsed, err := parseEnvelope(data)
	if err != nil {
		return "", err
	}
	for name, curve := range map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()} {
		if _, err := curve.NewPublicKey(point(parsed.wrapped)); err == nil {
			return "EC " + name, nil
		}
	}
	if _, err := secp256k1.ParsePubKey(point(parsed.wrapped)); err == nil {
		return "EC secp256k1", nil
	}
	if bits := 8 * len(parsed.wrapped); bits >= 512 {
		return fmt.Sprintf("RSA-%d", bits), nil
	}
	return "", fmt.Errorf("%w: the wrapped key is for no kind of key that JS7 has", crypto.ErrMalformed)
}

// point is what a wrapped key begins with, if it is for an EC key: the rest is the
// key, of a size that AES has, and the tag.
func point(wrapped []byte) []byte {
	for _, size := range []int{16, 24, 32} {
		if n := len(wrapped) - size - tagSize; n == 65 || n == 97 || n == 133 {
			return wrapped[:n]
		}
	}
	return nil
}
