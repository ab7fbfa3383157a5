package main

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // To be refused.
	"encoding/json"
	"strconv"
	"strings"

	jose "github.com/go-jose/go-jose/v4"
	josecipher "github.com/go-jose/go-jose/v4/cipher"
)

const joseVersion = "go-jose v4.1.8"

func keyWrap(kek, key []byte) []byte {
	return must(josecipher.KeyWrap(must(aes.NewCipher(kek)), key))
}

// jweLibrary is what another library seals, and what it would with algorithms
// that are not on the list.
func jweLibrary(s *set) {
	s.source = joseVersion
	for _, kind := range []string{"rsa2048", "p256", "p384", "p521"} {
		alg := jose.ECDH_ES_A256KW
		if kind == "rsa2048" {
			alg = jose.RSA_OAEP_256
		}
		made := joseSeal(jose.A256GCM, jose.Recipient{Algorithm: alg, Key: publicKey(kind)}, nil)
		s.good(kind+"-library", kind, []byte(must(made.CompactSerialize())), joseSecret, "compact serialization of another library")
		s.good(kind+"-library-json", kind, []byte(made.FullSerialize()), joseSecret, "JSON serialization of another library")
		for _, enc := range []jose.ContentEncryption{jose.A128GCM, jose.A192GCM, jose.A128CBC_HS256, jose.A192CBC_HS384, jose.A256CBC_HS512} {
			if kind != "p384" && kind != "p521" {
				refused := joseSeal(enc, jose.Recipient{Algorithm: alg, Key: publicKey(kind)}, nil)
				s.add(kind+"-enc-"+string(enc), forbidden, kind, []byte(must(refused.CompactSerialize())), "content encryption "+string(enc)+": not on the closed list")
			}
		}
	}
	several := must(jose.NewMultiEncrypter(jose.A256GCM, []jose.Recipient{
		{Algorithm: jose.RSA_OAEP_256, Key: publicKey("rsa2048"), KeyID: "one"},
		{Algorithm: jose.ECDH_ES_A256KW, Key: publicKey("p521"), KeyID: "two"},
	}, nil))
	text := []byte(must(several.EncryptWithAuthData(joseSecret, []byte("label"))).FullSerialize())
	for _, kind := range []string{"rsa2048", "p521"} {
		s.good(kind+"-library-both", kind, text, joseSecret, "beside the recipients, the encrypted key of the first one is repeated, where RFC 7516, section 7.2.1, has none; this library writes it so, and an exact copy misleads nobody")
	}
	var members map[string]json.RawMessage
	check(json.Unmarshal(text, &members))
	delete(members, "encrypted_key")
	text = must(json.Marshal(members))
	s.source = joseVersion + ", without encrypted_key beside recipients"
	for _, kind := range []string{"rsa2048", "p521"} {
		s.good(kind+"-library-several", kind, text, joseSecret, "two recipients and additional authenticated data, by another library")
	}
	s.add("p256-library-several", noMatch, "p256", text, "two recipients, none of which is this one, by another library")
	s.source = joseVersion
	jweLibraryRefused(s)
}

var joseSecret = []byte("secret of another library")

func joseSeal(enc jose.ContentEncryption, to jose.Recipient, options *jose.EncrypterOptions) *jose.JSONWebEncryption {
	return must(must(jose.NewEncrypter(enc, to, options)).Encrypt(joseSecret))
}

func jweLibraryRefused(s *set) {
	symmetric := random(32)
	for _, c := range []struct {
		kind string
		to   jose.Recipient
		why  string
	}{
		{"rsa2048", jose.Recipient{Algorithm: jose.RSA1_5, Key: publicKey("rsa2048")}, "it answers to padding oracles"},
		{"rsa2048", jose.Recipient{Algorithm: jose.RSA_OAEP, Key: publicKey("rsa2048")}, "it is on SHA-1"},
		{"p256", jose.Recipient{Algorithm: jose.ECDH_ES, Key: publicKey("p256")}, "without a wrap, a wrong key cannot be told from damage"},
		{"p256", jose.Recipient{Algorithm: jose.ECDH_ES_A128KW, Key: publicKey("p256")}, "only the wrap with 256 bits is"},
		{"p256", jose.Recipient{Algorithm: jose.ECDH_ES_A192KW, Key: publicKey("p256")}, "only the wrap with 256 bits is"},
		{"p256", jose.Recipient{Algorithm: jose.DIRECT, Key: symmetric}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.A256KW, Key: symmetric}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.A128KW, Key: symmetric[:16]}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.A256GCMKW, Key: symmetric}, "it needs a shared secret"},
		{"p256", jose.Recipient{Algorithm: jose.PBES2_HS256_A128KW, Key: []byte("password"), PBES2Count: 1000, PBES2Salt: random(16)}, "the sender chooses the work"},
		{"p256", jose.Recipient{Algorithm: jose.PBES2_HS512_A256KW, Key: []byte("password"), PBES2Count: 1000, PBES2Salt: random(16)}, "the sender chooses the work"},
	} {
		made := joseSeal(jose.A256GCM, c.to, nil)
		s.add(c.kind+"-alg-"+string(c.to.Algorithm), forbidden, c.kind, []byte(must(made.CompactSerialize())), "key management "+string(c.to.Algorithm)+": not on the closed list, since "+c.why)
	}
	zipped := joseSeal(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP_256, Key: publicKey("rsa2048")}, &jose.EncrypterOptions{Compression: jose.DEFLATE})
	s.add("rsa2048-zip", forbidden, "rsa2048", []byte(must(zipped.CompactSerialize())), "compressed: the length of the envelope would tell of the plaintext")
}

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
