package keys

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Template is what a certificate, or a request for one, says beside the key. It
// permits encryption and nothing else: key usage keyEncipherment for RSA,
// keyAgreement for EC (RFC 5280, section 4.2.1.3).
type Template struct {
	// Subject is whom it is for, as ParseSubject returns it. It may be empty in
	// a request with Names.
	Subject pkix.RDNSequence
	// Names are the subject alternative names (RFC 5280, section 4.2.1.6), each
	// as "DNS:host", "IP:address", "email:address" or "URI:uri", or one without
	// its kind, which is an IP address, an email address with an @, or a host.
	Names []string
	// NotBefore and NotAfter bound the validity, both inclusive, in whole
	// seconds. A request has none.
	NotBefore, NotAfter time.Time
}

// SelfSigned is the Certificate of a Template with this common name and
// validity. It is for tools that take certificates only; trust in it comes from
// pinning it.
func SelfSigned(privateKey any, commonName string, notBefore, notAfter time.Time) ([]byte, error) {
	template := Template{Subject: CommonName(commonName), NotBefore: notBefore, NotAfter: notAfter}
	return template.Certificate(privateKey)
}

// Certificate returns a PEM certificate (RFC 5280) for the public half of
// privateKey, a *rsa.PrivateKey, *ecdsa.PrivateKey or *secp256k1.PrivateKey, that
// is signed by it. Any other type is ErrUnsupported.
func (t Template) Certificate(privateKey any) ([]byte, error) {
	parts, err := t.parts(privateKey)
	if err != nil {
		return nil, err
	}
	if len(t.Subject) == 0 {
		return nil, fmt.Errorf("%w: a certificate needs a subject, which is its issuer too", ErrUnsupported)
	}
	if !t.NotAfter.After(t.NotBefore) {
		return nil, fmt.Errorf("%w: the certificate would end before it begins", ErrUnsupported)
	}
	var der []byte
	switch key := privateKey.(type) {
	case *secp256k1.PrivateKey:
		der, err = parts.secp256k1Certificate(key, t.NotBefore, t.NotAfter)
	case crypto.Signer:
		// A nil SerialNumber asks for a random one.
		template := &x509.Certificate{RawSubject: parts.subject, NotBefore: t.NotBefore, NotAfter: t.NotAfter, ExtraExtensions: parts.extensions}
		der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	}
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// Request returns a PEM certificate signing request (PKCS#10, RFC 2986) for an
// authority to sign; privateKey is as for Certificate.
func (t Template) Request(privateKey any) ([]byte, error) {
	parts, err := t.parts(privateKey)
	if err != nil {
		return nil, err
	}
	if len(t.Subject) == 0 && len(t.Names) == 0 {
		return nil, fmt.Errorf("%w: a request needs a subject or names", ErrUnsupported)
	}
	var der []byte
	switch key := privateKey.(type) {
	case *secp256k1.PrivateKey:
		der, err = parts.secp256k1Request(key)
	case crypto.Signer:
		template := &x509.CertificateRequest{RawSubject: parts.subject, ExtraExtensions: parts.extensions}
		der, err = x509.CreateCertificateRequest(rand.Reader, template, key)
	}
	if err != nil {
		return nil, fmt.Errorf("make a certificate signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// templateParts are the parts of a Template in DER.
type templateParts struct {
	subject    []byte
	extensions []pkix.Extension
}

var (
	oidBasicConstraints = asn1.ObjectIdentifier{2, 5, 29, 19}
	oidSubjectAltName   = asn1.ObjectIdentifier{2, 5, 29, 17}
)

func (t Template) parts(privateKey any) (*templateParts, error) {
	usage, err := usageFor(privateKey)
	if err != nil {
		return nil, err
	}
	parts := &templateParts{}
	if parts.subject, err = marshalSubject(t.Subject); err != nil {
		return nil, err
	}
	parts.extensions = []pkix.Extension{
		{Id: oidBasicConstraints, Critical: true, Value: []byte{0x30, 0}}, // no authority
		{Id: oidKeyUsage, Critical: true, Value: usage},
	}
	if len(t.Names) == 0 {
		return parts, nil
	}
	names, err := marshalNames(t.Names)
	if err != nil {
		return nil, err
	}
	// Critical if it is all there is (RFC 5280, section 4.2.1.6).
	parts.extensions = append(parts.extensions, pkix.Extension{Id: oidSubjectAltName, Critical: len(t.Subject) == 0, Value: names})
	return parts, nil
}

func marshalSubject(subject pkix.RDNSequence) ([]byte, error) {
	der, err := asn1.Marshal(subject)
	if err != nil {
		return nil, fmt.Errorf("%w: the subject cannot be written: %w", ErrUnsupported, err)
	}
	return der, nil
}

// usageFor returns KeyUsage (RFC 5280, section 4.2.1.3) for a key.
func usageFor(privateKey any) ([]byte, error) {
	switch privateKey.(type) {
	case *rsa.PrivateKey:
		return asn1.Marshal(asn1.BitString{Bytes: []byte{0x20}, BitLength: 3}) // keyEncipherment
	case *ecdsa.PrivateKey, *secp256k1.PrivateKey:
		return asn1.Marshal(asn1.BitString{Bytes: []byte{0x08}, BitLength: 5}) // keyAgreement
	}
	public, err := PublicOf(privateKey)
	if err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%w: certificates for encryption are made for RSA and EC keys; seal to the public key of a key of kind %s as it is, or make an EC key", ErrUnsupported, Kind(public))
}
