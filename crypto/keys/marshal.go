package keys

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// MarshalPublic writes a *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey,
// *ecdh.PublicKey or *secp256k1.PublicKey as a SubjectPublicKeyInfo (RFC 5280)
// in PEM. Any other type is ErrUnsupported.
func MarshalPublic(publicKey any) ([]byte, error) {
	der, err := marshalSPKI(publicKey)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

func marshalSPKI(publicKey any) ([]byte, error) {
	switch key := publicKey.(type) {
	case *secp256k1.PublicKey:
		return marshalSecp256k1(key)
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey, *ecdh.PublicKey:
		der, err := x509.MarshalPKIXPublicKey(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		return der, nil
	}
	return nil, fmt.Errorf("%w: a %T is not written as SubjectPublicKeyInfo", ErrUnsupported, publicKey)
}

// MarshalPrivate writes a *rsa.PrivateKey, *ecdsa.PrivateKey,
// ed25519.PrivateKey, *ecdh.PrivateKey on X25519 or *secp256k1.PrivateKey as
// PKCS#8 (RFC 5958) in PEM. Unless password is nil it is encrypted with PBES2
// (RFC 8018): 600,000 rounds of PBKDF2 with HMAC-SHA-256, and AES-256 in CBC,
// which OpenSSL since 1.0 reads. An
// empty password and any other type of key are ErrUnsupported. The caller wipes
// password and what is returned.
func MarshalPrivate(privateKey any, password []byte) ([]byte, error) {
	der, err := marshalPKCS8(privateKey)
	if err != nil {
		return nil, err
	}
	defer clear(der)
	if password == nil {
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
	}
	encrypted, err := encryptPKCS8(der, lock{password, writtenRounds})
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: encrypted}), nil
}

// marshalPKCS8 writes OneAsymmetricKey (RFC 5958, section 2). The caller wipes it.
func marshalPKCS8(privateKey any) ([]byte, error) {
	switch key := privateKey.(type) {
	case *secp256k1.PrivateKey:
		return marshalSecp256k1PKCS8(key)
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, *ecdh.PrivateKey:
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnsupported, err)
		}
		return der, nil
	}
	return nil, fmt.Errorf("%w: a %T is not written as PKCS#8", ErrUnsupported, privateKey)
}

// marshalSecp256k1PKCS8 writes what openssl genpkey writes: ECPrivateKey (RFC
// 5915, section 3) without the curve, which is in the algorithm beside it.
func marshalSecp256k1PKCS8(key *secp256k1.PrivateKey) ([]byte, error) {
	scalar := key.Serialize()
	defer clear(scalar)
	public := key.PubKey().SerializeUncompressed()
	inner, err := asn1.Marshal(sec1{Version: 1, PrivateKey: scalar, PublicKey: asn1.BitString{Bytes: public, BitLength: 8 * len(public)}})
	if err != nil {
		return nil, err
	}
	defer clear(inner)
	algorithm, err := secp256k1Algorithm()
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(struct {
		Version    int
		Algorithm  pkix.AlgorithmIdentifier
		PrivateKey []byte
	}{0, algorithm, inner})
}
