package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
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

// js7DamagedEC damages each part of V || C || T.
func js7DamagedEC(s *set) {
	for _, kind := range js7Curves {
		e := js7Seal(kind, 16, fill(20))
		v, z := agree(kind)
		wrapped := ecies(v, z, e.key)
		with := e.withWrapped
		point := func(v []byte) []byte { return with(append(bytes.Clone(v), wrapped[len(v):]...)) }
		other, _ := agree(kind)
		zero := make([]byte, len(v))
		zero[0] = 4
		hybrid := bytes.Clone(v)
		hybrid[0] = 6 | v[len(v)-1]&1
		const offCurve = "no point of any curve that js7 takes, so no key made it: damage, which is seen before the MAC is checked"
		s.add(kind+"-v-flip-x", damaged, kind, point(offCurvePoint(kind, v)), "the x of the ephemeral key changed: "+offCurve)
		s.add(kind+"-v-flip-y", damaged, kind, point(flip(v, -1)), "lowest bit of the y of the ephemeral key flipped: "+offCurve)
		s.add(kind+"-v-zero", damaged, kind, point(zero), "the ephemeral key is (0, 0): "+offCurve)
		s.add(kind+"-v-hybrid", damaged, kind, point(hybrid), "the ephemeral key in the hybrid form (06 or 07) of X9.62: another encoding of a right point; the format writes points uncompressed (04) only")
		s.add(kind+"-v-negated", noMatch, kind, point(negated(kind, v)), "y of the ephemeral key negated: the shared secret stays the same, but V is in the key derivation, so the MAC fails")
		s.add(kind+"-v-replaced", noMatch, kind, point(other), "another ephemeral key: the MAC fails, as with a wrong key")
		s.add(kind+"-v-infinity", noMatch, kind, with(append([]byte{0}, wrapped[len(v):]...)), "the ephemeral key is the point at infinity, one zero byte: the wrapped key is then too short for this curve")
		compressed := append([]byte{2 | v[len(v)-1]&1}, v[1:1+len(v)/2]...)
		s.add(kind+"-v-compressed", noMatch, kind, with(ecies(compressed, z, e.key)), "the ephemeral key compressed, with a right MAC: JS7's own tool opens this and never writes it; here the wrapped key has not the size for this curve")
		s.add(kind+"-c-flip", noMatch, kind, with(flip(wrapped, len(v))), "a bit of the encrypted AES key flipped: the MAC fails, which cannot be told from a wrong key")
		s.add(kind+"-t-flip", noMatch, kind, with(flip(wrapped, -1)), "a bit of the MAC flipped: cannot be told from a wrong key")
		s.add(kind+"-t-cut", noMatch, kind, with(cut(wrapped, 1)), "the MAC lacks its last byte: the size is that of no wrapped key of this curve")
		s.add(kind+"-w-longer", noMatch, kind, with(append(bytes.Clone(wrapped), 0)), "a byte behind the MAC: the size is that of no wrapped key of this curve")
		s.add(kind+"-key-8", noMatch, kind, with(ecies(v, z, random(8))), "an AES key of 8 bytes, with a right MAC: the size is that of no wrapped key")
		s.add(kind+"-key-0", noMatch, kind, with(ecies(v, z, nil)), "an empty AES key, with a right MAC")
	}
}

// offCurvePoint changes the last bit of x, which does not lead to another point.
func offCurvePoint(kind string, v []byte) []byte {
	changed := flip(v, (len(v)-1)/2)
	if _, err := ecdhCurve(kind, changed); err == nil {
		panic("a flipped bit led to the curve")
	}
	return changed
}

