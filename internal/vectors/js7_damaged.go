package main

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"slices"
)

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
