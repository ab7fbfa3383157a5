package main

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
	"strings"
)

// cmsForbidden is well-formed, with algorithms that are not opened.
func cmsForbidden(s *set) {
	rsa := func(id string, m cmsMessage, algorithm []byte, comment string) {
		own := oaepTo("rsa2048", crypto.SHA256, m.key)
		if algorithm != nil {
			own.algorithm = algorithm
		}
		s.add("rsa2048-"+id, forbidden, "rsa2048", m.to(own).der(), comment)
	}
	for _, c := range []struct{ id, oid, name string }{
		{"des3", "1.2.840.113549.3.7", "DES-EDE3-CBC"}, {"des", "1.3.14.3.2.7", "DES-CBC"},
		{"rc2", "1.2.840.113549.3.2", "RC2-CBC"}, {"rc4", "1.2.840.113549.3.4", "RC4"},
		{"camellia", "1.2.392.200011.61.1.1.1.4", "Camellia-256-CBC"}, {"unknown", "1.3.6.1.4.1.55555.4", "an unknown cipher"},
		{"gcm", oidAES + "46", "AES-256-GCM, which belongs into AuthEnvelopedData,"},
	} {
		m := enveloped(32, pkcs7Pad(fill(20)))
		m.algorithm = seq(oid(c.oid), octets(random(8)))
		rsa("enveloped-"+c.id, m, nil, "EnvelopedData with "+c.name+": not on the closed list")
	}
	for _, c := range []struct{ id, oid, name string }{
		{"ccm", oidAES + "47", "AES-256-CCM"}, {"chacha20", "1.2.840.113549.1.9.16.3.18", "ChaCha20-Poly1305"},
		{"cbc", oidAES + "42", "AES-256-CBC, which authenticates nothing,"}, {"unknown", "1.3.6.1.4.1.55555.5", "an unknown cipher"},
	} {
		m := authEnveloped(32, fill(20))
		m.algorithm = seq(oid(c.oid), seq(octets(random(12)), integer(16)))
		rsa("auth-"+c.id, m, nil, "AuthEnvelopedData with "+c.name+": not on the closed list")
	}
	cmsForbiddenSizes(s)
	m := authEnveloped(32, fill(20))
	sha256 := seq(oid(oidSHA + "1"))
	for _, c := range []struct {
		id        string
		algorithm []byte
		comment   string
	}{
		{"kem", seq(oid("1.2.840.113549.1.9.16.3.14")), "key transport RSA-KEM"},
		{"transport-unknown", seq(oid("1.3.6.1.4.1.55555.6")), "an unknown key transport"},
		{"oaep-md5", seq(oid(oidOAEP), seq(tlv(0xa0, seq(oid("1.2.840.113549.2.5"))))), "RSAES-OAEP on MD5"},
		{"oaep-mgf", seq(oid(oidOAEP), seq(tlv(0xa0, sha256), tlv(0xa1, seq(oid("1.3.6.1.4.1.55555.7"), sha256)))), "RSAES-OAEP with an unknown mask generation function"},
		{"oaep-mgf1-md5", seq(oid(oidOAEP), seq(tlv(0xa0, sha256), tlv(0xa1, seq(oid(oidMGF1), seq(oid("1.2.840.113549.2.5")))))), "RSAES-OAEP with MGF1 on MD5"},
		{"oaep-label", seq(oid(oidOAEP), seq(tlv(0xa0, sha256), tlv(0xa1, seq(oid(oidMGF1), sha256)), tlv(0xa2, seq(oid("1.2.840.113549.1.1.9"), octets([]byte("label")))))), "RSAES-OAEP with a label"},
	} {
		rsa(c.id, m, c.algorithm, c.comment+": not on the closed list, and no other recipient is there")
	}
	cmsForbiddenEC(s)
}

func cmsForbiddenSizes(s *set) {
	m := cmsTo("p256", fill(20))
	for _, c := range []struct {
		id        string
		algorithm []byte
		mac       []byte
		comment   string
	}{
		{"nonce-16", gcmAlgorithm(32, random(16), 16), m.mac, "a nonce of 16 bytes; 12 is what is opened"},
		{"nonce-8", gcmAlgorithm(32, random(8), 16), m.mac, "a nonce of 8 bytes; 12 is what is opened"},
		{"nonce-empty", gcmAlgorithm(32, nil, 16), m.mac, "an empty nonce; 12 bytes are what is opened"},
		{"tag-12", seq(oid(oidAES+"46"), seq(octets(random(12)))), m.mac[:12], "a tag of 12 bytes, the default of RFC 5084: 16 is what is opened"},
		{"tag-4", gcmAlgorithm(32, random(12), 4), m.mac[:4], "a tag of 4 bytes; 16 is what is opened"},
	} {
		m.algorithm, m.mac = c.algorithm, c.mac
		s.add("p256-"+c.id, forbidden, "p256", m.der(), c.comment)
		m.mac = append(m.mac[:len(m.mac):len(m.mac)], make([]byte, 16-len(m.mac))...)
	}
}

