package main

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
)

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
