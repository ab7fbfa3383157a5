package main

import (
	"crypto"
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
