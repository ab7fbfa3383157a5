package main

import (
	"bytes"
	"crypto"
	"fmt"
	"slices"
)

var (
	cmsCurves = []string{"p256", "p384", "p521", "secp256k1"}
	cmsKinds  = append([]string{"rsa2048"}, cmsCurves...)
)

func cmsCases(s *set) {
	cmsGood(s)
	cmsOpenSSL(s)
	s.source = forged
	cmsOptions(s)
	cmsWrongKeys(s)
	cmsDamagedContent(s)
	cmsDamagedEC(s)
	cmsDamagedRSA(s)
	cmsLegacy(s)
	cmsForbidden(s)
	cmsMalformed(s)
	cmsArmor(s)
}

// cmsTo is a message for the key of any kind, with its recipient named by the
// identifier.
func cmsTo(kind string, plaintext []byte) cmsMessage {
	m := authEnveloped(32, plaintext)
	if kind == "rsa2048" || kind == "rsa1024" {
		return m.to(oaepTo(kind, crypto.SHA256, m.key))
	}
	return m.to(ecTo(kind, m.key))
}

func cmsGood(s *set) {
	for _, kind := range cmsKinds {
		s.source = sealed
		for _, p := range plaintexts {
			s.good(kind+"-good-"+p.name, kind, s.seal(p.data, kind), p.data, p.note)
		}
		s.source = forged
		der := cmsTo(kind, fill(20)).der()
		s.good(kind+"-raw", kind, der, fill(20), "DER without armor")
		m := authEnveloped(32, fill(20))
		if kind == "rsa2048" {
			named := oaepTo(kind, crypto.SHA256, m.key)
			named.version, named.name = 0, issuerAndSerial(kind)
			m = m.to(named)
		} else {
			named := ecTo(kind, m.key)
			named.name = issuerAndSerial(kind)
			m = m.to(named)
		}
		s.good(kind+"-by-issuer", kind, m.der(), fill(20), "the recipient is named by issuer and serial number of its certificate")
	}
	s.source = sealed
	three := s.seal([]byte("for three"), "rsa2048", "p256", "p521")
	for _, kind := range []string{"rsa2048", "p256", "p521"} {
		s.good(kind+"-of-three", kind, three, []byte("for three"), "one envelope for three recipients of different kinds")
	}
	two := s.seal([]byte("for two"), "p256-other", "p256")
	s.good("p256-of-two", "p256", two, []byte("for two"), "one envelope for two recipients of one kind: the wrapped key of the other is passed over")
	s.add("p384-of-three", noMatch, "p384", three, "one envelope for three recipients, none of which is this one")
}

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

func cmsWrongKeys(s *set) {
	for _, kind := range cmsKinds {
		s.add(kind+"-other-key", noMatch, kind+"-other", cmsTo(kind, fill(20)).der(), "for another key of the same kind")
	}
	for _, c := range [][2]string{{"p256", "p384"}, {"p256", "secp256k1"}, {"secp256k1", "p256"}, {"p521", "rsa2048"}, {"rsa2048", "p256"}, {"rsa2048", "ssh-rsa"}} {
		s.add(c[0]+"-opened-with-"+c[1], noMatch, c[1], cmsTo(c[0], fill(20)).der(), "for a key of another kind, or of the same kind from another container")
	}
	for _, key := range []string{"ssh-ed25519", "x25519", "age-x25519", "age-hybrid", "openpgp-v4-rsa"} {
		s.add("unsupported-"+key, unsupportedKey, key, cmsTo("p256", fill(20)).der(), "cms takes RSA and EC keys only")
	}
	s.add("rsa1024", forbidden, "rsa1024", cmsTo("rsa1024", fill(20)).der(), "RSA keys of less than 2048 bits are refused, though the envelope is for this one")
}

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
