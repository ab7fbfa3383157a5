package main

import (
	"bytes" //nolint:gosec // To be refused.
	"strings"
)

// jweMalformedCompact writes the compact form in wrong ways.
func jweMalformedCompact(s *set) {
	for _, kind := range []string{"rsa2048", "p256", "x25519"} {
		p := jweTo(kind, keyID(kind), fill(20))
		compact := string(p.compact())
		parts := strings.Split(compact, ".")
		add := func(id, envelope, comment string) { s.add(kind+"-"+id, malformed, kind, []byte(envelope), comment) }
		replaced := func(at int, part string) string {
			changed := strings.Split(compact, ".")
			changed[at] = part
			return strings.Join(changed, ".")
		}
		for n, name := range []string{"header", "key", "iv", "ciphertext"} {
			add("cut-behind-"+name, strings.Join(parts[:n+1], "."), "truncated behind the "+name)
			add("cut-behind-"+name+"-dot", strings.Join(parts[:n+1], ".")+".", "truncated behind the dot that follows the "+name)
			add("cut-in-"+name, strings.Join(parts[:n+1], ".")[:len(strings.Join(parts[:n+1], "."))-3], "truncated inside the "+name)
		}
		add("cut-in-tag", compact[:len(compact)-3], "truncated inside the tag")
		add("sixth-part", compact+".AAAA", "a part more than there are")
		add("trailing-dot", compact+".", "a dot behind the tag")
		add("header-empty", replaced(0, ""), "the header is empty")
		add("key-empty", replaced(1, ""), "the encrypted key is empty")
		add("iv-empty", replaced(2, ""), "the IV is empty")
		add("tag-empty", replaced(4, ""), "the tag is empty")
		add("iv-16", replaced(2, base64url(random(16))), "an IV of 16 bytes; A256GCM has 12")
		add("iv-11", replaced(2, base64url(p.iv[:11])), "an IV of 11 bytes")
		add("tag-12", replaced(4, base64url(p.tag[:12])), "a tag of 12 bytes; A256GCM has 16")
		add("tag-17", replaced(4, base64url(append(bytes.Clone(p.tag), 0))), "a tag of 17 bytes")
		add("padding", replaced(4, parts[4]+"=="), "base64url with padding")
		add("stray-bits", replaced(4, strayURLBits(parts[4])), "the last digit of the tag has bits that encode nothing: a second encoding of the same bytes")
		add("base64-alphabet", replaced(2, "+/+/"+parts[2][4:]), "digits of base64 that base64url has not")
		add("lf-inside", replaced(3, parts[3][:4]+"\n"+parts[3][4:]), "a line break inside the ciphertext")
		add("space-before", " "+compact, "a space before the header")
		add("space-behind", compact+" ", "a space behind the tag")
		add("two-lf", compact+"\n\n", "two newlines at the end; one is the most")
		add("nul", compact+"\x00", "a zero byte at the end")
		add("twice", compact+"\n"+compact, "two envelopes, one a line")
		add("signature", strings.Join([]string{base64url([]byte(`{"alg":"EdDSA"}`)), parts[3], parts[4]}, "."), "three parts, as a JWS has: nothing in it is sealed")
	}
	p := jweTo("p256", "", fill(20))
	for _, c := range []struct {
		id      string
		key     []byte
		comment string
	}{
		{"39", p.key[:39], "one byte too few"}, {"48", append(bytes.Clone(p.key), random(8)...), "eight bytes too many"}, {"32", p.key[:32], "the wrap of a key of 192 bits"},
	} {
		changed := p
		changed.key = c.key
		s.add("p256-key-size-"+c.id, malformed, "p256", changed.compact(), "an encrypted key of "+c.id+" bytes, "+c.comment+"; A256KW makes 40 of 32")
	}
	s.add("empty", malformed, "p256", nil, "nothing at all")
	s.add("dots", malformed, "p256", []byte("...."), "five empty parts")
}

// strayURLBits changes the last digit of base64url of 16 bytes into one that
// stands for the same bytes.
func strayURLBits(text string) string {
	return strings.TrimRight(strayBits(text+"=="), "=")
}

