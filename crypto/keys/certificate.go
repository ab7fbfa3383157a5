package keys

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// parseCertificate reads a certificate (RFC 5280). What follows it in a TRUSTED
// CERTIFICATE, OpenSSL's notes on trust, is not used; nothing else has anything
// behind it.
func parseCertificate(data []byte, trusted bool) (*Public, error) {
	var outer asn1.RawValue
	rest, err := asn1.Unmarshal(data, &outer)
	if err != nil || len(rest) > 0 && !trusted {
		return nil, fmt.Errorf("%w: certificate is damaged or cut off, or has something behind it", ErrMalformed)
	}
	der := outer.FullBytes
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return parseRawCertificate(der, err)
	}
	key, err := parseSPKI(certificate.RawSubjectPublicKeyInfo)
	if err != nil {
		return nil, err
	}
	return &Public{
		Key:            key,
		Container:      X509,
		CertificateDER: der,
		Certificate:    certificate,
		NotBefore:      certificate.NotBefore,
		NotAfter:       certificate.NotAfter,
		KeyUsage:       certificate.KeyUsage,
	}, nil
}

// rawCertificate is Certificate of RFC 5280, section 4.1, as far as it is
// needed for the keys that crypto/x509 refuses.
type rawCertificate struct {
	TBS struct {
		Version      int `asn1:"optional,explicit,default:0,tag:0"`
		SerialNumber *big.Int
		Algorithm    pkix.AlgorithmIdentifier
		Issuer       asn1.RawValue
		Validity     struct{ NotBefore, NotAfter time.Time }
		Subject      asn1.RawValue
		PublicKey    asn1.RawValue
		IssuerID     asn1.BitString   `asn1:"optional,tag:1"`
		SubjectID    asn1.BitString   `asn1:"optional,tag:2"`
		Extensions   []pkix.Extension `asn1:"optional,explicit,tag:3"`
	}
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

var oidKeyUsage = asn1.ObjectIdentifier{2, 5, 29, 15}

// parseRawCertificate reads a certificate that crypto/x509 refused with this
// error because it does not know the curve. The signature is not checked: no
// more is an unchained certificate's.
func parseRawCertificate(der []byte, refused error) (*Public, error) {
	var raw rawCertificate
	if !unmarshal(der, &raw) {
		return nil, fmt.Errorf("%w: certificate cannot be read: %w", ErrMalformed, refused)
	}
	key, err := parseSPKI(raw.TBS.PublicKey.FullBytes)
	if err != nil {
		return nil, err
	}
	if _, ok := key.(*secp256k1.PublicKey); !ok {
		return nil, fmt.Errorf("%w: certificate cannot be read: %w", ErrMalformed, refused)
	}
	public := &Public{
		Key:            key,
		Container:      X509,
		CertificateDER: der,
		NotBefore:      raw.TBS.Validity.NotBefore,
		NotAfter:       raw.TBS.Validity.NotAfter,
	}
	for _, extension := range raw.TBS.Extensions {
		if !extension.Id.Equal(oidKeyUsage) {
			continue
		}
		var bits asn1.BitString
		if !unmarshal(extension.Value, &bits) {
			return nil, fmt.Errorf("%w: the certificate's key usage cannot be read", ErrMalformed)
		}
		for i := range 9 { // RFC 5280, section 4.2.1.3; bit i is x509's 1<<i.
			public.KeyUsage |= x509.KeyUsage(bits.At(i) << i)
		}
	}
	return public, nil
}
