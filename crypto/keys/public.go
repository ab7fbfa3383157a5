package keys

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"filippo.io/age"
	"filippo.io/age/plugin"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Public is a public key and, where it came in one, its certificate.
type Public struct {
	// Key is a *rsa.PublicKey, *ecdsa.PublicKey, *secp256k1.PublicKey,
	// ed25519.PublicKey (sealed to by age only, which is meant for SSH keys),
	// *ecdh.PublicKey on X25519, *age.X25519Recipient, *age.HybridRecipient,
	// *plugin.Recipient or *openpgp.Entity.
	Key any
	// Container is what the key came in.
	Container Container
	// CertificateDER is the certificate as it came; nil if there was none.
	CertificateDER []byte
	// Certificate is CertificateDER parsed; nil if there was none, and for a
	// secp256k1 certificate, which the standard library cannot parse or verify.
	Certificate *x509.Certificate
	// Intermediates are the certificates that followed the first one in its
	// file, in their order; those of secp256k1 keys are left out, because
	// nothing here could check their signatures.
	Intermediates []*x509.Certificate
	// NotBefore and NotAfter bound the certificate's validity, both inclusive;
	// zero without a certificate.
	NotBefore, NotAfter time.Time
	// KeyUsage is the certificate's; 0 without a certificate or where the
	// certificate does not restrict it.
	KeyUsage x509.KeyUsage
}

// ID is the package function ID of the key.
func (p *Public) ID() string {
	id, err := ID(p.Key)
	if err != nil { // ParsePublic makes no such Public.
		return ""
	}
	return id
}

// Kind is the package function Kind of the key.
func (p *Public) Kind() string { return Kind(p.Key) }

// Fingerprint is "sha256:" and the lower-case hex SHA-256 of the certificate's
// DER; empty without a certificate.
func (p *Public) Fingerprint() string {
	if p.CertificateDER == nil {
		return ""
	}
	return digest(p.CertificateDER)
}

// Container is what a key comes in.
type Container string

// The containers. For a PKCS#12 or JKS keystore it is what is in it.
const (
	X509        Container = "X.509 certificate"
	SPKI        Container = "SubjectPublicKeyInfo"
	PKCS1       Container = "PKCS#1 key"
	PKCS8       Container = "PKCS#8 key"
	SEC1        Container = "SEC 1 key"
	JWK         Container = "JWK"
	SSH         Container = "SSH key"
	AgeKey      Container = "age key"
	OpenPGPCert Container = "OpenPGP key"
)

// DefaultFormat is the name of the envelope format used for the key when none
// is asked for. It is that of the container where that has one of its own: jwe
// for a JWK, age for an age or an SSH key, openpgp for an OpenPGP key. Otherwise
// it is js7 for RSA and EC keys, jwe for X25519, and empty for Ed25519, which is
// a signature key.
func (p *Public) DefaultFormat() string {
	switch p.Key.(type) {
	case *age.X25519Recipient, *age.HybridRecipient, *plugin.Recipient:
		return "age"
	case *openpgp.Entity:
		return "openpgp"
	case *ecdh.PublicKey:
		return "jwe"
	case ed25519.PublicKey:
		if p.Container == SSH {
			return "age"
		}
		return ""
	case *rsa.PublicKey:
		if p.Container == SSH {
			return "age"
		}
	}
	if p.Container == JWK {
		return "jwe"
	}
	return "js7"
}

// byteOrderMark is what editors of some systems put before UTF-8 text.
var byteOrderMark = []byte("\xef\xbb\xbf")

// ParsePublic reads the one public key of a file, whatever that is:
//   - PEM: a certificate (CERTIFICATE, TRUSTED CERTIFICATE) with or without its
//     chain, else a PUBLIC KEY, RSA PUBLIC KEY or EC PUBLIC KEY; text around the
//     blocks, CRLF, and a private key beside it are fine;
//   - DER: a certificate, SubjectPublicKeyInfo (RFC 5280) or PKCS#1 (RFC 8017);
//   - a JWK (RFC 7517);
//   - SSH: a line of an authorized_keys file, without options, or RFC 4716;
//   - an age recipient, a plugin's too, alone on its line;
//   - an OpenPGP certificate (RFC 9580), armored or not;
//   - a PKCS#12 (RFC 7292) or JKS keystore that needs no password: ParsePublics
//     takes one.
//
// Of an Ed25519 key and one that can be sealed to, it takes the latter. It
// returns ErrMalformed, ErrUnsupported, ErrPrivate or ErrPassword; no error
// repeats what data holds.
func ParsePublic(data []byte) (*Public, error) {
	publics, err := ParsePublics(data, Options{})
	if err != nil {
		return nil, err
	}
	sealed := slices.DeleteFunc(slices.Clone(publics), func(p *Public) bool { return p.DefaultFormat() == "" })
	switch {
	case len(publics) == 1:
		return publics[0], nil
	case len(sealed) == 1:
		return sealed[0], nil
	}
	return nil, fmt.Errorf("%w: the file has several public keys; give one", ErrMalformed)
}

// parseSPKI reads SubjectPublicKeyInfo of RFC 5280, section 4.1.
func parseSPKI(der []byte) (any, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err == nil {
		return supported(key)
	}
	if key, found := secp256k1SPKI(der); found {
		return key, nil
	}
	var info spki
	if unmarshal(der, &info) {
		if name := unknownAlgorithm(info.Algorithm); name != "" {
			return nil, fmt.Errorf("%w: public key of %s", ErrUnsupported, name)
		}
	}
	return nil, fmt.Errorf("%w: public key is damaged", ErrMalformed)
}

// parsePKCS1Public reads RSAPublicKey of RFC 8017, A.1.1.
func parsePKCS1Public(der []byte) (any, error) {
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("%w: PKCS#1 public key is damaged", ErrMalformed)
	}
	return supported(key)
}

// supported passes the key types that ID knows.
func supported(key any) (any, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if key.N.BitLen() > maxRSABits {
			return nil, fmt.Errorf("%w: RSA key has %d bits, more than %d", ErrUnsupported, key.N.BitLen(), maxRSABits)
		}
		return key, nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P224() {
			return nil, errP224
		}
		return key, nil
	case ed25519.PublicKey, *ecdh.PublicKey: // x509 makes the latter of X25519 only.
		return key, nil
	}
	return nil, fmt.Errorf("%w: public key is a %T; RSA, EC, Ed25519 and X25519 keys can be used", ErrUnsupported, key)
}

// maxRSABits bounds the work that a public key can ask for.
const maxRSABits = 16384

// errP224 refuses the one curve that the standard library reads and that is not
// used here.
var errP224 = fmt.Errorf("%w: EC key on P-224, which is too weak; give one on P-256", ErrUnsupported)
