package main

import (
	"bytes"
	"crypto/ecdh"
	"encoding/hex"
	"strconv"
	"strings"
)

var (
	jweCurves = []string{"p256", "p384", "p521", "x25519"}
	jweKinds  = append([]string{"rsa2048"}, jweCurves...)
)

func jweCases(s *set) {
	jweGood(s)
	jweLibrary(s)
	s.source = forged
	jweForms(s)
	jweWrongKeys(s)
	jweDamagedContent(s)
	jweDamagedKey(s)
	jweEphemeral(s)
	jweForbidden(s)
	jweMalformedCompact(s)
	jweMalformedHeader(s)
	jweMalformedJSON(s)
}

func jweGood(s *set) {
	for _, kind := range jweKinds {
		s.source = sealed
		for _, p := range plaintexts {
			s.good(kind+"-good-"+p.name, kind, s.seal(p.data, kind), p.data, p.note)
		}
		s.source = forged
		s.good(kind+"-no-kid", kind, jweTo(kind, "", fill(20)).compact(), fill(20), "the header names no key")
		s.good(kind+"-other-kid", kind, jweTo(kind, "my key", fill(20)).compact(), fill(20), "the header names the key in another way than this project does: a kid is a hint")
		flat := jweTo(kind, keyID(kind), fill(20))
		s.good(kind+"-flattened", kind, []byte(object(flat.members()...)), fill(20), "flattened JSON serialization, everything in the protected header")
	}
	s.source = sealed
	several := s.seal([]byte("for five"), jweKinds...)
	for _, kind := range jweKinds {
		s.good(kind+"-of-five", kind, several, []byte("for five"), "general JSON serialization for five recipients of different kinds")
	}
	s.add("p256-other-of-five", noMatch, "p256-other", several, "five recipients, none of which is this one")
}

// jweForms are fields and ways of writing that are allowed.
func jweForms(s *set) {
	p := jweTo("p256", "", fill(20))
	compact, flat := string(p.compact()), object(p.members()...)
	opens := func(id, envelope, comment string) { s.good("p256-"+id, "p256", []byte(envelope), fill(20), comment) }
	opens("lf", compact+"\n", "compact, with one LF at the end")
	opens("crlf", compact+"\r\n", "compact, with one CRLF at the end")
	opens("json-space", " "+strings.ReplaceAll(flat, ",", " ,\n\t")+"\r\n", "JSON with white space around and inside it")
	opens("json-order", object("tag", text(p.tag), "ciphertext", text(p.ciphertext), "iv", text(p.iv), "encrypted_key", text(p.key), "protected", quoted(p.protected)), "the members of the JSON in another order")
	opens("unknown-parameter", string(jweTo("p256", "", fill(20), "typ", `"JOSE"`, "x-note", `{"a":[1,2,null]}`).compact()), "unknown parameters in the protected header are ignored (RFC 7516, section 4), and are authenticated")
	cek := random(32)
	epk, wrapped := ecdhES("p256", cek, []byte("Alice"), []byte("Bob"))
	apu := jweSeal(ecHeader("", epk, "apu", quoted("Alice"), "apv", quoted("Bob")), cek, fill(20), "")
	apu.key = wrapped
	opens("apu-apv", string(apu.compact()), "with PartyUInfo and PartyVInfo, which go into the derivation (RFC 7518, section 4.6.2)")
	aad := jweSeal(rsaHeader(""), cek, fill(20), base64url([]byte("label")))
	aad.key = rsaOAEP("rsa2048", cek)
	s.good("rsa2048-aad", "rsa2048", []byte(object(append(aad.members(), "aad", quoted("label"))...)), fill(20), "with additional authenticated data, which only JSON has")
	one := jweSeal(object("enc", `"A256GCM"`), cek, fill(20), "")
	s.good("p384-general-one", "p384", general(one.protected, one, jweRecipient("p384", keyID("p384"), cek)), fill(20), "general JSON serialization for one recipient, whose header is not protected")
	s.good("x25519-second", "x25519", general(one.protected, one, jweRecipient("x25519-other", "a", cek), jweRecipient("x25519", "b", cek)), fill(20), "the second of two recipients of one kind, neither of whom is named as this project does")
	s.good("p256-wrong-kid", "p256", general(one.protected, one, jweRecipient("p256-other", "x", cek), jweRecipient("p256", keyID("p256-other"), cek)), fill(20), "the kid of the right recipient names another key; the header of a recipient is not authenticated, and a kid is a hint")
	shared := append(without(one.members(), "encrypted_key"), "encrypted_key", text(rsaOAEP("rsa2048", cek)), "unprotected", object("alg", `"RSA-OAEP-256"`))
	s.good("rsa2048-unprotected", "rsa2048", []byte(object(shared...)), fill(20), "alg in the shared unprotected header")
	negative := agreedNegative(cek, one)
	s.good("p256-epk-negated", "p256", negative, fill(20), "y of an ephemeral key that is in an unprotected header negated: the shared secret is its x alone, so this opens; nothing of what is opened changes")
}