func cmsForbiddenEC(s *set) {
	m := authEnveloped(32, fill(20))
	own := ecTo("p256", m.key)
	add := func(id string, changed agreed, comment string) {
		s.add("p256-"+id, forbidden, "p256", m.to(changed).der(), comment+", and no other recipient is there")
	}
	changed := own
	changed.scheme = "1.3.132.1.15.1"
	add("mqv", changed, "key agreement ECMQV: not on the closed list")
	changed.scheme = "1.2.840.113549.1.9.16.3.19"
	add("hkdf", changed, "key agreement with HKDF (RFC 8418): not on the closed list")
	changed.scheme = "1.3.6.1.4.1.55555.8"
	add("scheme-unknown", changed, "an unknown key agreement")
	changed = own
	changed.wrap, changed.parameters = "1.2.840.113549.1.9.16.3.6", derNull()
	add("wrap-des3", changed, "the key is wrapped with Triple-DES (RFC 3217): not on the closed list")
	changed.wrap, changed.parameters = oidAES+"48", nil
	add("wrap-pad", changed, "the key is wrapped with AES-256 and padding (RFC 5649): not on the closed list")
	changed = own
	changed.originatorIdentifier = issuerAndSerial("p384")
	add("static-issuer", changed, "the originator is named by its certificate: static-static Diffie-Hellman")
	changed.originatorIdentifier = tlv(0x80, subjectKeyID("p384"))
	add("static-ski", changed, "the originator is named by an identifier: static-static Diffie-Hellman")
	changed.originatorIdentifier = tlv(0xa1, seq(oid("1.3.101.110")), bitString(random(32)))
	add("originator-x25519", changed, "the ephemeral key is on X25519 (RFC 8418)")
}

// cmsMalformed is what is no DER of a message.
func cmsMalformed(s *set) {
	for _, kind := range []string{"rsa2048", "p256"} {
		der := cmsTo(kind, fill(20)).der()
		for _, at := range borders(der) {
			s.add(fmt.Sprintf("%s-cut-at-%d", kind, at), malformed, kind, der[:at], fmt.Sprintf("truncated at byte %d, where an element or its content begins", at))
		}
		s.add(kind+"-cut-last", malformed, kind, cut(der, 1), "the last byte is missing")
		s.add(kind+"-trailing-zero", malformed, kind, append(bytes.Clone(der), 0), "a zero byte behind the message")
		s.add(kind+"-trailing-message", malformed, kind, slices.Concat(der, der), "the same message again behind it")
		s.add(kind+"-leading-zero", malformed, kind, append([]byte{0}, der...), "a zero byte before the message")
	}
	s.add("empty", malformed, "p256", nil, "nothing at all")
	s.add("empty-sequence", malformed, "p256", seq(), "an empty SEQUENCE")
	cmsStructure(s)
	cmsEncodings(s)
}

