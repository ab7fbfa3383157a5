package files

import (
	"bytes"
	"encoding/binary"
	"encoding/pem"
	"strconv"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// headSize is how much of a file is read to see what it is, in bytes. The marks of a
// keystore are in its first 48; the rest is for text in front of a certificate.
const headSize = 4 << 10

// maxWhole is the largest file that is read whole, in bytes: the largest that the store
// kind directory reads.
const maxWhole = 1 << 20

// maxKeystore is the largest keystore that is read here, in bytes.
const maxKeystore = 4 << 20

// format is what a file is by its head.
type format int

const (
	other format = iota
	pkcs12
	jks
	jceks
	// certificate is one sequence in DER, which a certificate is.
	certificate
	// text may be PEM.
	text
)

// The first four bytes of Java's keystores, and what follows them: a version and the
// number of entries, four bytes each.
const (
	jksMagic   = 0xfeedfeed
	jceksMagic = 0xcececece
	javaHead   = 12
	// javaEnd is the digest behind the entries.
	javaEnd = 20
)

// recognised is what the head of a file says.
type recognised struct {
	format format
	// entries are those of a JKS or JCEKS keystore.
	entries uint32
	// unread is why this is no keystore that is read here; empty if it is.
	unread string
}

// kind is the kind of store that reads such a keystore, or would.
func (f format) kind() string {
	if f == pkcs12 {
		return "pkcs12"
	}
	return "jks"
}

func (r recognised) about(size int64) map[string]string {
	about := map[string]string{"size": strconv.FormatInt(size, 10)}
	switch r.format {
	case jks:
		about["format"] = "JKS"
	case jceks:
		about["format"] = "JCEKS"
	}
	if r.format != pkcs12 {
		about["entries"] = strconv.FormatUint(uint64(r.entries), 10)
	}
	if r.unread != "" {
		about["unread"] = r.unread
	}
	return about
}

// recognise says what a file of the size is that begins with head: all of it, or at
// least its first headSize bytes.
func recognise(head []byte, size int64) recognised {
	if found, ok := recogniseJava(head, size); ok {
		return found
	}
	if found, ok := recognisePKCS12(head, size); ok {
		return found
	}
	content, length, ok := sequence(head)
	switch {
	case ok && length == size && size <= maxWhole && bytes.HasPrefix(content, []byte{byte(asn1.SEQUENCE)}):
		return recognised{format: certificate}
	case bytes.IndexByte(head, 0) < 0:
		return recognised{format: text}
	}
	return recognised{}
}

func recogniseJava(head []byte, size int64) (recognised, bool) {
	if len(head) < javaHead || size < javaHead+javaEnd {
		return recognised{}, false
	}
	found := recognised{format: jks, entries: binary.BigEndian.Uint32(head[8:])}
	switch binary.BigEndian.Uint32(head) {
	case jksMagic:
	case jceksMagic:
		found.format, found.unread = jceks, "JCEKS"
	default:
		return recognised{}, false
	}
	version := binary.BigEndian.Uint32(head[4:])
	if version != 1 && version != 2 {
		return recognised{}, false
	}
	if size > maxKeystore {
		found.unread = "large"
	}
	return found, true
}

// What a PFX (RFC 7292, section 4) holds: data that a password protects, or a public key.
var (
	oidData   = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01}
	oidSigned = []byte{0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02}
)

// recognisePKCS12 goes down into a PFX as far as the type of its content: a sequence of
// the version 3 and a sequence that begins with the type, its content behind that. No
// other structure begins so, and none of it is encrypted.
func recognisePKCS12(head []byte, size int64) (recognised, bool) {
	found := recognised{format: pkcs12}
	content, length, ok := sequence(head)
	if !ok {
		// Indefinite lengths, as BER has them.
		if content, ok = bytes.CutPrefix(head, []byte{byte(asn1.SEQUENCE), 0x80}); !ok {
			return recognised{}, false
		}
		found.unread, length = "BER", size
	}
	content, ok = bytes.CutPrefix(content, []byte{byte(asn1.INTEGER), 1, 3})
	if !ok {
		return recognised{}, false
	}
	info, _, ok := sequence(content)
	if !ok {
		if info, ok = bytes.CutPrefix(content, []byte{byte(asn1.SEQUENCE), 0x80}); !ok {
			return recognised{}, false
		}
		found.unread = "BER"
	}
	behind, data := bytes.CutPrefix(info, oidData)
	if !data {
		behind, ok = bytes.CutPrefix(info, oidSigned)
		found.unread = "public-key"
	}
	if !ok || !bytes.HasPrefix(behind, []byte{byte(asn1.Tag(0).ContextSpecific().Constructed())}) {
		return recognised{}, false
	}
	switch {
	case length != size:
		found.unread = "damaged"
	case size > maxKeystore:
		found.unread = "large"
	}
	return found, true
}

// sequence returns what is there of the content of a sequence in DER, and how long the
// whole is with its head. Lengths are up to four bytes, and as short as they can be.
func sequence(data []byte) (content []byte, length int64, ok bool) {
	if len(data) < 2 || data[0] != byte(asn1.SEQUENCE) {
		return nil, 0, false
	}
	count := int(data[1])
	if count < 0x80 {
		return data[2:], int64(2 + count), true
	}
	count -= 0x80
	if count < 1 || count > 4 || len(data) < 2+count {
		return nil, 0, false
	}
	var value int64
	for _, b := range data[2 : 2+count] {
		value = value<<8 | int64(b)
	}
	if value < 0x80 || value>>(8*(count-1)) == 0 {
		return nil, 0, false
	}
	return data[2+count:], int64(2+count) + value, true
}

// held are the certificates and private keys of a file.
type held struct{ certificates, privateKeys int }

// readPEM counts what the blocks of a PEM file are. It opens none.
func readPEM(data []byte) held {
	var found held
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !bytes.Contains(data, []byte("-----BEGIN ")) {
		return found
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case isCertificate(block.Type) && isSigned(block.Bytes):
			found.certificates++
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			found.privateKeys++
			clear(block.Bytes)
		}
	}
	return found
}

// isCertificate knows the names that a certificate has in PEM.
func isCertificate(name string) bool {
	return name == "CERTIFICATE" || name == "TRUSTED CERTIFICATE" || name == "X509 CERTIFICATE"
}

// isSigned reports whether data begins with something signed (RFC 5280, section 4.1);
// behind it is what OpenSSL adds to a certificate that is trusted.
func isSigned(data []byte) bool {
	input := cryptobyte.String(data)
	var signed cryptobyte.String
	return input.ReadASN1(&signed, asn1.SEQUENCE) && signed.SkipASN1(asn1.SEQUENCE) && signed.SkipASN1(asn1.SEQUENCE) &&
		signed.SkipASN1(asn1.BIT_STRING) && signed.Empty()
}

// readDER counts what a file in DER is: one certificate, or none that is known here.
func readDER(data []byte) held {
	if public, err := keys.ParsePublic(data); err == nil && public.CertificateDER != nil {
		return held{certificates: 1}
	}
	return held{}
}
