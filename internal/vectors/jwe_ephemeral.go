package main

import (
	"crypto/ecdh"
	"encoding/hex"
	"strconv"
)

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
