package keys

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"
)

// parseCertificate reads the certificate that data begins with. What follows
// it in a TRUSTED CERTIFICATE (OpenSSL's notes on trust) is not used.
func parseCertificate(data []byte) (*Public, error) {
	var outer asn1.RawValue
	if _, err := asn1.Unmarshal(data, &outer); err != nil {
		return nil, fmt.Errorf("%w: certificate is not DER: %w", ErrMalformed, err)
	}
	der := outer.FullBytes
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		if public := secp256k1Certificate(der); public != nil {
			return public, nil
		}
		return nil, fmt.Errorf("%w: certificate cannot be read: %w", ErrMalformed, err)
	}
	key, err := supported(certificate.PublicKey)
	if err != nil {
		return nil, err
	}
	return &Public{
		Key:            key,
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

// secp256k1Certificate reads a certificate of a secp256k1 key; nil if it is
// none. The signature is not checked: no more is an unchained certificate's.
func secp256k1Certificate(der []byte) *Public {
	var raw rawCertificate
	if rest, err := asn1.Unmarshal(der, &raw); err != nil || len(rest) > 0 {
		return nil
	}
	key, found := secp256k1SPKI(raw.TBS.PublicKey.FullBytes)
	if !found {
		return nil
	}
	public := &Public{
		Key:            key,
		CertificateDER: der,
		NotBefore:      raw.TBS.Validity.NotBefore,
		NotAfter:       raw.TBS.Validity.NotAfter,
	}
	for _, extension := range raw.TBS.Extensions {
		if extension.Id.Equal(oidKeyUsage) {
			var bits asn1.BitString
			if rest, err := asn1.Unmarshal(extension.Value, &bits); err != nil || len(rest) > 0 {
				return nil
			}
			for i := range 9 { // RFC 5280, section 4.2.1.3; bit i is x509's 1<<i.
				public.KeyUsage |= x509.KeyUsage(bits.At(i) << i)
			}
		}
	}
	return public
}
