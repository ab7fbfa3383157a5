package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// The bounds of an RSA key, in bits; the upper one bounds what a verification
// costs.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// verifyFunc checks the signature of a message. It returns what identifies the
// message: the signature in the one form that nobody without the key can change.
type verifyFunc func(message, signature []byte) (identity []byte, ok bool)

// newVerifyFunc is for a key and the algorithm of RFC 9421, section 3.3, that it
// is for.
func newVerifyFunc(algorithm string, value []byte) (verifyFunc, error) {
	if algorithm == "hmac-sha256" {
		return verifyHMAC(value)
	}
	public, err := parsePublicPEM(value)
	if err != nil {
		return nil, err
	}
	ed, isEd := public.(ed25519.PublicKey)
	ec, isEC := public.(*ecdsa.PublicKey)
	rsaKey, isRSA := public.(*rsa.PublicKey)
	switch {
	case algorithm == "ed25519" && isEd:
		return verifyEd25519(ed), nil
	case algorithm == "ecdsa-p256-sha256" && isEC && ec.Curve.Params().Name == "P-256":
		return verifyECDSA(ec, func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }), nil
	case algorithm == "ecdsa-p384-sha384" && isEC && ec.Curve.Params().Name == "P-384":
		return verifyECDSA(ec, func(b []byte) []byte { sum := sha512.Sum384(b); return sum[:] }), nil
	case algorithm == "rsa-pss-sha512" && isRSA && rsaKey.N.BitLen() >= minRSABits && rsaKey.N.BitLen() <= maxRSABits:
		return verifyPSS(rsaKey), nil
	}
	return nil, errors.New("is not of its algorithm; ed25519, ecdsa-p256-sha256, ecdsa-p384-sha384, rsa-pss-sha512 (2048 to 8192 bits) and hmac-sha256 are known")
}

func parsePublicPEM(value []byte) (crypto.PublicKey, error) {
	block, _ := pem.Decode(value)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("is not a public key in PEM: -----BEGIN PUBLIC KEY-----")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("is not a public key that can be read")
	}
	return public, nil
}

func verifyHMAC(secret []byte) (verifyFunc, error) {
	if len(secret) < minSharedLen || len(secret) > maxSharedLen {
		return nil, errSharedLen(len(secret))
	}
	key := macKey{secret: secretbytes.Copy(secret)}
	return func(message, signature []byte) ([]byte, bool) {
		sum, err := key.sum(sha256.New, [][]byte{message})
		return sum, err == nil && hmac.Equal(sum, signature)
	}, nil
}

func verifyEd25519(key ed25519.PublicKey) verifyFunc {
	return func(message, signature []byte) ([]byte, bool) {
		return signature, len(signature) == ed25519.SignatureSize && ed25519.Verify(key, message, signature)
	}
}

// verifyPSS is RFC 9421, section 3.3.1: MGF1 and salt with SHA-512.
func verifyPSS(key *rsa.PublicKey) verifyFunc {
	return func(message, signature []byte) ([]byte, bool) {
		sum := sha512.Sum512(message)
		err := rsa.VerifyPSS(key, crypto.SHA512, sum[:], signature, &rsa.PSSOptions{SaltLength: sha512.Size})
		return signature, err == nil
	}
}

// verifyECDSA is RFC 9421, sections 3.3.4 and 3.3.5: r and s, each as long as the
// curve's order. Whoever sees r and s can make r and -s of it, which is as valid:
// of both, the smaller s identifies the message.
func verifyECDSA(key *ecdsa.PublicKey, digest func([]byte) []byte) verifyFunc {
	order := key.Curve.Params().N
	size := (order.BitLen() + 7) / 8
	return func(message, signature []byte) ([]byte, bool) {
		if len(signature) != 2*size {
			return nil, false
		}
		r, s := new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:])
		if !ecdsa.Verify(key, digest(message), r, s) {
			return nil, false
		}
		if other := new(big.Int).Sub(order, s); other.Cmp(s) < 0 {
			s = other
		}
		return append(append([]byte(nil), signature[:size]...), s.FillBytes(make([]byte, size))...), true
	}
}
