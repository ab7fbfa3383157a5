package main

import (
	"crypto"
	"fmt"
)

// cmsOptions are the algorithms and fields that are opened and not sealed with.
func cmsOptions(s *set) {
	secret := []byte("secret")
	for _, size := range []int{16, 24} {
		m := authEnveloped(size, secret)
		s.good(fmt.Sprintf("rsa2048-gcm-%d", 8*size), "rsa2048", m.to(oaepTo("rsa2048", crypto.SHA256, m.key)).der(), secret, "AES-GCM with a shorter key")
		s.good(fmt.Sprintf("p256-gcm-%d", 8*size), "p256", m.to(ecTo("p256", m.key)).der(), secret, "AES-GCM with a shorter key")
		m = authEnveloped(32, secret)
		wrap := agreedTo("p256", oidStdDHSHA256, crypto.SHA256, size, nil, m.key)
		s.good(fmt.Sprintf("p256-wrap-%d", 8*size), "p256", m.to(wrap).der(), secret, "AES key wrap with a shorter key")
	}
	m := authEnveloped(32, secret)
	for _, hash := range []crypto.Hash{crypto.SHA1, crypto.SHA384, crypto.SHA512} {
		s.good("rsa2048-oaep-"+hash.String(), "rsa2048", m.to(oaepTo("rsa2048", hash, m.key)).der(), secret, "RSAES-OAEP and MGF1 on "+hash.String()+"; SHA-1 is the default, so DER leaves it out")
	}
	for _, c := range []struct {
		name, scheme string
		hash         crypto.Hash
	}{
		{"std-sha1", "1.3.133.16.840.63.0.2", crypto.SHA1}, {"std-sha224", "1.3.132.1.11.0", crypto.SHA224},
		{"std-sha384", "1.3.132.1.11.2", crypto.SHA384}, {"std-sha512", "1.3.132.1.11.3", crypto.SHA512},
		{"cofactor-sha1", "1.3.133.16.840.63.0.3", crypto.SHA1}, {"cofactor-sha224", "1.3.132.1.14.0", crypto.SHA224},
		{"cofactor-sha256", "1.3.132.1.14.1", crypto.SHA256}, {"cofactor-sha384", "1.3.132.1.14.2", crypto.SHA384},
		{"cofactor-sha512", "1.3.132.1.14.3", crypto.SHA512},
	} {
		s.good("p384-"+c.name, "p384", m.to(agreedTo("p384", c.scheme, c.hash, 32, nil, m.key)).der(), secret, "key agreement scheme of RFC 5753; the cofactor is 1, so both kinds of Diffie-Hellman are the same")
	}
	s.good("p256-ukm", "p256", m.to(agreedTo("p256", oidStdDHSHA256, crypto.SHA256, 32, random(64), m.key)).der(), secret, "with user keying material, which goes into the derivation as entityUInfo")
	curve := ecTo("p256", m.key)
	curve.curve = oid("1.2.840.10045.3.1.7")
	s.good("p256-curve-named", "p256", m.to(curve).der(), secret, "the originator's key names its curve; RFC 5753 has it absent or NULL")
	curve.curve = derNull()
	s.good("p256-curve-null", "p256", m.to(curve).der(), secret, "the parameters of the originator's key are NULL")
	m = authEnveloped(32, secret, attribute("1.2.840.113549.1.9.3", oid(oidData)), attribute("1.3.6.1.4.1.55555.1", octets([]byte("label"))))
	s.good("p256-attributes", "p256", m.to(ecTo("p256", m.key)).der(), secret, "with authenticated attributes, which are covered by the tag as a SET, and not returned")
	cmsBeside(s, secret)
}

// attribute is Attribute with one value.
func attribute(id string, value []byte) []byte { return seq(oid(id), derSet(value)) }

// cmsBeside puts recipients beside the right one that are not for any key here.
func cmsBeside(s *set, secret []byte) {
	m := cmsTo("p256", secret)
	own := m.recipients[0]
	kek := tlv(0xa2, integer(4), seq(octets([]byte("shared"))), seq(oid(oidAES+"45")), octets(random(40)))
	password := tlv(0xa3, integer(0), seq(oid("1.2.840.113549.1.9.16.3.9"), seq(oid(oidAES+"42"), octets(random(16)))), octets(random(48)))
	unknown := tlv(0xa4, oid("1.3.6.1.4.1.55555.2"), octets(random(40)))
	strange := oaepTo("rsa2048", crypto.SHA256, m.key)
	strange.algorithm = seq(oid("1.3.6.1.4.1.55555.3"))
	for _, c := range []struct {
		name   string
		beside []byte
		note   string
	}{
		{"kek", kek, "a recipient with a shared key-encryption key beside"},
		{"password", password, "a recipient with a password beside"},
		{"other-type", unknown, "a recipient of a type of its own (OtherRecipientInfo) beside"},
		{"strange-algorithm", strange.der(), "another recipient's key is wrapped with an unknown algorithm, which concerns that one only"},
	} {
		m.recipients = [][]byte{own, c.beside}
		s.good("p256-beside-"+c.name, "p256", m.der(), secret, c.note)
	}
	m.recipients = [][]byte{kek, password}
	s.add("p256-only-symmetric", noMatch, "p256", m.der(), "recipients with a shared key and with a password only: none is this one")
	wrong := ecTo("p256", m.key)
	wrong.name = tlv(0xa0, octets(subjectKeyID("p384")))
	s.good("p256-named-wrongly", "p256", m.to(wrong).der(), secret, "the identifier names another key, but the wrapped key is for this one: nothing authenticates the name, which is a hint")
}