func js7DamagedRSA(s *set) {
	public := publicKey("rsa2048").(*rsa.PublicKey)
	e := js7Seal("rsa2048", 16, fill(40))
	wrapped, aesKey := e.wrapped, e.key
	add := func(id string, wrapped []byte, comment string) {
		s.add("rsa2048-"+id, noMatch, "rsa2048", e.withWrapped(wrapped), comment+"; told from a wrong key it would be an oracle (Bleichenbacher)")
	}
	add("w-flip-first", flip(wrapped, 0), "a bit of the first byte of the wrapped key flipped")
	add("w-flip-last", flip(wrapped, -1), "a bit of the last byte of the wrapped key flipped")
	add("w-zero", make([]byte, 256), "the wrapped key is zero")
	add("w-modulus", public.N.Bytes(), "the wrapped key is the modulus, not below it")
	add("w-cut", cut(wrapped, 1), "the wrapped key is a byte shorter than the modulus")
	add("w-longer", append([]byte{0}, wrapped...), "the wrapped key has a leading zero byte, a byte more than the modulus")
	add("oaep", must(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, aesKey, nil)), "the AES key is wrapped with RSAES-OAEP; the format has RSAES-PKCS1-v1_5 only")
	add("key-15", js7Wrap("rsa2048", random(15)), "the AES key has 15 bytes")
	add("key-0", js7Wrap("rsa2048", nil), "the AES key has no bytes")
	message := func(head []byte, padding byte, separator ...byte) []byte {
		body := append(slices.Clone(separator), aesKey...)
		return rsaRaw(public, slices.Concat(head, bytes.Repeat([]byte{padding}, 256-len(head)-len(body)), body))
	}
	add("block-type-1", message([]byte{0, 1}, 0xff, 0), "padding of block type 1, which is for signatures")
	add("block-no-zero", message([]byte{1, 2}, 0xff, 0), "the padding does not begin with a zero byte")
	add("block-no-separator", message([]byte{0, 2}, 0xff, 0xff), "no zero byte between padding and key")
	short := rsaRaw(public, slices.Concat([]byte{0, 2}, bytes.Repeat([]byte{7}, 7), []byte{0}, make([]byte, 230), aesKey))
	add("block-short-padding", short, "seven bytes of padding before the separator; eight is the least (RFC 8017, section 7.2.2)")
}

// js7DamagedValue damages IV and value: nothing authenticates them, so what does
// not break the padding opens to another plaintext.
func js7DamagedValue(s *set) {
	for _, kind := range []string{"rsa2048", "p256"} {
		class, why := damaged, "the padding is wrong, which with an EC key is told"
		if kind == "rsa2048" {
			class, why = noMatch, "the padding is wrong, which with an RSA key is not told from a wrong key"
		}
		plaintext := fill(40) // Two blocks and a half.
		e := js7Seal(kind, 16, plaintext)
		value := e.ciphertext
		const unnoticed = ": nothing authenticates this, so it opens, to another plaintext; an implementation that refuses it has another format"
		otherIV := e
		otherIV.iv = flip(e.iv, 0)
		s.good(kind+"-iv-flip", kind, otherIV.text(), flip(plaintext, 0), "a bit of the IV flipped"+unnoticed)
		changed := flip(value, 0)
		s.good(kind+"-value-flip", kind, e.withValue(changed), cbcDecrypt(e.key, e.iv, changed)[:40], "a bit of the first block flipped"+unnoticed)
		s.add(kind+"-value-flip-padding", class, kind, e.withValue(flip(value, 31)), "lowest bit before the last block flipped, so that the padding ends with 9 instead of 8: "+why)
		s.add(kind+"-value-cut-block", class, kind, e.withValue(value[:32]), "the last block is missing: the block before it is text and no padding; "+why)
		s.add(kind+"-value-cut-byte", malformed, kind, e.withValue(cut(value, 1)), "the value is no whole number of blocks")
		for _, c := range []struct {
			id     string
			padded []byte
		}{
			{"0", append(fill(15), 0)},
			{"17", append(fill(15), 17)},
			{"255", append(fill(15), 255)},
			{"2-3-3", append(fill(13), 2, 3, 3)},
			{"15-of-16", append([]byte{15}, bytes.Repeat([]byte{16}, 15)...)},
		} {
			s.add(kind+"-padding-"+c.id, class, kind, e.withValue(cbcEncrypt(e.key, e.iv, c.padded)), "one block that ends in "+c.id+" is not padded (RFC 5652, section 6.3): "+why)
		}
	}
}