func jweMalformedHeader(s *set) {
	p := jweTo("rsa2048", "", fill(20))
	add := func(id, header, comment string) {
		changed := jweSeal(header, p.cek, fill(20), "")
		changed.key = p.key
		s.add("rsa2048-header-"+id, malformed, "rsa2048", changed.compact(), comment+", with a right tag")
	}
	const alg, enc = `"RSA-OAEP-256"`, `"A256GCM"`
	right := object("alg", alg, "enc", enc)
	add("alg-twice", object("alg", alg, "enc", enc, "alg", alg), "alg twice in the protected header")
	add("enc-twice", object("alg", alg, "enc", enc, "enc", `"A128GCM"`), "enc twice in the protected header, with two values")
	add("kid-twice", object("alg", alg, "enc", enc, "kid", `"a"`, "kid", `"b"`), "kid twice in the protected header, with two values")
	add("escaped-twice", `{"alg":"RSA-OAEP-256","enc":"A256GCM","\u0061lg":"dir"}`, "alg twice, once with an escape in its name")
	add("no-alg", object("enc", enc), "alg is missing")
	add("no-enc", object("alg", alg), "enc is missing")
	add("alg-null", object("alg", "null", "enc", enc), "alg is null")
	add("alg-number", object("alg", "1", "enc", enc), "alg is a number")
	add("alg-array", object("alg", `["RSA-OAEP-256"]`, "enc", enc), "alg is an array")
	add("alg-empty", object("alg", `""`, "enc", enc), "alg is empty")
	add("enc-null", object("alg", alg, "enc", "null"), "enc is null")
	add("enc-object", object("alg", alg, "enc", "{}"), "enc is an object")
	add("kid-number", object("alg", alg, "enc", enc, "kid", "7"), "kid is a number")
	add("kid-empty", object("alg", alg, "enc", enc, "kid", `""`), "kid is empty")
	add("array", "["+right+"]", "the header is an array")
	add("text", `"header"`, "the header is a text")
	add("null", "null", "the header is null")
	add("empty-object", "{}", "the header has no members")
	add("not-json", "alg=RSA-OAEP-256", "the header is no JSON")
	add("cut", strings.TrimSuffix(right, "}"), "the header's JSON is truncated")
	add("trailing", right+right, "a second object behind the header's")
	add("comma", strings.TrimSuffix(right, "}")+",}", "a comma behind the last member")
	add("comment", "/* */"+right, "a comment, which JSON has not")
	add("single-quotes", strings.ReplaceAll(right, `"`, "'"), "single quotes, which JSON has not")
	add("not-utf8", strings.TrimSuffix(right, "}")+",\"kid\":\"\xff\"}", "the header is not UTF-8")
	add("bom", "\ufeff"+right, "a byte order mark before the header")
	add("large", strings.TrimSuffix(right, "}")+`,"x":"`+strings.Repeat("x", 20000)+`"}`, "a header of 20 KB; more than 16 KiB are not read")
	cek := random(32)
	epk, wrapped := ecdhES("p256", cek, nil, nil)
	for _, c := range []struct{ id, value, comment string }{
		{"apu-empty", `""`, "apu is empty"}, {"apu-number", "7", "apu is a number"}, {"apu-padded", `"QWxpY2U="`, "apu is base64url with padding"},
	} {
		p := jweSeal(ecHeader("", epk, "apu", c.value), cek, fill(20), "")
		p.key = wrapped
		s.add("p256-header-"+c.id, malformed, "p256", p.compact(), c.comment+", with a right tag")
	}
}

