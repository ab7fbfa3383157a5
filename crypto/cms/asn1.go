package cms

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/sealrelay/sealrelay/crypto"
)

// The content types of RFC 5652, sections 4 and 6, and RFC 5083, section 2.
var (
	oidData              = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidEnvelopedData     = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 3}
	oidAuthEnvelopedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 16, 1, 23}
)

// oidContentType is the attribute of RFC 5652, section 11.1, and dataOID its
// only value here, id-data as DER.
var (
	oidContentType = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	dataOID        = []byte{0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1}
)

// contentInfo is ContentInfo of RFC 5652, section 3.
type contentInfo[T any] struct {
	Type    asn1.ObjectIdentifier
	Content T `asn1:"explicit,tag:0"`
}

// envelopedData is EnvelopedData of RFC 5652, section 6.1, without the optional
// fields, which nothing authenticates.
type envelopedData struct {
	Version    int
	Recipients []asn1.RawValue `asn1:"set"`
	Content    encryptedContentInfo
}

// authEnvelopedData is AuthEnvelopedData of RFC 5083, section 2.1, without
// originatorInfo and unauthAttrs, which nothing authenticates.
type authEnvelopedData struct {
	Version    int
	Recipients []asn1.RawValue `asn1:"set"`
	Content    encryptedContentInfo
	Attributes []attribute `asn1:"optional,set,tag:1"`
	MAC        []byte
}

// encryptedContentInfo is EncryptedContentInfo of RFC 5652, section 6.1. The
// content is not optional here: it is never detached.
type encryptedContentInfo struct {
	Type      asn1.ObjectIdentifier
	Algorithm pkix.AlgorithmIdentifier
	Content   []byte `asn1:"tag:0"`
}

// attribute is Attribute of RFC 5652, section 5.3.
type attribute struct {
	Type   asn1.ObjectIdentifier
	Values []asn1.RawValue `asn1:"set"`
}

// keyTransRecipientInfo is KeyTransRecipientInfo of RFC 5652, section 6.2.1.
type keyTransRecipientInfo struct {
	Version      int
	Recipient    asn1.RawValue
	Algorithm    pkix.AlgorithmIdentifier
	EncryptedKey []byte
}

// keyAgreeRecipientInfo is KeyAgreeRecipientInfo of RFC 5652, section 6.2.2. It
// is marked by keyAgreeTag in the choice that RecipientInfo is.
type keyAgreeRecipientInfo struct {
	Version    int
	Originator asn1.RawValue
	UKM        []byte `asn1:"optional,explicit,tag:1"`
	Algorithm  pkix.AlgorithmIdentifier
	Keys       []recipientEncryptedKey
}

const keyAgreeTag = "tag:1"

// recipientEncryptedKey is RecipientEncryptedKey of RFC 5652, section 6.2.2.
type recipientEncryptedKey struct {
	Recipient    asn1.RawValue
	EncryptedKey []byte
}

// originator is OriginatorIdentifierOrKey of RFC 5652, section 6.2.2, with the
// one choice that RFC 5753, section 3.1.1, allows. It is marked by
// originatorTag.
type originator struct {
	Key originatorPublicKey `asn1:"tag:1"`
}

const originatorTag = "tag:0"

// originatorPublicKey is OriginatorPublicKey of RFC 5652, section 6.2.2.
type originatorPublicKey struct {
	Algorithm pkix.AlgorithmIdentifier
	PublicKey asn1.BitString
}

// issuerAndSerialNumber is IssuerAndSerialNumber of RFC 5652, section 10.2.4.
type issuerAndSerialNumber struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// recipientKeyIdentifier is RecipientKeyIdentifier of RFC 5652, section 6.2.2.
// It is marked by keyIdentifierTag, as the plain SubjectKeyIdentifier of a
// KeyTransRecipientInfo is.
type recipientKeyIdentifier struct {
	SubjectKeyIdentifier []byte
	Date                 time.Time     `asn1:"optional,generalized"`
	Other                asn1.RawValue `asn1:"optional"`
}

const keyIdentifierTag = "tag:0"

// errMalformed is for everything that is not as the structures above say. It
// is constant: nothing of an envelope is in it.
var errMalformed = fmt.Errorf("%w: not the DER of an EnvelopedData or AuthEnvelopedData with nothing before, inside or behind it that does not belong", crypto.ErrMalformed)

// strict reads a T that is marked by params, and refuses what is not its DER.
// encoding/asn1 overlooks surplus at the end of a sequence and the order of a
// set; that the same bytes come out again proves that there is none of these.
func strict[T any](der []byte, params string) (T, error) {
	var value, none T
	if rest, err := asn1.UnmarshalWithParams(der, &value, params); err != nil || len(rest) > 0 {
		return none, errMalformed
	}
	if again, err := asn1.MarshalWithParams(value, params); err != nil || !bytes.Equal(again, der) {
		return none, errMalformed
	}
	return value, nil
}

// optionalNull says whether parameters are absent or NULL.
func optionalNull(parameters asn1.RawValue) bool {
	return len(parameters.FullBytes) == 0 || bytes.Equal(parameters.FullBytes, asn1.NullBytes)
}