// agreedNegative is an envelope whose ephemeral key was replaced by its negative.
func agreedNegative(cek []byte, p jweParts) []byte {
	point, z := agree("p256")
	wrapped := keyWrap(concatKDF(z, "ECDH-ES+A256KW", nil, nil), cek)
	header := object("alg", `"ECDH-ES+A256KW"`, "epk", epkOf("p256", negated("p256", point)))
	return general(p.protected, p, object("header", header, "encrypted_key", text(wrapped)))
}

func jweWrongKeys(s *set) {
	for _, kind := range jweKinds {
		s.add(kind+"-other-key", noMatch, kind+"-other", jweTo(kind, keyID(kind), fill(20)).compact(), "for another key of the same kind, which the header names")
		s.add(kind+"-other-key-no-kid", noMatch, kind+"-other", jweTo(kind, "", fill(20)).compact(), "for another key of the same kind; the header names none")
	}
	for _, c := range [][2]string{{"p256", "p384"}, {"p384", "p521"}, {"p521", "x25519"}, {"x25519", "p256"}, {"p256", "rsa2048"}, {"rsa2048", "p256"}, {"rsa2048", "ssh-rsa"}} {
		s.add(c[0]+"-opened-with-"+c[1], noMatch, c[1], jweTo(c[0], keyID(c[0]), fill(20)).compact(), "for a key of another kind or curve, or of the same kind from another container")
	}
	for _, key := range []string{"ssh-ed25519", "secp256k1", "age-x25519", "age-hybrid", "openpgp-v4-rsa"} {
		s.add("unsupported-"+key, unsupportedKey, key, jweTo("p256", "", fill(20)).compact(), "jwe takes RSA, EC on P-256, P-384 and P-521, and X25519 keys only")
	}
	s.add("rsa1024", forbidden, "rsa1024", jweTo("rsa1024", "", fill(20)).compact(), "RSA keys of less than 2048 bits are refused (RFC 7518, section 4.3), though the envelope is for this one")
}

func jweDamagedContent(s *set) {
	for _, kind := range jweKinds {
		p := jweTo(kind, "", fill(40))
		add := func(id string, p jweParts, comment string) { s.add(kind+"-"+id, damaged, kind, p.compact(), comment) }
		changed := p
		changed.ciphertext = flip(p.ciphertext, 0)
		add("ciphertext-flip-first", changed, "a bit of the first byte of the ciphertext flipped")
		changed.ciphertext = flip(p.ciphertext, -1)
		add("ciphertext-flip-last", changed, "a bit of the last byte of the ciphertext flipped")
		changed.ciphertext = cut(p.ciphertext, 1)
		add("ciphertext-cut", changed, "the ciphertext lacks its last byte")
		changed.ciphertext = nil
		add("ciphertext-empty", changed, "the ciphertext is empty")
		changed.ciphertext = append(bytes.Clone(p.ciphertext), 0)
		add("ciphertext-longer", changed, "a byte more of ciphertext")
		changed = p
		changed.tag = flip(p.tag, 0)
		add("tag-flip", changed, "a bit of the tag flipped")
		changed = p
		changed.iv = flip(p.iv, 0)
		add("iv-flip", changed, "a bit of the IV flipped")
		changed = p
		changed.protected = strings.Replace(p.protected, ",", ", ", 1)
		add("header-space", changed, "a space added to the JSON of the protected header, which is authenticated as it is spelled")
		changed.protected = strings.TrimSuffix(p.protected, "}") + `,"typ":"JOSE"}`
		add("header-member", changed, "a parameter added to the protected header")
	}
	cek := random(32)
	p := jweSeal(rsaHeader(""), cek, fill(20), base64url([]byte("label")))
	p.key = rsaOAEP("rsa2048", cek)
	s.add("rsa2048-aad-changed", damaged, "rsa2048", []byte(object(append(p.members(), "aad", quoted("Label"))...)), "additional authenticated data changed")
	s.add("rsa2048-aad-removed", damaged, "rsa2048", []byte(object(p.members()...)), "additional authenticated data removed")
	plain := jweTo("rsa2048", "", fill(20))
	s.add("rsa2048-aad-added", damaged, "rsa2048", []byte(object(append(plain.members(), "aad", quoted("label"))...)), "additional authenticated data added")
}

