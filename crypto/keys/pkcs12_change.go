package keys

import (
	"bytes"
	"encoding/asn1"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"
)

// rawBag is a SafeBag as it stands there. One that is no key and no certificate is kept
// too.
type rawBag struct {
	pkcs12Bag
	element []byte
	// sealed: it is in encrypted content.
	sealed bool
}

// changePKCS12 is ChangeKeystore for PKCS#12.
func changePKCS12(data, password []byte, change KeystoreChange) ([]byte, error) {
	with := &unlocker{password: password}
	bags, err := rawBags(data, with)
	if err != nil {
		return nil, err
	}
	bags = without(bags, change.Alias, with)
	protect := lock{password, writtenRounds}
	if len(change.Certificates) > 0 {
		added, err := newBags(change, bags, protect)
		if err != nil {
			return nil, err
		}
		bags = append(bags, added...)
	}
	return writePKCS12(bags, protect)
}

// rawBags reads all bags of a keystore whose password is right.
func rawBags(data []byte, with *unlocker) ([]rawBag, error) {
	input := cryptobyte.String(data)
	var pfx, safe, contents cryptobyte.String
	var version int
	if !input.ReadASN1(&pfx, der.SEQUENCE) || !pfx.ReadASN1Integer(&version) {
		return nil, errPKCS12
	}
	oid, content, ok := readContentInfo(&pfx)
	if !ok || oid != oidData || !content.ReadASN1(&safe, der.OCTET_STRING) {
		return nil, errPKCS12
	}
	if !pfx.Empty() {
		if err := checkPKCS12MAC(pfx, safe, with); err != nil {
			return nil, err
		}
	}
	if !safe.ReadASN1(&contents, der.SEQUENCE) {
		return nil, errPKCS12
	}
	var bags []rawBag
	for !contents.Empty() {
		oid, content, ok := readContentInfo(&contents)
		if !ok {
			return nil, errPKCS12
		}
		var plain []byte
		var err error
		if oid == oidEncryptedData {
			plain, err = decryptContent(content, with)
		} else if oid != oidData || !content.ReadASN1Bytes(&plain, der.OCTET_STRING) {
			err = errPKCS12
		}
		if err != nil {
			return nil, err
		}
		next, err := splitBags(plain, oid == oidEncryptedData)
		if err != nil {
			return nil, err
		}
		bags = append(bags, next...)
	}
	return bags, nil
}

// splitBags cuts SafeContents into its bags.
func splitBags(plain []byte, sealed bool) ([]rawBag, error) {
	input := cryptobyte.String(plain)
	var contents cryptobyte.String
	if !input.ReadASN1(&contents, der.SEQUENCE) {
		return nil, errPKCS12
	}
	var bags []rawBag
	for !contents.Empty() {
		var element cryptobyte.String
		if !contents.ReadASN1Element(&element, der.SEQUENCE) {
			return nil, errPKCS12
		}
		alone := build(func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(element) })
		})
		read, err := readSafeContents(alone)
		if err != nil {
			return nil, err
		}
		bag := rawBag{element: element, sealed: sealed}
		if len(read) == 1 {
			bag.pkcs12Bag = read[0]
		}
		bags = append(bags, bag)
	}
	return bags, nil
}

// without leaves out the entry of an alias: its key, its certificate, and the
// certificates that it was issued by and no other entry needs.
func without(bags []rawBag, alias string, with *unlocker) []rawBag {
	gone := map[string]bool{}
	for _, bag := range bags {
		if strings.EqualFold(bag.alias, alias) && len(bag.keyID) > 0 {
			gone[string(bag.keyID)] = true
		}
	}
	left := slices.DeleteFunc(bags, func(b rawBag) bool {
		return strings.EqualFold(b.alias, alias) || len(b.keyID) > 0 && gone[string(b.keyID)]
	})
	if len(left) == len(bags) {
		return left
	}
	var parsed []pkcs12Bag
	for _, bag := range left {
		parsed = append(parsed, bag.pkcs12Bag)
	}
	index := indexCertificates(parsed)
	needed := map[string]bool{}
	for i := range parsed {
		if parsed[i].key == nil {
			continue
		}
		for _, certificate := range index.chain(parsed[i].certificateIn(index, with)) {
			needed[string(certificate)] = true
		}
	}
	return slices.DeleteFunc(left, func(b rawBag) bool {
		return b.certificate != nil && b.alias == "" && !b.trusted && !needed[string(b.certificate)]
	})
}

// newBags are those of a change. Certificates of the chain that are there already are not
// added again.
func newBags(change KeystoreChange, there []rawBag, protect lock) ([]rawBag, error) {
	chain, err := change.chainOf()
	if err != nil {
		return nil, err
	}
	var bags []rawBag
	if change.Private != nil {
		plain, err := marshalPKCS8(change.Private)
		if err != nil {
			return nil, err
		}
		defer clear(plain)
		key, err := encryptPKCS8(plain, protect)
		if err != nil {
			return nil, err
		}
		bags = append(bags, rawBag{element: bagElement(oidShroudedKeyBag, key, attributes(change.Alias, chain[0]))})
	}
	for i, certificate := range chain {
		var set []byte
		switch {
		case i == 0 && change.Private != nil:
			set = attributes(change.Alias, certificate)
		case i == 0:
			set = trustedAttributes(change.Alias)
		case slices.ContainsFunc(there, func(b rawBag) bool { return bytes.Equal(b.certificate, certificate) }):
			continue
		}
		bags = append(bags, rawBag{element: bagElement(oidCertBag, certBag(certificate), set), sealed: true})
	}
	return bags, nil
}

func bagElement(oid string, value, attributes []byte) []byte {
	return build(func(b *cryptobyte.Builder) { addBag(b, oid, value, attributes) })
}

// trustedAttributes are the alias, and Java's mark of a certificate that is trusted for
// everything.
func trustedAttributes(alias string) []byte {
	name := attribute(oidFriendlyName, der.Tag(30), bmpText(alias)) // BMPString
	anything := build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1ObjectIdentifier(parseOID(oidJavaTrusted))
			b.AddASN1(der.SET, func(b *cryptobyte.Builder) {
				b.AddASN1ObjectIdentifier(asn1.ObjectIdentifier{2, 5, 29, 37, 0}) // anyExtendedKeyUsage, RFC 5280
			})
		})
	})
	members := [][]byte{name, anything}
	slices.SortFunc(members, bytes.Compare) // As DER has a SET OF.
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SET, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(members, nil)) })
	})
}

// writePKCS12 is a keystore of the bags: one content that is encrypted, and one with what
// stood in none, which are keys that are encrypted by themselves.
func writePKCS12(bags []rawBag, protect lock) ([]byte, error) {
	var sealed, open []byte
	for _, bag := range bags {
		if bag.sealed {
			sealed = append(sealed, bag.element...)
		} else {
			open = append(open, bag.element...)
		}
	}
	contents := func(elements []byte) []byte {
		return build(func(b *cryptobyte.Builder) {
			b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) { b.AddBytes(elements) })
		})
	}
	encrypted, err := encryptedContents(contents(sealed), protect)
	if err != nil {
		return nil, err
	}
	safe := build(func(b *cryptobyte.Builder) {
		b.AddASN1(der.SEQUENCE, func(b *cryptobyte.Builder) {
			if sealed != nil {
				addContentInfo(b, oidEncryptedData, func(b *cryptobyte.Builder) { b.AddBytes(encrypted) })
			}
			addContentInfo(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(contents(open)) })
		})
	})
	return sealPKCS12(safe, protect), nil
}
