package js7

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto"
)

func wrapNIST(public *ecdsa.PublicKey) (func([]byte) ([]byte, error), error) {
	theirs, err := public.ECDH()
	if err != nil {
		return nil, errCurve
	}
	return func(key []byte) ([]byte, error) {
		ephemeral, err := theirs.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		z, err := ephemeral.ECDH(theirs)
		if err != nil {
			return nil, err
		}
		defer clear(z)
		return sealECIES(ephemeral.PublicKey().Bytes(), z, key), nil
	}, nil
}

func unwrapNIST(private *ecdsa.PrivateKey) (func([]byte) ([]byte, bool, error), error) {
	ours, err := private.ECDH()
	if err != nil {
		return nil, errCurve
	}
	size := len(ours.PublicKey().Bytes())
	return func(wrapped []byte) ([]byte, bool, error) {
		v, c, t, err := splitECIES(wrapped, size)
		if err != nil {
			return nil, false, err
		}
		theirs, err := ours.Curve().NewPublicKey(v) // Uncompressed and on the curve, or an error.
		if err != nil {
			return nil, false, offCurve(v)
		}
		z, err := ours.ECDH(theirs)
		if err != nil {
			return nil, false, errNoPoint
		}
		defer clear(z)
		key, err := openECIES(v, z, c, t)
		return key, err == nil, err
	}, nil
}

// wrapSecp256k1 and unwrapSecp256k1 multiply in time that depends on the
// scalar, which is all that a maintained library offers for this curve.
func wrapSecp256k1(theirs *secp256k1.PublicKey) func([]byte) ([]byte, error) {
	return func(key []byte) ([]byte, error) {
		ephemeral, err := secp256k1.GeneratePrivateKey()
		if err != nil {
			return nil, err
		}
		defer ephemeral.Zero()
		z := secp256k1.GenerateSharedSecret(ephemeral, theirs)
		defer clear(z)
		return sealECIES(ephemeral.PubKey().SerializeUncompressed(), z, key), nil
	}
}

func unwrapSecp256k1(ours *secp256k1.PrivateKey) func([]byte) ([]byte, bool, error) {
	return func(wrapped []byte) ([]byte, bool, error) {
		v, c, t, err := splitECIES(wrapped, secp256k1.PubKeyBytesLenUncompressed)
		if err != nil {
			return nil, false, err
		}
		theirs, err := parseSecp256k1(v)
		if err != nil {
			return nil, false, offCurve(v)
		}
		z := secp256k1.GenerateSharedSecret(ours, theirs)
		defer clear(z)
		key, err := openECIES(v, z, c, t)
		return key, err == nil, err
	}
}

// parseSecp256k1 takes an uncompressed point only: the library would take one
// of 65 bytes in hybrid form too, a second encoding of the same.
func parseSecp256k1(v []byte) (*secp256k1.PublicKey, error) {
	if v[0] != secp256k1.PubKeyFormatUncompressed {
		return nil, errNoPoint
	}
	return secp256k1.ParsePubKey(v)
}

var errCurve = fmt.Errorf("%w: js7 takes EC keys on P-256, P-384, P-521 and secp256k1", crypto.ErrUnsupportedKey)

// offCurve says why v is not a point of the identity's curve: P-256 and
// secp256k1 have points of one size, so the envelope may be for the other.
func offCurve(v []byte) error {
	if _, err := ecdh.P256().NewPublicKey(v); err == nil {
		return errOtherKey
	}
	if _, err := parseSecp256k1(v); err == nil {
		return errOtherKey
	}
	return errNoPoint
}
