package keys

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// ParsePrivate reads the one private key of a file, whatever that is:
//   - PEM or DER: PKCS#8 (RFC 5958), PKCS#1 (RFC 8017), SEC 1 (RFC 5915);
//     encrypted PKCS#8 with PBES2, over PBKDF2 or scrypt, or with the PBES1 and
//     PKCS#12 schemes of old; the encrypted PEM of RFC 1421; an EC PARAMETERS
//     block, certificates and text beside the key are fine;
//   - an OpenSSH private key, encrypted or not;
//   - a JWK, a JWK Set with one private key;
//   - an age identity, a plugin's too, alone on its line;
//   - an OpenPGP secret key (RFC 9580), armored or not;
//   - a PKCS#12 or JKS keystore with one private key: of several, ParsePrivates
//     takes the alias.
//
// It returns a *rsa.PrivateKey, *ecdsa.PrivateKey, *secp256k1.PrivateKey,
// ed25519.PrivateKey, *ecdh.PrivateKey on X25519, *age.X25519Identity,
// *age.HybridIdentity, *plugin.Identity, which asks nobody anything, or
// *openpgp.Entity. Of an Ed25519 key and another one, it takes the other.
//
// password is used for what is encrypted; nil means that there is none. A file
// can make it work at most 10,000,000 rounds of PBKDF2, 1,000 of bcrypt, or
// scrypt in 1 GiB. Errors wrap ErrMalformed, ErrUnsupported or ErrPassword and
// repeat nothing of what data holds. The caller wipes data and password.
func ParsePrivate(data, password []byte) (any, error) {
	privates, err := ParsePrivates(data, Options{Password: password})
	if err != nil {
		return nil, err
	}
	return Opening(privates)
}

// Opening returns the one key of those of a file, as ParsePrivates returns them;
// of Ed25519 keys, which sign, and one other, that one. The error is ErrMalformed
// if there are several.
func Opening(privates []any) (any, error) {
	openers := slices.DeleteFunc(slices.Clone(privates), func(key any) bool {
		_, signs := key.(ed25519.PrivateKey)
		return signs
	})
	switch {
	case len(privates) == 1:
		return privates[0], nil
	case len(openers) == 1:
		return openers[0], nil
	}
	return nil, fmt.Errorf("%w: the file has several private keys; give one, of a keystore its alias", ErrMalformed)
}

// parseDecrypted reads what a password opened, and wipes it. None of the
// containers authenticates what it holds, so a wrong password may first show in
// DER that is none.
func parseDecrypted(der []byte, err error, parse func([]byte) (any, error)) (any, error) {
	if err != nil {
		return nil, err
	}
	defer clear(der)
	key, err := parse(der)
	if errors.Is(err, ErrMalformed) {
		return nil, errWrongPassword
	}
	return key, err
}

// parsePKCS8 reads OneAsymmetricKey of RFC 5958, section 2.
func parsePKCS8(der []byte) (any, error) {
	if !slices.Contains(shapesPKCS8, shapeOf(der)) {
		return nil, fmt.Errorf("%w: PKCS#8 private key is damaged", ErrMalformed)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if key, found := secp256k1PKCS8(der); found {
			return key, nil
		}
		var info pkcs8
		defer func() { clear(info.PrivateKey) }()
		if unmarshal(der, &info) {
			if name := unknownAlgorithm(info.Algorithm); name != "" {
				return nil, fmt.Errorf("%w: private key of %s", ErrUnsupported, name)
			}
		}
		return nil, fmt.Errorf("%w: PKCS#8 private key is damaged", ErrMalformed)
	}
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		return notP224(key)
	case *rsa.PrivateKey, ed25519.PrivateKey, *ecdh.PrivateKey: // x509 makes the last of X25519 only.
		return key, nil
	}
	return nil, fmt.Errorf("%w: private key is a %T; RSA, EC, Ed25519 and X25519 keys can be used", ErrUnsupported, key)
}

// parsePKCS1 reads RSAPrivateKey of RFC 8017, A.1.2.
func parsePKCS1(der []byte) (any, error) {
	key, err := x509.ParsePKCS1PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: PKCS#1 private key is damaged", ErrMalformed)
	}
	return key, nil
}

// parseSEC1 reads ECPrivateKey of RFC 5915, section 3.
func parseSEC1(der []byte) (any, error) {
	if !slices.Contains(shapesSEC1, shapeOf(der)) {
		return nil, fmt.Errorf("%w: EC private key is damaged", ErrMalformed)
	}
	key, err := x509.ParseECPrivateKey(der)
	if err != nil {
		if key, found := secp256k1SEC1(der, false); found {
			return key, nil
		}
		return nil, fmt.Errorf("%w: EC private key is damaged or on an unknown curve", ErrMalformed)
	}
	return notP224(key)
}

func notP224(key *ecdsa.PrivateKey) (any, error) {
	if key.Curve == elliptic.P224() {
		return nil, errP224
	}
	return key, nil
}
