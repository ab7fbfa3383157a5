package main

import (
	"bytes"
	"strings"
)

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