// jweDamagedKey damages the encrypted key. Whether that is told from a wrong key
// goes by whether the kid is the ID of the key.
func jweDamagedKey(s *set) {
	for _, kind := range jweKinds {
		for _, c := range []struct{ id, kid, class, why string }{
			{"", keyID(kind), damaged, ": damaged, for the kid is the ID of this key"},
			{"-no-kid", "", noMatch, ": cannot be told from a key for another recipient, since the header names none"},
		} {
			p := jweTo(kind, c.kid, fill(20))
			add := func(id string, p jweParts, comment string) {
				s.add(kind+"-"+id+c.id, c.class, kind, p.compact(), comment+c.why)
			}
			changed := p
			changed.key = flip(p.key, 0)
			add("key-flip-first", changed, "a bit of the first byte of the encrypted key flipped")
			changed.key = flip(p.key, -1)
			add("key-flip-last", changed, "a bit of the last byte of the encrypted key flipped")
			changed.key = make([]byte, len(p.key))
			add("key-zero", changed, "the encrypted key is zero")
		}
	}
	p := jweTo("rsa2048", "", fill(20))
	for _, c := range []struct {
		id, comment string
		key         []byte
	}{
		{"cut", "the encrypted key is a byte shorter than the modulus", cut(p.key, 1)},
		{"longer", "the encrypted key has a zero byte more than the modulus", append([]byte{0}, p.key...)},
		{"cek-16", "the key that is encrypted has 128 bits; A256GCM takes 256, so no one sealed this for this key", rsaOAEP("rsa2048", p.cek[:16])},
	} {
		p.key = c.key
		s.add("rsa2048-key-"+c.id, noMatch, "rsa2048", p.compact(), c.comment+": as with a wrong key (RFC 7516, section 11.5)")
	}
	cek := random(32)
	epk, wrapped := ecdhES("p256", cek, []byte("Alice"), nil)
	for _, c := range []struct{ id, kid, class string }{{"", keyID("p256"), damaged}, {"-no-kid", "", noMatch}} {
		p := jweSeal(ecHeader(c.kid, epk, "apu", quoted("Malice")), cek, fill(20), "")
		p.key = wrapped
		s.add("p256-apu-changed"+c.id, c.class, "p256", p.compact(), "apu is not the one that the encrypted key was wrapped with, so that does not open")
		p = jweSeal(ecHeader(c.kid, epk), cek, fill(20), "")
		p.key = wrapped
		s.add("p256-apu-removed"+c.id, c.class, "p256", p.compact(), "apu is missing, so the encrypted key does not open")
	}
}

// lowOrder are points of X25519 whose multiples are zero (RFC 7748, section 6.1).
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

