package keys

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// ecdsaWithSHA256 is the AlgorithmIdentifier of RFC 5758, section 3.2.
var ecdsaWithSHA256 = pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}

// secp256k1Certificate makes the certificate that crypto/x509 refuses to make
// (RFC 5280, section 4.1).
func (p *templateParts) secp256k1Certificate(key *secp256k1.PrivateKey, notBefore, notAfter time.Time) ([]byte, error) {
	public, err := marshalSecp256k1(key.PubKey())
	if err != nil {
		return nil, err
	}
	type tbs struct {
		Version      int `asn1:"explicit,tag:0"`
		SerialNumber *big.Int
		Algorithm    pkix.AlgorithmIdentifier
		Issuer       asn1.RawValue
		Validity     struct{ NotBefore, NotAfter time.Time }
		Subject      asn1.RawValue
		PublicKey    asn1.RawValue
		Extensions   []pkix.Extension `asn1:"explicit,tag:3"`
	}
	name := asn1.RawValue{FullBytes: p.subject}
	return signSecp256k1(key, tbs{
		Version:      2, // v3
		SerialNumber: newSerialNumber(),
		Algorithm:    ecdsaWithSHA256,
		Issuer:       name,
		Validity:     struct{ NotBefore, NotAfter time.Time }{notBefore.UTC(), notAfter.UTC()},
		Subject:      name,
		PublicKey:    asn1.RawValue{FullBytes: public},
		Extensions:   p.extensions,
	})
}

// newSerialNumber is positive and has 158 random bits, within the 20 octets of
// RFC 5280, section 4.1.2.2.
func newSerialNumber() *big.Int {
	octets := make([]byte, 20)
	_, _ = rand.Read(octets) // It never fails.
	octets[0] = octets[0]&0x7f | 0x40
	return new(big.Int).SetBytes(octets)
}

var oidExtensionRequest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 14}

// secp256k1Request makes a request with the extensions in the attribute of RFC
// 2985, section 5.4.2.
func (p *templateParts) secp256k1Request(key *secp256k1.PrivateKey) ([]byte, error) {
	public, err := marshalSecp256k1(key.PubKey())
	if err != nil {
		return nil, err
	}
	type attribute struct {
		Type   asn1.ObjectIdentifier
		Values [][]pkix.Extension `asn1:"set"`
	}
	type info struct {
		Version    int
		Subject    asn1.RawValue
		PublicKey  asn1.RawValue
		Attributes []attribute `asn1:"set,tag:0"`
	}
	return signSecp256k1(key, info{
		Subject:    asn1.RawValue{FullBytes: p.subject},
		PublicKey:  asn1.RawValue{FullBytes: public},
		Attributes: []attribute{{oidExtensionRequest, [][]pkix.Extension{p.extensions}}},
	})
}

// signSecp256k1 puts the signature (RFC 5758, section 3.2) behind what it signs,
// as certificates and requests have it.
func signSecp256k1(key *secp256k1.PrivateKey, signed any) ([]byte, error) {
	der, err := asn1.Marshal(signed)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(der)
	signature := ecdsa.Sign(key, hash[:]).Serialize()
	return asn1.Marshal(struct {
		Signed    asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: der}, ecdsaWithSHA256, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}})
}
