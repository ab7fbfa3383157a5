package main

import (
	"bytes"
)

var (
	js7Curves = []string{"p256", "p384", "p521", "secp256k1"}
	js7Kinds  = append([]string{"rsa2048"}, js7Curves...)
)

func js7Cases(s *set) {
	s.legacy = true
	js7Good(s)
	js7Foreign(s)
	s.source = forged
	js7WrongKeys(s)
	js7DamagedEC(s)
	js7DamagedRSA(s)
	js7DamagedValue(s)
	js7Encoding(s)
	js7Files(s)
}

func js7Good(s *set) {
	for _, kind := range js7Kinds {
		s.source = sealed
		for _, p := range plaintexts {
			s.good(kind+"-good-"+p.name, kind, s.seal(p.data, kind), p.data, p.note)
		}
		s.source = forged
		secret := []byte("secret under " + kind)
		s.good(kind+"-aes192", kind, js7Seal(kind, 24, secret).text(), secret, "the wrapped AES key has 192 bits; JS7 makes 128 and takes all three")
		s.good(kind+"-aes256", kind, js7Seal(kind, 32, secret).text(), secret, "the wrapped AES key has 256 bits")
	}
	secret := []byte("secret")
	for _, kind := range []string{"rsa2048", "p256"} {
		value := js7Seal(kind, 16, secret).text()
		bare := bytes.TrimPrefix(value, []byte("enc:"))
		s.good(kind+"-bare", kind, bare, secret, "without enc:, as JS7's own tool prints it")
		s.good(kind+"-lf", kind, append(bytes.Clone(value), '\n'), secret, "one LF at the end, which a text file has")
		s.good(kind+"-crlf", kind, append(bytes.Clone(value), "\r\n"...), secret, "one CRLF at the end")
		s.good(kind+"-bare-lf", kind, append(bytes.Clone(bare), '\n'), secret, "without enc:, with one LF")
	}
}

func js7WrongKeys(s *set) {
	for _, kind := range js7Curves {
		s.add(kind+"-other-key", noMatch, kind+"-other", js7Seal(kind, 16, fill(20)).text(), "sealed for another key of the same curve: the MAC of the wrapped key fails")
	}
	s.add("rsa2048-other-key", noMatch, "rsa2048-other", js7Seal("rsa2048", 16, fill(20)).text(), "sealed for another RSA key: whatever comes out of decrypting, it is never told from damage")
	for _, c := range [][2]string{{"p256", "p384"}, {"p384", "p521"}, {"p521", "p256"}, {"p256", "rsa2048"}, {"rsa2048", "p256"}, {"secp256k1", "rsa2048"}} {
		s.add(c[0]+"-opened-with-"+c[1], noMatch, c[1], js7Seal(c[0], 16, fill(20)).text(), "the wrapped key has not the size that a key of this kind gives it")
	}
	for _, c := range [][2]string{{"p256", "secp256k1"}, {"secp256k1", "p256"}} {
		s.add(c[0]+"-opened-with-"+c[1], noMatch, c[1], js7Seal(c[0], 16, fill(20)).text(), "points of both curves have one size; the ephemeral key is a point of the other curve, so it is for another key, not damaged")
	}
	value := js7Seal("p256", 16, fill(20)).text()
	for _, key := range []string{"ssh-ed25519", "x25519", "age-x25519", "age-hybrid", "openpgp-v4-rsa"} {
		s.add("unsupported-"+key, unsupportedKey, key, value, "js7 takes RSA and EC keys only")
	}
	s.add("rsa1024", forbidden, "rsa1024", js7Seal("rsa1024", 16, fill(20)).text(), "RSA keys of less than 2048 bits are refused, though the envelope is for this one")
}
