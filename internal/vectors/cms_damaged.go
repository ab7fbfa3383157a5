package main

import (
	"bytes"
	"crypto"
)

func cmsDamagedContent(s *set) {
	for _, kind := range cmsKinds {
		m := cmsTo(kind, fill(40))
		add := func(id string, m cmsMessage, comment string) {
			s.add(kind+"-"+id, damaged, kind, m.der(), comment)
		}
		changed := m
		changed.content = flip(m.content, 0)
		add("content-flip-first", changed, "a bit of the first byte of the content flipped")
		changed.content = flip(m.content, -1)
		add("content-flip-last", changed, "a bit of the last byte of the content flipped")
		changed.content = cut(m.content, 1)
		add("content-cut", changed, "the content lacks its last byte, and all lengths are right")
		changed.content = nil
		add("content-empty", changed, "the content is empty")
		changed.content = append(bytes.Clone(m.content), 0)
		add("content-longer", changed, "a byte more of content")
		changed = m
		changed.mac = flip(m.mac, 15)
		add("mac-flip", changed, "a bit of the tag flipped")
		changed = m
		changed.algorithm = gcmAlgorithm(32, random(12), 16)
		add("nonce-replaced", changed, "another nonce")
		changed = m
		changed.attributes = tlv(0xa1, attribute("1.2.840.113549.1.9.3", oid(oidData)))
		add("attribute-added", changed, "an authenticated attribute added afterwards")
	}
	one, two := attribute("1.3.6.1.4.1.55555.1", octets([]byte("one"))), attribute("1.3.6.1.4.1.55555.1", octets([]byte("two")))
	m := authEnveloped(32, fill(20), one)
	m = m.to(ecTo("p256", m.key))
	m.attributes = tlv(0xa1, two)
	s.add("p256-attribute-changed", damaged, "p256", m.der(), "the value of an authenticated attribute changed")
	m.attributes = nil
	s.add("p256-attribute-removed", damaged, "p256", m.der(), "an authenticated attribute removed")
}

// cmsDamagedEC damages the key agreement. Whether that is told from a wrong key
// goes by whether the recipient's identifier names the key.
func cmsDamagedEC(s *set) {
	const named, unnamed = ": damaged, for the identifier names this key", ": cannot be told from a key for another recipient, since issuer and serial number do not tell who has no certificate"
	for _, kind := range cmsCurves {
		m := authEnveloped(32, fill(20))
		own := ecTo(kind, m.key)
		both := func(id string, changed agreed, comment string) {
			s.add(kind+"-"+id, damaged, kind, m.to(changed).der(), comment+named)
			changed.name = issuerAndSerial(kind)
			s.add(kind+"-"+id+"-by-issuer", noMatch, kind, m.to(changed).der(), comment+unnamed)
		}
		changed := own
		changed.wrapped = flip(own.wrapped, 0)
		both("wrapped-flip", changed, "a bit of the wrapped key flipped")
		changed.wrapped = cut(own.wrapped, 8)
		both("wrapped-cut", changed, "the wrapped key lacks its last eight bytes")
		changed.wrapped = nil
		both("wrapped-empty", changed, "the wrapped key is empty")
		changed = own
		changed.point = offCurvePoint(kind, own.point)
		both("point-off-curve", changed, "the ephemeral key is no point of the curve")
		changed.point = append([]byte{4}, make([]byte, len(own.point)-1)...)
		both("point-zero", changed, "the ephemeral key is (0, 0), no point of the curve")
		changed.point, _ = agree(kind)
		both("point-replaced", changed, "another ephemeral key")
		changed.point = negated(kind, own.point)
		s.good(kind+"-point-negated", kind, m.to(changed).der(), fill(20), "y of the ephemeral key negated: the shared secret is its x alone, so this opens; nothing of what is opened changes")
		changed = own
		changed.ukm = tlv(0xa1, octets(random(16)))
		both("ukm-added", changed, "user keying material added afterwards")
		changed = own
		changed.scheme = "1.3.132.1.11.2"
		both("scheme-changed", changed, "the scheme says SHA-384 instead of SHA-256")
		changed = own
		changed.point = []byte{0}
		s.add(kind+"-point-infinity", malformed, kind, m.to(changed).der(), "the ephemeral key is the point at infinity; only uncompressed points are read")
		changed.point = append([]byte{2 | own.point[len(own.point)-1]&1}, own.point[1:1+len(own.point)/2]...)
		s.add(kind+"-point-compressed", malformed, kind, m.to(changed).der(), "the ephemeral key compressed; only uncompressed points are read")
		changed.point = append([]byte{6 | own.point[len(own.point)-1]&1}, own.point[1:]...)
		s.add(kind+"-point-hybrid", malformed, kind, m.to(changed).der(), "the ephemeral key in the hybrid form; only uncompressed points are read")
		changed.point = cut(own.point, 1)
		both("point-cut", changed, "the ephemeral key lacks its last byte, so it is no point of the curve")
	}
}

func cmsDamagedRSA(s *set) {
	m := authEnveloped(32, fill(20))
	own := oaepTo("rsa2048", crypto.SHA256, m.key)
	for _, c := range []struct {
		id      string
		wrapped []byte
		comment string
	}{
		{"flip", flip(own.wrapped, -1), "a bit of the wrapped key flipped"},
		{"zero", make([]byte, 256), "the wrapped key is zero"},
		{"cut", cut(own.wrapped, 1), "the wrapped key is a byte shorter than the modulus"},
		{"longer", append([]byte{0}, own.wrapped...), "the wrapped key has a zero byte more"},
		{"empty", nil, "the wrapped key is empty"},
	} {
		changed := own
		changed.wrapped = c.wrapped
		s.add("rsa2048-wrapped-"+c.id, damaged, "rsa2048", m.to(changed).der(), c.comment+": damaged, for the identifier names this key")
		changed.version, changed.name = 0, issuerAndSerial("rsa2048")
		s.add("rsa2048-wrapped-"+c.id+"-by-issuer", noMatch, "rsa2048", m.to(changed).der(), c.comment+": cannot be told from a key for another recipient")
	}
	changed := own
	changed.algorithm = oaepAlgorithm(crypto.SHA512)
	s.add("rsa2048-oaep-hash-changed", damaged, "rsa2048", m.to(changed).der(), "the parameters say SHA-512 instead of SHA-256")
	short := oaepTo("rsa2048", crypto.SHA256, m.key[:16])
	s.add("rsa2048-key-size", malformed, "rsa2048", m.to(short).der(), "the wrapped key, which opens, is of 128 bits, and the content's cipher takes 256: no one sealed this so")
	ec := ecTo("p256", m.key[:16])
	s.add("p256-key-size", malformed, "p256", m.to(ec).der(), "the wrapped key, which opens, is of 128 bits, and the content's cipher takes 256")
}
