package keys

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The shapes of what DER files hold: the types of a sequence's elements, which
// tell the structures apart before any is parsed.
const (
	shapeSigned       = "SSB"       // Certificate (RFC 5280), CertificationRequest (RFC 2986), CertificateList
	shapeSPKI         = "SB"        // SubjectPublicKeyInfo (RFC 5280)
	shapeEncrypted    = "SO"        // EncryptedPrivateKeyInfo (RFC 5958)
	shapePKCS1Public  = "II"        // RSAPublicKey (RFC 8017)
	shapePKCS1Private = "IIIIIIIII" // RSAPrivateKey (RFC 8017)
	shapeDSAPrivate   = "IIIIII"    // as OpenSSL writes it
	shapeContentInfo  = "iC"        // ContentInfo (RFC 5652)
)

// PKCS#8, SEC 1 and PKCS#12 have optional elements.
var (
	shapesPKCS8  = []string{"ISO", "ISOC", "ISOCC"} // OneAsymmetricKey (RFC 5958)
	shapesSEC1   = []string{"IO", "IOC", "IOCC"}    // ECPrivateKey (RFC 5915)
	shapesPKCS12 = []string{"IS", "ISS"}            // PFX (RFC 7292)
)

// maxElements is more than any sequence that has a shape.
const maxElements = 12

// shapeOf returns the shape of the one sequence that der is; empty if it is
// none, or has something behind it.
func shapeOf(der []byte) string {
	input := cryptobyte.String(der)
	var sequence cryptobyte.String
	if !input.ReadASN1(&sequence, asn1.SEQUENCE) || !input.Empty() {
		return ""
	}
	var shape []byte
	for !sequence.Empty() {
		var element cryptobyte.String
		var tag asn1.Tag
		if !sequence.ReadAnyASN1(&element, &tag) || len(shape) == maxElements {
			return ""
		}
		shape = append(shape, shapeLetter(tag))
	}
	return string(shape)
}

func shapeLetter(tag asn1.Tag) byte {
	switch tag {
	case asn1.SEQUENCE:
		return 'S'
	case asn1.INTEGER:
		return 'I'
	case asn1.OCTET_STRING:
		return 'O'
	case asn1.BIT_STRING:
		return 'B'
	case asn1.OBJECT_IDENTIFIER:
		return 'i'
	case asn1.Tag(0).ContextSpecific().Constructed(), asn1.Tag(1).ContextSpecific().Constructed(), asn1.Tag(1).ContextSpecific():
		return 'C'
	}
	return '?'
}

// readDER returns what a DER file holds.
func readDER(der []byte, with *unlocker) ([]item, error) {
	private := func(container Container, parse func([]byte) (any, error)) ([]item, error) {
		return []item{privateItem("a DER private key", container, func() (any, error) { return parse(der) })}, nil
	}
	public := func(container Container, parse func([]byte) (any, error)) ([]item, error) {
		return []item{publicItem("a DER public key", container, func() (any, error) { return parse(der) })}, nil
	}
	switch shape := shapeOf(der); {
	case shape == shapeSigned && otherSigned(der) == "":
		return []item{{
			name:      "a certificate",
			container: X509,
			publics:   func() ([]*Public, error) { return one(parseCertificate(bytes.Clone(der), false)) },
		}}, nil
	case shape == shapeSPKI:
		return public(SPKI, parseSPKI)
	case shape == shapePKCS1Public:
		return public(PKCS1, parsePKCS1Public)
	case shape == shapeEncrypted:
		return []item{encryptedItem("an encrypted DER private key", der, with)}, nil
	case shape == shapePKCS1Private:
		return private(PKCS1, parsePKCS1)
	case slices.Contains(shapesPKCS8, shape):
		return private(PKCS8, parsePKCS8)
	case slices.Contains(shapesSEC1, shape):
		return private(SEC1, parseSEC1)
	}
	return nil, fmt.Errorf("%w: %s", ErrMalformed, describe(der))
}

// otherSigned says what a structure of shapeSigned is if it is no certificate,
// by the shape of what is signed: it may be for a key that is not read here.
func otherSigned(der []byte) string {
	input := cryptobyte.String(der)
	var outer, signed cryptobyte.String
	if !input.ReadASN1(&outer, asn1.SEQUENCE) || !outer.ReadASN1Element(&signed, asn1.SEQUENCE) {
		return ""
	}
	switch shape := shapeOf(signed); {
	case shape == "ISSC", shape == "ISS": // RFC 2986, section 4.1
		return "a certificate signing request"
	case strings.HasPrefix(shape, "ISS?"), strings.HasPrefix(shape, "SS?"): // RFC 5280, section 5.1
		return "a certificate revocation list"
	}
	return ""
}