func jweMalformedJSON(s *set) {
	p := jweTo("rsa2048", "", fill(20))
	members := p.members()
	flat := object(members...)
	add := func(id, envelope, comment string) {
		s.add("rsa2048-json-"+id, malformed, "rsa2048", []byte(envelope), comment)
	}
	for _, name := range []string{"protected", "encrypted_key", "iv", "ciphertext", "tag"} {
		add("no-"+name, object(without(members, name)...), name+" is missing")
		add(name+"-twice", object(append(with(members, name, `"AAAA"`), name, members[1])...), name+" twice")
		add(name+"-null", object(with(members, name, "null")...), name+" is null")
		add(name+"-number", object(with(members, name, "7")...), name+" is a number")
		add(name+"-padded", object(with(members, name, `"AA=="`)...), name+" is base64url with padding")
	}
	add("cut", flat[:len(flat)-1], "the last brace is missing")
	add("cut-half", flat[:len(flat)/2], "truncated in the middle")
	add("trailing", flat+"x", "a letter behind the object")
	add("twice", flat+flat, "two envelopes one after the other")
	add("array", "["+flat+"]", "an array around the object")
	add("unknown-member", object(append(members, "note", `"x"`)...), "a member that RFC 7516, section 7.2, has not")
	add("signature", object("payload", `"AAAA"`, "protected", members[1], "signature", `"AAAA"`), "the JSON of a JWS: nothing in it is sealed")
	add("escape", strings.Replace(flat, `"tag":"`, `"tag":"\u0041`, 1), "an escape in base64url")
	add("escaped-name", strings.TrimSuffix(flat, "}")+`,"\u0074ag":"AAAA"}`, "tag twice, once with an escape in its name")
	add("case", strings.Replace(flat, `"tag"`, `"Tag"`, 1), "a name in another case")
	add("unprotected-twice", object(append(members, "header", object("alg", `"RSA-OAEP-256"`))...), "alg in the protected header and in the recipient's")
	add("unprotected-empty", object(append(members, "unprotected", "{}")...), "an unprotected header without members")
	add("header-null", object(append(members, "header", "null")...), "a recipient's header that is null")
	add("unprotected-crit", object(append(members, "unprotected", object("crit", `["x"]`))...), "crit outside the protected header, where RFC 7516, section 4.1.13, forbids it")
	add("unprotected-zip", object(append(members, "unprotected", object("zip", `"DEF"`))...), "zip outside the protected header, where RFC 7516, section 4.1.3, forbids it")
	add("aad-empty", object(append(members, "aad", `""`)...), "additional authenticated data that is empty; then it is left out (RFC 7516, section 7.2.1)")
	one := jweSeal(object("alg", `"RSA-OAEP-256"`), p.cek, fill(20), "")
	one.key = p.key
	add("enc-unprotected", object(append(one.members(), "unprotected", object("enc", `"A256GCM"`))...), "enc outside the protected header, which nothing would authenticate")
	inner := jweSeal(object("enc", `"A256GCM"`), p.cek, fill(20), "")
	recipient := jweRecipient("rsa2048", "x", p.cek)
	add("recipients-empty", string(general(inner.protected, inner)), "no recipients")
	add("recipients-null", strings.Replace(string(general(inner.protected, inner)), "[]", "null", 1), "recipients is null")
	add("recipients-object", strings.Replace(string(general(inner.protected, inner)), "[]", recipient, 1), "recipients is one object")
	add("recipients-text", string(general(inner.protected, inner, `"x"`)), "a recipient that is a text")
	add("recipients-and-key", strings.TrimSuffix(string(general(inner.protected, inner, recipient)), "}")+`,"encrypted_key":"AAAA"}`, "recipients, and beside them an encrypted_key that is not that of the first: both serializations at once")
	add("recipient-unknown-member", string(general(inner.protected, inner, strings.TrimSuffix(recipient, "}")+`,"note":"x"}`)), "a member of a recipient that RFC 7516, section 7.2.1, has not")
	add("recipient-key-twice", string(general(inner.protected, inner, strings.TrimSuffix(recipient, "}")+`,"encrypted_key":"AAAA"}`)), "encrypted_key twice in a recipient")
	add("recipient-empty", string(general(inner.protected, inner, recipient, "{}")), "a second recipient without anything")
	small := object("header", object("alg", `"ECDH-ES+A256KW"`, "epk", `{"kty":"OKP","crv":"X25519","x":"AA"}`), "encrypted_key", text(make([]byte, 40)))
	add("recipients-101", string(general(inner.protected, inner, append(strings.Split(strings.Repeat(small+"\n", 100), "\n")[:100], recipient)...)), "101 recipients; more than 100 are not read, for each costs work")
}
