package cms

import (
	"bytes"
	"encoding/asn1"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	cryptobyteasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealrelay/sealrelay/crypto"
)

// maxKeys is how many wrapped keys an envelope may have: each costs an
// identity up to one private-key operation.
const maxKeys = 1000

// envelope is what was read of one.
type envelope struct {
	transports []transport
	agreements []agreement
	// content is its cipher and ciphertext, with the MAC behind it if the
	// cipher has one.
	content content
}

// isLegacy says whether the content is not authenticated, or its key is
// wrapped with RSAES-PKCS1-v1_5 for any of the recipients.
func (e *envelope) isLegacy() bool {
	for _, t := range e.transports {
		if t.pkcs1 {
			return true
		}
	}
	return !e.content.authenticated
}

var (
	errVersion    = fmt.Errorf("%w: a version number is not the one that belongs to what follows", crypto.ErrMalformed)
	errNotData    = fmt.Errorf("%w: the content is not plain data; it may be signed, which is not read here", crypto.ErrMalformed)
	errNotSealed  = fmt.Errorf("%w: the CMS content is neither EnvelopedData nor AuthEnvelopedData, so nothing in it is sealed", crypto.ErrMalformed)
	errTooMany    = fmt.Errorf("%w: it has more than %d wrapped keys", crypto.ErrMalformed, maxKeys)
	errNoKeys     = fmt.Errorf("%w: it has no recipients", crypto.ErrMalformed)
	errAttributes = fmt.Errorf("%w: authenticated attributes are empty, or their content type is not the one of the content", crypto.ErrMalformed)
)

// parse reads DER, strictly. An algorithm that is not known here is no error
// yet: it is one for whom it concerns.
func parse(der []byte) (*envelope, error) {
	contentType, err := contentTypeOf(der)
	if err != nil {
		return nil, err
	}
	switch {
	case contentType.Equal(oidAuthEnvelopedData):
		return parseAuthEnveloped(der)
	case contentType.Equal(oidEnvelopedData):
		return parseEnveloped(der)
	}
	return nil, errNotSealed
}

func contentTypeOf(der []byte) (asn1.ObjectIdentifier, error) {
	s := cryptobyte.String(der)
	var contentType asn1.ObjectIdentifier
	if !s.ReadASN1(&s, cryptobyteasn1.SEQUENCE) || !s.ReadASN1ObjectIdentifier(&contentType) {
		return nil, errMalformed
	}
	return contentType, nil
}

func parseAuthEnveloped(der []byte) (*envelope, error) {
	info, err := strict[contentInfo[authEnvelopedData]](der, "")
	if err != nil {
		return nil, err
	}
	data := info.Content
	e := &envelope{}
	if _, err := e.addRecipients(data.Recipients); err != nil {
		return nil, err
	}
	if data.Version != 0 { // RFC 5083, section 2.1.
		return nil, errVersion
	}
	if !data.Content.Type.Equal(oidData) {
		return nil, errNotData
	}
	additional, err := additionalData(data.Attributes)
	if err != nil {
		return nil, err
	}
	e.content, err = parseGCM(data.Content, data.MAC, additional)
	return e, err
}

func parseEnveloped(der []byte) (*envelope, error) {
	info, err := strict[contentInfo[envelopedData]](der, "")
	if err != nil {
		return nil, err
	}
	data := info.Content
	e := &envelope{}
	version, err := e.addRecipients(data.Recipients)
	if err != nil {
		return nil, err
	}
	if data.Version != version {
		return nil, errVersion
	}
	if !data.Content.Type.Equal(oidData) {
		return nil, errNotData
	}
	e.content, err = parseCBC(data.Content)
	return e, err
}

// additionalData is what RFC 5083, section 2.2, has authenticated beside the
// content: the attributes under the tag of a SET.
func additionalData(attributes []attribute) ([]byte, error) {
	if attributes == nil {
		return nil, nil
	}
	if !validAttributes(attributes) {
		return nil, errAttributes
	}
	return asn1.MarshalWithParams(attributes, "set")
}

// validAttributes says whether there are attributes, and the content type, if it
// is one of them, comes once and is that of the content (RFC 5652, section 11.1).
func validAttributes(attributes []attribute) bool {
	types := 0
	for _, a := range attributes {
		if !a.Type.Equal(oidContentType) {
			continue
		}
		if types++; types > 1 || len(a.Values) != 1 || !bytes.Equal(a.Values[0].FullBytes, dataOID) {
			return false
		}
	}
	return len(attributes) > 0
}

// addRecipients reads RecipientInfos. It returns the version that an
// EnvelopedData with them has (RFC 5652, section 6.1).
func (e *envelope) addRecipients(infos []asn1.RawValue) (version int, err error) {
	if len(infos) == 0 {
		return 0, errNoKeys
	}
	count := 0
	for _, info := range infos {
		switch {
		case info.Class == asn1.ClassUniversal && info.Tag == asn1.TagSequence:
			t, err := parseTransport(info.FullBytes)
			if err != nil {
				return 0, err
			}
			e.transports = append(e.transports, t)
			if t.keyID != nil {
				version = max(version, 2)
			}
			count++
		case info.Class == asn1.ClassContextSpecific && info.Tag == 1 && info.IsCompound:
			a, err := parseAgreement(info.FullBytes)
			if err != nil {
				return 0, err
			}
			e.agreements = append(e.agreements, a)
			version = max(version, 2)
			count += len(a.keys)
		case info.Class == asn1.ClassContextSpecific && info.Tag == 2 && info.IsCompound: // Key-encryption key.
			version = max(version, 2)
			count++
		case info.Class == asn1.ClassContextSpecific && info.IsCompound && (info.Tag == 3 || info.Tag == 4): // Password, other.
			version = 3
			count++
		default:
			return 0, errMalformed
		}
		if count > maxKeys {
			return 0, errTooMany
		}
	}
	return version, nil
}

// wrapped is one wrapped key.
type wrapped struct {
	// keyID is the SubjectKeyIdentifier of whom it is for; nil if the recipient
	// is named by issuer and serial number.
	keyID []byte
	key   []byte
}

// isFor says whether the key is named by this identifier. If not, it may still
// be for the same key, named by its certificate or in another way.
func (w wrapped) isFor(keyID []byte) bool { return bytes.Equal(w.keyID, keyID) }

// parseIssuer checks an issuer and serial number.
func parseIssuer(identifier asn1.RawValue) error {
	name, err := strict[issuerAndSerialNumber](identifier.FullBytes, "")
	if err == nil && (name.Issuer.Class != asn1.ClassUniversal || name.Issuer.Tag != asn1.TagSequence) {
		err = errMalformed
	}
	return err
}

// isTagged says whether a choice is its alternative [0].
func isTagged(choice asn1.RawValue) bool {
	return choice.Class == asn1.ClassContextSpecific && choice.Tag == 0
}
