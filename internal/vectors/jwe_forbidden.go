package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // To be refused.
	"strconv"
	"strings"
)

// jweForbidden is what other names of algorithms are refused for.
func jweForbidden(s *set) {
	add := func(id, header, comment string) {
		p := jweSeal(header, random(32), fill(20), "")
		p.key = rsaOAEP("rsa2048", p.cek)
		s.add("rsa2048-"+id, forbidden, "rsa2048", p.compact(), comment)
	}
	const enc = `"A256GCM"`
	const why = "; names are compared as they are, and this one is not on the list"
	for _, alg := range []string{"none", "RSA-OAEP-384", "RSA-OAEP-512", "RS256", "HS256", "A256GCM", "rsa-oaep-256", "RSA-OAEP-256 ", "RSA_OAEP_256", "HPKE-0"} {
		add("alg-named-"+strings.ReplaceAll(alg, " ", "_"), object("alg", strconv.Quote(alg), "enc", enc), "alg is "+strconv.Quote(alg)+why)
	}
	for _, name := range []string{"a256gcm", "A256GCM ", "none", "XC20P", "RSA-OAEP-256"} {
		add("enc-named-"+strings.ReplaceAll(name, " ", "_"), object("alg", `"RSA-OAEP-256"`, "enc", strconv.Quote(name)), "enc is "+strconv.Quote(name)+why)
	}
	add("swapped", object("alg", enc, "enc", `"RSA-OAEP-256"`), "alg and enc swapped")
	add("zip-unknown", object("alg", `"RSA-OAEP-256"`, "enc", enc, "zip", `"none"`), "zip with an unknown method, though nothing is compressed")
	add("crit", object("alg", `"RSA-OAEP-256"`, "enc", enc, "crit", `["exp"]`, "exp", "1"), "asks for an extension (crit), and none is known")
	add("crit-empty", object("alg", `"RSA-OAEP-256"`, "enc", enc, "crit", `[]`), "an empty crit; whatever it holds, crit is refused")
	add("crit-known", object("alg", `"RSA-OAEP-256"`, "enc", enc, "crit", `["alg"]`), "crit that names a parameter of RFC 7516, which section 4.1.13 forbids; whatever it holds, crit is refused")
	public := publicKey("rsa2048").(*rsa.PublicKey)
	p := jweSeal(object("enc", enc), random(32), fill(20), "")
	sha := must(rsa.EncryptOAEP(sha1.New(), rand.Reader, public, p.cek, nil)) //nolint:gosec // See the import.
	recipient := object("header", object("alg", `"RSA-OAEP"`), "encrypted_key", text(sha))
	s.add("rsa2048-recipient-alg", forbidden, "rsa2048", general(p.protected, p, recipient), "RSA-OAEP, which is on SHA-1, in the header of the only recipient")
	s.add("rsa2048-one-recipient-alg", forbidden, "rsa2048", general(p.protected, p, recipient, jweRecipient("rsa2048", "", p.cek)), "RSA-OAEP in the header of one of two recipients: the list is for the whole envelope, so the other one does not make it good")
	dir := []byte(object("protected", quoted(object("alg", `"dir"`, "enc", enc)), "iv", text(p.iv), "ciphertext", text(p.ciphertext), "tag", text(p.tag)))
	s.add("p256-alg-dir-json", forbidden, "p256", dir, "dir in JSON, where it has no encrypted_key")
}