// js7Encoding writes a right value in wrong ways.
func js7Encoding(s *set) {
	for _, kind := range []string{"rsa2048", "p256"} {
		e := js7Seal(kind, 16, fill(20))
		value := string(e.text())
		w, iv, ct := base64Of(e.wrapped), base64Of(e.iv), base64Of(e.ciphertext)
		add := func(id, envelope, comment string) {
			s.add(kind+"-"+id, malformed, kind, []byte(envelope), comment)
		}
		add("upper-prefix", "ENC:"+value[4:], "the prefix is enc:, in lower case")
		add("prefix-space", "enc: "+value[4:], "a space behind the prefix")
		add("prefix-twice", "enc:"+value, "the prefix twice")
		add("leading-space", " "+value, "a space before the prefix")
		add("trailing-space", value+" ", "a space behind the value")
		add("two-spaces", strings.Replace(value, " ", "  ", 1), "two spaces between the fields")
		add("tab", strings.Replace(value, " ", "\t", 1), "a tab between the fields")
		add("fourth-field", value+" AAAA", "a field more than there are; JS7's own tool passes over it")
		add("two-fields", "enc:"+w+" "+iv, "truncated behind the IV: the value is missing")
		add("one-field", "enc:"+w, "truncated behind the wrapped key")
		add("prefix-only", "enc:", "nothing behind the prefix")
		add("empty-key", "enc: "+iv+" "+ct, "the wrapped key is empty")
		add("empty-iv", "enc:"+w+"  "+ct, "the IV is empty")
		add("empty-value", "enc:"+w+" "+iv+" ", "the value is empty; the least is one block of padding")
		add("iv-15", "enc:"+w+" "+base64Of(e.iv[:15])+" "+ct, "an IV of 15 bytes")
		add("iv-17", "enc:"+w+" "+base64Of(append(bytes.Clone(e.iv), 0))+" "+ct, "an IV of 17 bytes")
		add("two-lf", value+"\n\n", "two newlines at the end; one is the most")
		add("cr", value+"\r", "a CR alone at the end")
		add("lf-inside", "enc:"+w[:40]+"\n"+value[44:], "a line break inside the base64 of the wrapped key")
		add("nul", value+"\x00", "a zero byte at the end")
		add("bom", "\ufeff"+value, "a byte order mark before the prefix")
		add("no-padding", "enc:"+w+" "+strings.TrimRight(iv, "=")+" "+ct, "the base64 of the IV lacks its padding; JS7's own tool takes it, but one value has one encoding here")
		add("stray-bits", "enc:"+w+" "+strayBits(iv)+" "+ct, "the last digit of the IV's base64 has bits that encode nothing: a second encoding of the same bytes")
		add("base64url", "enc:"+base64.URLEncoding.EncodeToString(append([]byte{0xfb, 0xff}, e.wrapped[2:]...))+" "+iv+" "+ct, "the wrapped key in the alphabet of base64url")
		add("quoted", `"`+value+`"`, "quotes around the value")
		add("twice", value+"\n"+value, "two values, one a line")
	}
	s.add("empty", malformed, "p256", nil, "nothing at all")
	s.add("plain-text", malformed, "p256", []byte("just a password"), "no envelope")
}

// strayBits changes the last digit of base64 that ends in == into one which
// stands for the same bytes.
func strayBits(text string) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	at := strings.IndexByte(text, '=') - 1
	return text[:at] + string(digits[strings.IndexByte(digits, text[at])|1]) + text[at+1:]
}
