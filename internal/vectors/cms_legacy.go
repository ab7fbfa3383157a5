package main

import (
	"crypto"
	"fmt"
	"slices"
)

// cmsLegacy is EnvelopedData with AES-CBC, and RSAES-PKCS1-v1_5.
func cmsLegacy(s *set) {
	s.legacy = true
	defer func() { s.legacy = false }()
	for _, size := range []int{16, 24, 32} {
		m := enveloped(size, pkcs7Pad(fill(40)))
		s.good(fmt.Sprintf("rsa2048-cbc-%d", 8*size), "rsa2048", m.to(pkcs1To(m.key)).der(), fill(40), "EnvelopedData with AES-CBC and RSAES-PKCS1-v1_5, from old senders")
		s.good(fmt.Sprintf("p256-cbc-%d", 8*size), "p256", m.to(ecTo("p256", m.key)).der(), fill(40), "EnvelopedData with AES-CBC, from old senders")
	}
	m := authEnveloped(32, fill(20))
	own := pkcs1To(m.key)
	s.good("rsa2048-pkcs1", "rsa2048", m.to(own).der(), fill(20), "AuthEnvelopedData whose key is wrapped with RSAES-PKCS1-v1_5")
	by := own
	by.version, by.name = 0, issuerAndSerial("rsa2048")
	s.good("rsa2048-pkcs1-by-issuer", "rsa2048", m.to(by).der(), fill(20), "the same, with its recipient named by issuer and serial number")
	for _, c := range []struct {
		id      string
		wrapped []byte
	}{{"flip", flip(own.wrapped, 0)}, {"zero", make([]byte, 256)}, {"key-16", pkcs1To(m.key[:16]).wrapped}} {
		changed := own
		changed.wrapped = c.wrapped
		s.add("rsa2048-pkcs1-"+c.id, noMatch, "rsa2048", m.to(changed).der(), "the wrapped key does not decrypt to a key of the right size; although the identifier names this key, it is never told from a wrong one (Bleichenbacher)")
	}
	changed := m.to(own)
	changed.mac = flip(m.mac, 0)
	s.add("rsa2048-pkcs1-mac-flip", noMatch, "rsa2048", changed.der(), "the tag changed: with RSAES-PKCS1-v1_5 that is not told from a key that does not decrypt")
	s.add("rsa2048-pkcs1-other-key", noMatch, "rsa2048-other", m.to(own).der(), "for another key")
	cmsLegacyDamaged(s)
}

func cmsLegacyDamaged(s *set) {
	m := enveloped(32, append(fill(15), 0))
	s.add("p256-cbc-padding-0", damaged, "p256", m.to(ecTo("p256", m.key)).der(), "a block that ends in zero is not padded (RFC 5652, section 6.3)")
	s.add("rsa2048-cbc-oaep-padding-0", damaged, "rsa2048", m.to(oaepTo("rsa2048", crypto.SHA256, m.key)).der(), "a block that ends in zero is not padded; the key is certain, since RSAES-OAEP opened it")
	s.add("rsa2048-cbc-pkcs1-padding-0", noMatch, "rsa2048", m.to(pkcs1To(m.key)).der(), "a block that ends in zero is not padded; with RSAES-PKCS1-v1_5 that is not told from a wrong key")
	m = enveloped(32, append(fill(15), 17))
	s.add("p256-cbc-padding-17", damaged, "p256", m.to(ecTo("p256", m.key)).der(), "a block that ends in 17, which is more than a block")
	m = enveloped(32, pkcs7Pad(fill(40)))
	m = m.to(ecTo("p256", m.key))
	plaintext := cbcDecrypt(m.key, m.algorithm[len(m.algorithm)-16:], flip(m.content, 0))
	flipped := m
	flipped.content = flip(m.content, 0)
	s.good("p256-cbc-content-flip", "p256", flipped.der(), plaintext[:40], "a bit of the first block flipped: AES-CBC authenticates nothing, so it opens to another plaintext; this is why it is legacy")
	flipped.content = cut(m.content, 16)
	s.add("p256-cbc-cut-block", damaged, "p256", flipped.der(), "the last block is missing, and the one before it is no padding")
	flipped.content = cut(m.content, 1)
	s.add("p256-cbc-cut-byte", malformed, "p256", flipped.der(), "the content is no whole number of blocks")
	flipped.content = nil
	s.add("p256-cbc-empty", malformed, "p256", flipped.der(), "the content is empty; the least is one block of padding")
	flipped = m
	flipped.algorithm = seq(oid(oidAES+"42"), octets(random(12)))
	s.add("p256-cbc-iv-12", malformed, "p256", flipped.der(), "an IV of 12 bytes")
	flipped.algorithm = seq(oid(oidAES+"42"), derNull())
	s.add("p256-cbc-iv-null", malformed, "p256", flipped.der(), "NULL instead of the IV")
	flipped = m
	flipped.version = 0
	s.add("p256-cbc-version-0", malformed, "p256", flipped.der(), "version 0 with a recipient that asks for 2 (RFC 5652, section 6.1)")
	wrapped := slices.Clone(m.recipients)
	auth := authEnveloped(32, fill(20))
	auth.recipients = wrapped
	auth.key = m.key
	s.add("p256-key-reused", damaged, "p256", auth.der(), "the recipient of one envelope before the content of another").Legacy = false
}