// jweEphemeral has ephemeral keys that no one made.
func jweEphemeral(s *set) {
	p := jweTo("x25519", "", fill(20))
	withEPK := func(epk string) []byte {
		p.protected = ecHeader("", epk)
		return p.compact()
	}
	add := func(id, class, kind, epk, comment string) { s.add(kind+"-"+id, class, kind, withEPK(epk), comment) }
	for i, point := range lowOrder {
		add("epk-low-order-"+strconv.Itoa(i+1), damaged, "x25519", epkOf("x25519", must(hex.DecodeString(point))), "an ephemeral key of low order: the shared secret is zero whatever the private key, which RFC 7748, section 6.1, has checked")
	}
	for _, kind := range []string{"p256", "p384", "p521"} {
		point, _ := agree(kind)
		p = jweTo(kind, "", fill(20))
		size := (len(point) - 1) / 2
		add("epk-off-curve", damaged, kind, epkOf(kind, flip(point, -1)), "the ephemeral key is no point of the curve: seen without any key, so it is damage")
		add("epk-zero", damaged, kind, epkOf(kind, make([]byte, len(point))), "the ephemeral key is (0, 0), as the point at infinity is sometimes written: no point of the curve")
		prime := fieldPrime(kind).FillBytes(make([]byte, size))
		add("epk-not-reduced", damaged, kind, epkOf(kind, append(append([]byte{4}, prime...), point[1+size:]...)), "x is the prime of the field, which is no coordinate")
		add("epk-replaced", noMatch, kind, epkOf(kind, point), "another ephemeral key, a point of the curve: the encrypted key does not open")
		x, y := text(point[1:1+size]), text(point[1+size:])
		name := strconv.Quote(curveName(kind))
		add("epk-short", malformed, kind, object("kty", `"EC"`, "crv", name, "x", text(point[1:size]), "y", y), "x lacks a byte; RFC 7518, section 6.2.1.2, has coordinates at their full length")
		add("epk-long", malformed, kind, object("kty", `"EC"`, "crv", name, "x", text(append([]byte{0}, point[1:1+size]...)), "y", y), "x has a zero byte more than its full length")
		add("epk-no-y", malformed, kind, object("kty", `"EC"`, "crv", name, "x", x), "y is missing")
		add("epk-no-x", malformed, kind, object("kty", `"EC"`, "crv", name, "y", y), "x is missing")
		add("epk-x-number", malformed, kind, object("kty", `"EC"`, "crv", name, "x", "7", "y", y), "x is a number")
		add("epk-private", malformed, kind, object("kty", `"EC"`, "crv", name, "x", x, "y", y, "d", text(random(size))), "the ephemeral key with its private half")
		add("epk-x-twice", malformed, kind, object("kty", `"EC"`, "crv", name, "x", x, "y", y, "x", x), "x twice")
		add("epk-kty-okp", noMatch, kind, object("kty", `"OKP"`, "crv", name, "x", x, "y", y), "kty is not the one of the curve: it is no key of this curve, so not for this key")
		add("epk-crv-unknown", noMatch, kind, object("kty", `"EC"`, "crv", `"P-999"`, "x", x, "y", y), "an unknown curve: not for this key")
		add("epk-no-crv", malformed, kind, object("kty", `"EC"`, "x", x, "y", y), "crv is missing")
		add("epk-no-kty", malformed, kind, object("crv", name, "x", x, "y", y), "kty is missing")
	}
	p = jweTo("x25519", "", fill(20))
	point := must(ecdh.X25519().NewPrivateKey(random(32))).PublicKey().Bytes()
	add("epk-replaced", noMatch, "x25519", epkOf("x25519", point), "another ephemeral key: the encrypted key does not open")
	add("epk-short", malformed, "x25519", epkOf("x25519", point[1:]), "x lacks a byte")
	right, z := agree("x25519")
	p.key = keyWrap(concatKDF(z, "ECDH-ES+A256KW", nil, nil), p.cek)
	withY := jweSeal(ecHeader("", object("kty", `"OKP"`, "crv", `"X25519"`, "x", text(right), "y", text(right))), p.cek, fill(20), "")
	withY.key = p.key
	s.add("x25519-epk-with-y", malformed, "x25519", withY.compact(), "y on X25519, which has none (RFC 8037, section 2); all else is right")
	for _, c := range []struct{ id, epk, comment string }{
		{"epk-text", `"key"`, "a text"}, {"epk-null", "null", "null"}, {"epk-empty", "{}", "an empty object"}, {"epk-array", "[]", "an array"},
	} {
		add(c.id, malformed, "x25519", c.epk, "the ephemeral key is "+c.comment)
	}
	p.protected = jweHeader("ECDH-ES+A256KW", "")
	s.add("x25519-no-epk", malformed, "x25519", p.compact(), "the ephemeral key is missing")
}
