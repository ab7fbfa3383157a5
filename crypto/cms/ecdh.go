package cms

import (
	stdcrypto "crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/sealrelay/sealrelay/crypto"
)

// The curves of RFC 5480, section 2.1.1.1, and SEC 2, section A.2.1.
var (
	oidSecp256k1 = asn1.ObjectIdentifier{1, 3, 132, 0, 10}

	nistCurves = map[ecdh.Curve]asn1.ObjectIdentifier{
		ecdh.P256(): {1, 2, 840, 10045, 3, 1, 7},
		ecdh.P384(): {1, 3, 132, 0, 34},
		ecdh.P521(): {1, 3, 132, 0, 35},
	}
)

var (
	errCurve  = fmt.Errorf("%w: cms takes EC keys on P-256, P-384, P-521 and secp256k1", crypto.ErrUnsupportedKey)
	errStatic = fmt.Errorf("%w: key agreement with a static key of the sender is not one that is opened", crypto.ErrForbidden)
	errPoint  = errors.New("not a point of the curve")
)

// sealNIST wraps keys with ephemeral-static ECDH.
func sealNIST(public *ecdsa.PublicKey, issuer *issuerAndSerialNumber) (func([]byte) ([]byte, error), error) {
	theirs, err := public.ECDH()
	if err != nil || nistCurves[theirs.Curve()] == nil {
		return nil, errCurve
	}
	return sealECDH(func() (point, z []byte, err error) {
		ephemeral, err := theirs.Curve().GenerateKey(rand.Reader)
		if err != nil {
			return nil, nil, err
		}
		z, err = ephemeral.ECDH(theirs)
		return ephemeral.PublicKey().Bytes(), z, err
	}, keyIDOf(theirs.Bytes()), issuer), nil
}

func openNIST(private *ecdsa.PrivateKey) (func(*envelope) ([]byte, bool, error), error) {
	ours, err := private.ECDH()
	if err != nil || nistCurves[ours.Curve()] == nil {
		return nil, errCurve
	}
	return openECDH(func(point []byte) ([]byte, error) {
		theirs, err := ours.Curve().NewPublicKey(point) // Uncompressed and on the curve, or an error.
		if err != nil {
			return nil, errPoint
		}
		return ours.ECDH(theirs)
	}, keyIDOf(ours.PublicKey().Bytes()), nistCurves[ours.Curve()]), nil
}

// sealSecp256k1 and openSecp256k1 multiply in time that depends on the scalar,
// which is all that a maintained library offers for this curve.
func sealSecp256k1(theirs *secp256k1.PublicKey, issuer *issuerAndSerialNumber) func([]byte) ([]byte, error) {
	return sealECDH(func() (point, z []byte, err error) {
		ephemeral, err := secp256k1.GeneratePrivateKey()
		if err != nil {
			return nil, nil, err
		}
		defer ephemeral.Zero()
		return ephemeral.PubKey().SerializeUncompressed(), secp256k1.GenerateSharedSecret(ephemeral, theirs), nil
	}, keyIDOf(theirs.SerializeUncompressed()), issuer)
}

func openSecp256k1(ours *secp256k1.PrivateKey) func(*envelope) ([]byte, bool, error) {
	return openECDH(func(point []byte) ([]byte, error) {
		if len(point) != secp256k1.PubKeyBytesLenUncompressed {
			return nil, errPoint
		}
		theirs, err := secp256k1.ParsePubKey(point)
		if err != nil {
			return nil, errPoint
		}
		return secp256k1.GenerateSharedSecret(ours, theirs), nil
	}, keyIDOf(ours.PubKey().SerializeUncompressed()), oidSecp256k1)
}

// sealECDH makes a KeyAgreeRecipientInfo of a key, with what agree returns: an
// ephemeral public key and the secret shared with it.
func sealECDH(agree func() (point, z []byte, err error), keyID []byte, issuer *issuerAndSerialNumber) func([]byte) ([]byte, error) {
	kdf := keyDerivation{stdcrypto.SHA256, pkix.AlgorithmIdentifier{Algorithm: oidAES256Wrap}, 32}
	return func(key []byte) ([]byte, error) {
		point, z, err := agree()
		if err != nil {
			return nil, err
		}
		defer clear(z)
		kek, err := kdf.key(z, nil)
		if err != nil {
			return nil, err
		}
		defer clear(kek)
		encrypted, err := wrapKey(kek, key)
		if err != nil {
			return nil, err
		}
		return marshalAgreement(point, kdf.wrap, encrypted, keyID, issuer)
	}
}

func marshalAgreement(point []byte, wrap pkix.AlgorithmIdentifier, encrypted, keyID []byte, issuer *issuerAndSerialNumber) ([]byte, error) {
	info := keyAgreeRecipientInfo{Version: 3}
	info.Algorithm.Algorithm = oidStdDHSHA256
	key := recipientEncryptedKey{EncryptedKey: encrypted}
	var err error
	if info.Originator.FullBytes, err = asn1.MarshalWithParams(originator{originatorPublicKey{
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey},
		PublicKey: asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
	}}, originatorTag); err != nil {
		return nil, err
	}
	if info.Algorithm.Parameters.FullBytes, err = asn1.Marshal(wrap); err != nil {
		return nil, err
	}
	if issuer != nil {
		key.Recipient.FullBytes, err = asn1.Marshal(*issuer)
	} else {
		key.Recipient.FullBytes, err = asn1.MarshalWithParams(recipientKeyIdentifier{SubjectKeyIdentifier: keyID}, keyIdentifierTag)
	}
	if err != nil {
		return nil, err
	}
	info.Keys = []recipientEncryptedKey{key}
	return asn1.MarshalWithParams(info, keyAgreeTag)
}

// openECDH tries each wrapped key. agree returns the secret shared with a point,
// or an error if that is not on the identity's curve.
func openECDH(agree func(point []byte) ([]byte, error), keyID []byte, curve asn1.ObjectIdentifier) func(*envelope) ([]byte, bool, error) {
	return func(e *envelope) ([]byte, bool, error) {
		var missed misses
		for _, a := range e.agreements {
			if a.refused != nil {
				missed.refused = a.refused
				continue
			}
			key, err := a.open(agree, curve)
			if err != nil {
				return nil, false, err
			}
			if key != nil {
				return key, true, nil
			}
			missed.tried = true
			for _, w := range a.keys {
				missed.named = missed.named || w.isFor(keyID)
			}
		}
		return nil, false, missed.err()
	}
}

// open returns the key that is wrapped for the identity; nil if none is.
func (a agreement) open(agree func(point []byte) ([]byte, error), curve asn1.ObjectIdentifier) ([]byte, error) {
	if a.curve != nil && !a.curve.Equal(curve) {
		return nil, nil
	}
	z, err := agree(a.point)
	if err != nil {
		return nil, nil //nolint:nilerr // For a key on another curve.
	}
	defer clear(z)
	kek, err := a.kdf.key(z, a.ukm)
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	for _, w := range a.keys {
		if key, ok := unwrapKey(kek, w.key); ok {
			return key, nil
		}
	}
	return nil, nil
}