// cmsStructure puts right encodings in wrong structures.
func cmsStructure(s *set) {
	m := cmsTo("p256", fill(20))
	add := func(id string, envelope []byte, comment string) {
		s.add("p256-"+id, malformed, "p256", envelope, comment)
	}
	with := func(id, comment string, change func(*cmsMessage)) {
		changed := m
		change(&changed)
		add(id, changed.der(), comment)
	}
	info := seq(oid(oidData), m.algorithm, tlv(0x80, m.content))
	all := derSet(m.recipients...)
	with("version-1", "version 1; AuthEnvelopedData has 0 (RFC 5083, section 2.1)", func(m *cmsMessage) { m.version = 1 })
	with("no-recipients", "an empty set of recipients", func(m *cmsMessage) { m.recipients = nil })
	with("signed-content", "the content is SignedData, which is not read here", func(m *cmsMessage) { m.contentType = "1.2.840.113549.1.7.2" })
	with("originator-info", "with originatorInfo, which nothing authenticates", func(m *cmsMessage) { m.originator = tlv(0xa0) })
	with("unauthenticated-attributes", "with unauthenticated attributes, which nothing protects", func(m *cmsMessage) {
		m.trailing = tlv(0xa2, attribute("1.3.6.1.4.1.55555.1", octets(nil)))
	})
	with("attributes-empty", "authenticated attributes that are none", func(m *cmsMessage) { m.attributes = tlv(0xa1) })
	with("mac-size", "a tag that is shorter than the parameters say", func(m *cmsMessage) { m.mac = m.mac[:15] })
	with("mac-empty", "an empty tag", func(m *cmsMessage) { m.mac = []byte{} })
	with("gcm-parameters-null", "AES-GCM whose parameters are NULL", func(m *cmsMessage) { m.algorithm = seq(oid(oidAES+"46"), derNull()) })
	with("gcm-parameters-absent", "AES-GCM without parameters", func(m *cmsMessage) { m.algorithm = seq(oid(oidAES + "46")) })
	with("gcm-default-written", "the size of the tag is 12, which is the default and so not written in DER", func(m *cmsMessage) {
		m.algorithm, m.mac = gcmAlgorithm(32, random(12), 12), m.mac[:12]
	})
	with("recipient-tag", "a recipient with a tag that RecipientInfo has not", func(m *cmsMessage) { m.recipients = [][]byte{tlv(0xa7, integer(0))} })
	add("signed", seq(oid("1.2.840.113549.1.7.2"), tlv(0xa0, seq(integer(1)))), "SignedData: nothing in it is sealed")
	add("data", seq(oid(oidData), tlv(0xa0, octets(fill(20)))), "Data: nothing in it is sealed")
	add("no-mac", m.wrap(oidAuthEnveloped, seq(integer(0), all, info)), "AuthEnvelopedData without a MAC")
	add("no-content", m.wrap(oidAuthEnveloped, seq(integer(0), all, seq(oid(oidData), m.algorithm), octets(m.mac))), "the encrypted content is detached, which is not read")
	add("no-info", m.wrap(oidAuthEnveloped, seq(integer(0), all, octets(m.mac))), "AuthEnvelopedData without EncryptedContentInfo")
	add("no-version", m.wrap(oidAuthEnveloped, seq(all, info, octets(m.mac))), "AuthEnvelopedData without a version")
	add("no-set", m.wrap(oidAuthEnveloped, seq(integer(0), info, octets(m.mac))), "AuthEnvelopedData without recipients")
	add("mac-twice", m.wrap(oidAuthEnveloped, seq(integer(0), all, info, octets(m.mac), octets(m.mac))), "the MAC twice")
	add("info-twice", m.wrap(oidAuthEnveloped, seq(integer(0), all, info, info, octets(m.mac))), "EncryptedContentInfo twice")
	add("wrong-type", m.wrap(oidEnveloped, seq(integer(0), all, info, octets(m.mac))), "AuthEnvelopedData under the object identifier of EnvelopedData")
	cmsAttributes(s, m)
	cmsAgreements(s)
}

// cmsAttributes doubles and disorders authenticated attributes, all of which
// the tag covers as they are.
func cmsAttributes(s *set, m cmsMessage) {
	const contentType = "1.2.840.113549.1.9.3"
	kind := attribute(contentType, oid(oidData))
	one, two := attribute("1.3.6.1.4.1.55555.1", octets([]byte("one"))), attribute("1.3.6.1.4.1.55555.1", octets([]byte("two")))
	for _, c := range []struct {
		id, comment string
		attributes  [][]byte
	}{
		{"content-type-twice", "the content-type attribute twice, which RFC 5652, section 11.1, forbids", [][]byte{kind, kind}},
		{"content-type-two-values", "the content-type attribute with two values, which RFC 5652, section 11.1, forbids", [][]byte{seq(oid(contentType), derSet(oid(oidData), oid(oidEnveloped)))}},
		{"content-type-other", "the content-type attribute is not the type of the content, as RFC 5652, section 11.1, demands: two answers to what the content is", [][]byte{attribute(contentType, oid(oidEnveloped))}},
	} {
		m = authEnveloped(32, fill(20), c.attributes...)
		s.add("p256-"+c.id, malformed, "p256", m.to(ecTo("p256", m.key)).der(), c.comment)
	}
	m = authEnveloped(32, fill(20), one, two)
	m = m.to(ecTo("p256", m.key))
	s.good("p256-attribute-twice", "p256", m.der(), fill(20), "two attributes of one type that is not known: nothing forbids it, and nobody reads them")
	m.attributes = tlv(0xa1, two, one)
	s.add("p256-attributes-unsorted", malformed, "p256", m.der(), "authenticated attributes that are not in the order of DER")
}

