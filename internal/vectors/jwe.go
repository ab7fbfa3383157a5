package main

import (
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
