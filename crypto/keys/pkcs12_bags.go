package keys

import (
	"bytes"
	"crypto/x509"
	"encoding/asn1"
	"slices"
	"strconv"
	"unicode/utf16"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// The bags and attributes of RFC 7292, section 4.2, and the attribute with which
// Java marks what it trusts.
const (
	oidKeyBag          = "1.2.840.113549.1.12.10.1.1"
	oidShroudedKeyBag  = "1.2.840.113549.1.12.10.1.2"
	oidCertBag         = "1.2.840.113549.1.12.10.1.3"
	oidX509Certificate = "1.2.840.113549.1.9.22.1"
	oidFriendlyName    = "1.2.840.113549.1.9.20"
	oidLocalKeyID      = "1.2.840.113549.1.9.21"
	oidJavaTrusted     = "2.16.840.1.113894.746875.1.1"
)

// pkcs12Bag is a SafeBag: a key, or a certificate.
type pkcs12Bag struct {
	key         []byte // PrivateKeyInfo, or EncryptedPrivateKeyInfo
	encrypted   bool
	certificate []byte
	alias       string // friendlyName
	keyID       []byte // localKeyId: what a key and its certificate share
	trusted     bool
}

// readSafeContents reads the bags of SafeContents. Bags of other things (CRLs,
// symmetric keys) are passed over.
func readSafeContents(plain []byte) ([]pkcs12Bag, error) {
	input := cryptobyte.String(plain)
	var contents cryptobyte.String
	if !input.ReadASN1(&contents, der.SEQUENCE) || !input.Empty() {
		return nil, errPKCS12
	}
	var bags []pkcs12Bag
	for !contents.Empty() {
		var safeBag, value, attributes cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !contents.ReadASN1(&safeBag, der.SEQUENCE) || !safeBag.ReadASN1ObjectIdentifier(&oid) ||
			!safeBag.ReadASN1(&value, der.Tag(0).ContextSpecific().Constructed()) ||
			!safeBag.ReadOptionalASN1(&attributes, nil, der.SET) || !safeBag.Empty() {
			return nil, errPKCS12
		}
		bag := pkcs12Bag{}
		switch oid.String() {
		case oidKeyBag:
			bag.key = value
		case oidShroudedKeyBag:
			bag.key, bag.encrypted = value, true
		case oidCertBag:
			certificate, ok := readCertBag(value)
			if !ok {
				return nil, errPKCS12
			}
			bag.certificate = certificate
		default:
			continue
		}
		if !bag.readAttributes(attributes) {
			return nil, errPKCS12
		}
		bags = append(bags, bag)
	}
	return bags, nil
}

func readCertBag(value cryptobyte.String) ([]byte, bool) {
	var bag, wrapped, certificate cryptobyte.String
	var kind asn1.ObjectIdentifier
	ok := value.ReadASN1(&bag, der.SEQUENCE) && value.Empty() &&
		bag.ReadASN1ObjectIdentifier(&kind) && kind.String() == oidX509Certificate &&
		bag.ReadASN1(&wrapped, der.Tag(0).ContextSpecific().Constructed()) && bag.Empty() &&
		wrapped.ReadASN1(&certificate, der.OCTET_STRING) && wrapped.Empty()
	return certificate, ok
}

func (b *pkcs12Bag) readAttributes(attributes cryptobyte.String) bool {
	for !attributes.Empty() {
		var attribute, values, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !attributes.ReadASN1(&attribute, der.SEQUENCE) || !attribute.ReadASN1ObjectIdentifier(&oid) ||
			!attribute.ReadASN1(&values, der.SET) || !attribute.Empty() {
			return false
		}
		switch oid.String() {
		case oidFriendlyName:
			if !values.ReadASN1(&value, der.Tag(30)) || len(value)%2 != 0 { // BMPString
				return false
			}
			var units []uint16
			for i := 0; i < len(value); i += 2 {
				units = append(units, uint16(value[i])<<8|uint16(value[i+1]))
			}
			b.alias = string(utf16.Decode(units))
		case oidLocalKeyID:
			if !values.ReadASN1(&value, der.OCTET_STRING) {
				return false
			}
			b.keyID = value
		case oidJavaTrusted:
			b.trusted = true
		}
	}
	return true
}

// maxChain bounds the certificates that one was issued by.
const maxChain = 16

// pkcs12Items makes entries of bags: one of each key, with its certificate and
// what that was issued by, and one of each certificate that stands for itself. A
// keystore with keys has others for its chains only, unless Java marked them.
// What has no alias gets its number for one, as keytool has it.
func pkcs12Items(bags []pkcs12Bag, with *unlocker) []item {
	hasKeys := slices.ContainsFunc(bags, func(b pkcs12Bag) bool { return b.key != nil })
	certificates := indexCertificates(bags)
	var items []item
	for _, bag := range bags {
		entry := storeEntry{keystore: pkcs12Name, alias: bag.alias, encrypted: bag.encrypted}
		switch {
		case bag.key != nil:
			entry.private = func() (any, error) { return bag.open(with) }
			entry.chain = certificates.chain(bag.certificateIn(certificates, with))
		case hasKeys && !bag.trusted:
			continue
		default:
			entry.chain = [][]byte{bag.certificate}
		}
		if entry.alias == "" {
			entry.alias = strconv.Itoa(len(items) + 1)
		}
		items = append(items, entry.item())
	}
	return items
}

func (b *pkcs12Bag) open(with *unlocker) (any, error) {
	if !b.encrypted {
		return parsePKCS8(b.key)
	}
	key, err := decryptPKCS8(b.key, with)
	return parseDecrypted(key, err, parsePKCS8)
}

// certificateIn returns the certificate of the key: that with its localKeyId, or,
// since the attribute is optional, the one for the same key; nil if there is none.
func (b *pkcs12Bag) certificateIn(certificates pkcs12Certificates, with *unlocker) []byte {
	if found := certificates.byKeyID[string(b.keyID)]; found != nil || len(certificates.all) == 0 {
		return found
	}
	private, err := b.open(with)
	if err != nil { // As whoever asks for the key is told.
		return nil
	}
	id, err := privateKeyID(private)
	if err != nil {
		return nil
	}
	for _, der := range certificates.all {
		if public, err := parseCertificate(der, false); err == nil && public.ID() == id {
			return der
		}
	}
	return nil
}

// privateKeyID is the ID of the public half.
func privateKeyID(private any) (string, error) {
	public, err := PublicOf(private)
	if err != nil {
		return "", err
	}
	return ID(public)
}

// pkcs12Certificates are the certificates of a keystore, by the ID that they
// share with their key, and by their subject as DER.
type pkcs12Certificates struct {
	all                [][]byte
	byKeyID, bySubject map[string][]byte
}

func indexCertificates(bags []pkcs12Bag) pkcs12Certificates {
	index := pkcs12Certificates{byKeyID: map[string][]byte{}, bySubject: map[string][]byte{}}
	for _, bag := range bags {
		if bag.certificate == nil {
			continue
		}
		index.all = append(index.all, bag.certificate)
		if len(bag.keyID) > 0 {
			index.byKeyID[string(bag.keyID)] = bag.certificate
		}
		if certificate, err := x509.ParseCertificate(bag.certificate); err == nil {
			index.bySubject[string(certificate.RawSubject)] = bag.certificate
		}
	}
	return index
}

// chain returns the certificate and those that it was issued by, as far as they
// are there.
func (c pkcs12Certificates) chain(leaf []byte) [][]byte {
	var chain [][]byte
	for next := leaf; next != nil && len(chain) < maxChain; {
		chain = append(chain, next)
		certificate, err := x509.ParseCertificate(next)
		if err != nil || bytes.Equal(certificate.RawIssuer, certificate.RawSubject) {
			break
		}
		next = c.bySubject[string(certificate.RawIssuer)]
	}
	return chain
}