func cmsAgreements(s *set) {
	m := authEnveloped(32, fill(20))
	own := ecTo("p256", m.key)
	add := func(id string, changed agreed, comment string) {
		s.add("p256-"+id, malformed, "p256", m.to(changed).der(), comment)
	}
	changed := own
	changed.version = 0
	add("agreement-version-0", changed, "version 0 of KeyAgreeRecipientInfo, which has 3")
	changed = own
	changed.parameters = derNull()
	add("wrap-null", changed, "AES key wrap with parameters NULL, which RFC 3565, section 2.3.2, has absent")
	changed = own
	changed.point = nil
	add("point-empty", changed, "the ephemeral key is empty")
	changed = own
	changed.curve = integer(7)
	add("curve-integer", changed, "the curve of the ephemeral key is a number")
	changed = own
	changed.ukm = tlv(0xa1, integer(7))
	add("ukm-integer", changed, "user keying material that is a number")
	empty := tlv(0xa1, integer(3), tlv(0xa0, tlv(0xa1, seq(oid(oidECPublicKey)), bitString(own.point))), seq(oid(own.scheme), seq(oid(own.wrap))), seq())
	m.recipients = [][]byte{empty}
	s.add("p256-no-wrapped-keys", malformed, "p256", m.der(), "KeyAgreeRecipientInfo without wrapped keys")
	transported := oaepTo("rsa2048", crypto.SHA256, m.key)
	transported.version = 0
	s.add("rsa2048-transport-version-0", malformed, "rsa2048", m.to(transported).der(), "version 0 of KeyTransRecipientInfo whose recipient is named by its identifier, which has 2")
	transported.version = 2
	transported.algorithm = seq(oid(oidOAEP))
	s.add("rsa2048-oaep-no-parameters", malformed, "rsa2048", m.to(transported).der(), "RSAES-OAEP without parameters, which RFC 4055, section 4.1, demands")
	sha1 := seq(oid("1.3.14.3.2.26"))
	transported.algorithm = seq(oid(oidOAEP), seq(tlv(0xa0, sha1), tlv(0xa1, seq(oid(oidMGF1), sha1))))
	s.add("rsa2048-oaep-sha1-written", malformed, "rsa2048", m.to(transported).der(), "RSAES-OAEP on SHA-1, which is the default and so not written in DER")
}

// cmsEncodings are right structures in BER or in DER that is not the shortest.
func cmsEncodings(s *set) {
	m := cmsTo("p256", fill(20))
	add := func(id, class string, envelope []byte, comment string) {
		s.add("p256-"+id, class, "p256", envelope, comment)
	}
	all, mac := derSet(m.recipients...), octets(m.mac)
	info := func(content []byte) []byte { return seq(oid(oidData), m.algorithm, content) }
	content := tlv(0x80, m.content)
	data := seq(integer(0), all, info(content), mac)
	add("long-length-outer", malformed, longTLV(0x30, oid(oidAuthEnveloped), tlv(0xa0, data)), "the outermost length is longer than it has to be")
	add("long-length-content", malformed, m.wrap(oidAuthEnveloped, seq(integer(0), all, info(longTLV(0x80, m.content)), mac)), "the length of the content is longer than it has to be")
	add("long-length-mac", malformed, m.wrap(oidAuthEnveloped, seq(integer(0), all, info(content), longTLV(0x04, m.mac))), "the length of the MAC is longer than it has to be")
	add("long-integer", malformed, m.wrap(oidAuthEnveloped, seq(tlv(2, []byte{0, 0}), all, info(content), mac)), "the version with a zero byte more than it has to have")
	two := s.twoRecipients()
	add("recipients-unsorted", malformed, two, "recipients that are not in the order of DER")
	chunks := tlv(0xa0, octets(m.content[:7]), octets(m.content[7:]))
	add("content-constructed", malformed, m.wrap(oidAuthEnveloped, seq(integer(0), all, info(chunks), mac)), "the content in two chunks, but of definite length: neither DER nor what OpenSSL streams")
	streamed := func(all, content, mac []byte) []byte {
		return indefinite(0x30, oid(oidAuthEnveloped), indefinite(0xa0, indefinite(0x30, integer(0), all, indefinite(0x30, oid(oidData), m.algorithm, content), mac)))
	}
	whole := indefinite(0xa0, octets(m.content[:7]), octets(m.content[7:]))
	s.good("p256-ber-streamed", "p256", streamed(all, whole, mac), fill(20), "indefinite lengths where OpenSSL streams: around the content, which comes in two chunks")
	s.good("p256-ber-one-chunk", "p256", streamed(all, indefinite(0xa0, octets(m.content)), mac), fill(20), "indefinite lengths, and the content in one chunk")
	s.good("p256-ber-empty-chunk", "p256", streamed(all, indefinite(0xa0, octets(nil), octets(m.content)), mac), fill(20), "indefinite lengths, and an empty chunk before the content")
	add("ber-recipients", malformed, streamed(indefinite(0x31, m.recipients...), whole, mac), "the recipients of indefinite length, which OpenSSL never writes")
	add("ber-mac", malformed, streamed(all, whole, indefinite(0x24, octets(m.mac))), "the MAC in chunks")
	add("ber-chunk-type", malformed, streamed(all, indefinite(0xa0, tlv(0x0c, m.content)), mac), "a chunk that is no OCTET STRING")
	add("ber-unclosed", malformed, cut(streamed(all, whole, mac), 2), "the last element of indefinite length does not end")
	add("ber-trailing", malformed, append(streamed(all, whole, mac), 0), "a byte behind the last end")
	add("ber-content-flip", damaged, streamed(all, indefinite(0xa0, octets(flip(m.content, 3))), mac), "indefinite lengths, and a bit of the content flipped")
}

