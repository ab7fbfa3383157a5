package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"
)

// Kinds are the words that Generate takes.
var Kinds = []string{
	"age", "age-pq",
	"rsa-2048", "rsa-3072", "rsa-4096",
	"ec-p256", "ec-p384", "ec-p521",
	"ed25519",
}

// Generate makes a key pair of one of Kinds: a PKCS#8 PEM and an SPKI PEM, or
// an age identity and its recipient. ed25519 is for the service's signing key.
// The caller wipes private. Any other kind is ErrUnsupported.
func Generate(kind string) (private []byte, public string, err error) {
	var key crypto.Signer
	switch kind {
	case "age":
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, "", err
		}
		private, public = identityFile(identity.Recipient().String(), identity.String())
		return private, public, nil
	case "age-pq":
		identity, err := age.GenerateHybridIdentity()
		if err != nil {
			return nil, "", err
		}
		private, public = identityFile(identity.Recipient().String(), identity.String())
		return private, public, nil
	case "rsa-2048":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "rsa-3072":
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case "rsa-4096":
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	case "ec-p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ec-p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ec-p521":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, "", fmt.Errorf("%w: cannot make a key of kind %q; there are %s", ErrUnsupported, kind, strings.Join(Kinds, ", "))
	}
	if err != nil {
		return nil, "", fmt.Errorf("make a key of kind %s: %w", kind, err)
	}
	return pemPair(key)
}

func identityFile(recipient, identity string) (private []byte, public string) {
	return fmt.Appendf(nil, "# public key: %s\n%s\n", recipient, identity), recipient + "\n"
}

func pemPair(key crypto.Signer) ([]byte, string, error) {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, "", err
	}
	defer clear(private)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, "", err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})), nil
}

// SelfSigned returns a PEM certificate for the public half of privateKey, a
// *rsa.PrivateKey or *ecdsa.PrivateKey, that names commonName and permits
// encryption: key usage keyEncipherment for RSA, keyAgreement for EC (RFC 5280,
// section 4.2.1.3). It is for tools that take certificates only; trust in it
// comes from pinning it.
func SelfSigned(privateKey any, commonName string, notBefore, notAfter time.Time) ([]byte, error) {
	var signer crypto.Signer
	var usage x509.KeyUsage
	switch key := privateKey.(type) {
	case *rsa.PrivateKey:
		signer, usage = key, x509.KeyUsageKeyEncipherment
	case *ecdsa.PrivateKey:
		signer, usage = key, x509.KeyUsageKeyAgreement
	default:
		return nil, fmt.Errorf("%w: a certificate is made for RSA and EC keys, not for a %T", ErrUnsupported, privateKey)
	}
	// A nil SerialNumber asks for a random one.
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             notBefore,
		NotAfter:              notAfter,
		KeyUsage:              usage,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