// twoRecipients is an envelope whose two recipients stand in the wrong order.
func (s *set) twoRecipients() []byte {
	m := authEnveloped(32, fill(20))
	both := [][]byte{ecTo("p256", m.key).der(), ecTo("p256-other", m.key).der()}
	slices.SortFunc(both, func(a, b []byte) int { return bytes.Compare(b, a) })
	info := seq(oid(oidData), m.algorithm, tlv(0x80, m.content))
	return m.wrap(oidAuthEnveloped, seq(integer(0), tlv(0x31, both...), info, octets(m.mac)))
}

func cmsArmor(s *set) {
	der := cmsTo("p256", fill(20)).der()
	text := string(pemOf("CMS", der))
	opens := func(id, envelope, comment string) {
		s.good("p256-armor-"+id, "p256", []byte(envelope), fill(20), comment)
	}
	add := func(id, envelope, comment string) {
		s.add("p256-armor-"+id, malformed, "p256", []byte(envelope), comment)
	}
	crlf := strings.ReplaceAll(text, "\n", "\r\n")
	opens("cms", text, "PEM labelled CMS")
	opens("pkcs7", string(pemOf("PKCS7", der)), "PEM labelled PKCS7, as older programs write")
	opens("crlf", crlf, "lines that end in CRLF")
	opens("no-last-newline", strings.TrimSuffix(text, "\n"), "no line break behind the last line")
	add("label-lower", strings.ReplaceAll(text, "CMS", "cms"), "the label in lower case")
	add("label-other", strings.ReplaceAll(text, "CMS", "CERTIFICATE"), "the label of something else")
	add("label-end", strings.Replace(text, "END CMS", "END PKCS7", 1), "the labels of beginning and end differ")
	add("no-end", text[:strings.Index(text, "-----END")], "truncated before the last line")
	add("no-begin", text[strings.Index(text, "\n")+1:], "the first line is missing")
	add("header", strings.Replace(text, "-----\n", "-----\nComment: x\n\n", 1), "a header, which PEM of RFC 7468 has not")
	add("text-before", "some text\n"+text, "text before the armor")
	add("text-behind", text+"some text\n", "text behind the armor")
	add("space-before", " "+text, "a space before the armor")
	add("newline-behind", text+"\n", "an empty line behind the armor")
	add("twice", text+text, "two of them")
	add("mixed-breaks", strings.Replace(text, "\n", "\r\n", 2), "some lines end in CRLF, some in LF")
	add("empty", "-----BEGIN CMS-----\n-----END CMS-----\n", "nothing in the armor")
	add("long-lines", "-----BEGIN CMS-----\n"+base64Of(der)+"\n-----END CMS-----\n", "one long line; lines have 64 characters")
	add("blank-line", strings.Replace(text, "-----\n", "-----\n\n", 1), "an empty line before the data")
	add("indented", strings.Replace(text, "\n", "\n ", 1), "a space before a line")
	add("bad-character", strings.Replace(text, "\nM", "\n*", 1), "a character that is no base64")
	padded := string(pemOf("CMS", der[:len(der)-len(der)%3-2])) // Ends in "=": its DER is cut, but the armor comes first.
	add("no-padding", strings.Replace(padded, "=", "", 1), "base64 without its padding")
	long := cmsTo("p256", fill(20+(3-len(der)%3+1)%3)).der()
	if len(long)%3 != 1 {
		panic("the armor does not end in ==")
	}
	strayed := string(pemOf("CMS", long))
	at := strings.Index(strayed, "==")
	add("stray-bits", strayed[:at-2]+strayBits(strayed[at-2:]), "the last digit of the base64 has bits that encode nothing")
}
