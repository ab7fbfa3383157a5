package jwe

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// refusal is an envelope that a key must not open, and the one class of error.
type refusal struct {
	key      string
	envelope []byte
	class    error
}

func wantRefusals(t *testing.T, table map[string]refusal) {
	t.Helper()
	for name, c := range table {
		t.Run(name, func(t *testing.T) { wantRefused(t, readPair(t, c.key).identity, c.envelope, c.class) })
	}
}

func TestRefusesCompact(t *testing.T) {
	p := readPair(t, "p256")
	good := string(seal(t, p.recipient, "value"))
	parts := strings.Split(good, ".")
	with := func(i int, text string) string {
		changed := slices.Clone(parts)
		changed[i] = text
		return strings.Join(changed, ".")
	}
	for name, envelope := range map[string]string{
		"empty":              "",
		"text":               "value",
		"four parts":         strings.Join(parts[:4], "."),
		"six parts":          good + ".AA",
		"space before":       " " + good,
		"space behind":       good + " ",
		"two newlines":       good + "\n\n",
		"CR alone":           good + "\r",
		"newline in a part":  with(3, parts[3][:2]+"\n"+parts[3][2:]),
		"CR in a part":       with(3, parts[3][:2]+"\r"+parts[3][2:]),
		"padding":            with(4, parts[4]+"=="),
		"other alphabet":     with(2, "+/"+parts[2][2:]),
		"stray bits":         with(4, parts[4][:21]+"B"),
		"part of a byte":     with(3, parts[3]+"AA"),
		"IV of 11":           with(2, b64(make([]byte, 11))),
		"no IV":              with(2, ""),
		"tag of 15":          with(4, b64(make([]byte, 15))),
		"no tag":             with(4, ""),
		"no key":             with(1, ""),
		"key of 32":          with(1, b64(make([]byte, 32))),
		"no header":          with(0, ""),
		"header is text":     with(0, b64([]byte("header"))),
		"header is an array": with(0, b64([]byte("[]"))),
		"header is null":     with(0, b64([]byte("null"))),
		"header is empty":    with(0, b64([]byte("{}"))),
		"header, more":       with(0, b64([]byte(headerOf(t, []byte(good))+"{}"))),
		"header in Latin-1":  with(0, b64([]byte(strings.Replace(headerOf(t, []byte(good)), `"alg"`, "\"x\":\"\xe9\",\"alg\"", 1)))),
		"byte order mark":    "\xef\xbb\xbf" + good,
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, p.identity, []byte(envelope), crypto.ErrMalformed)
			for _, form := range Format.Forms {
				out, err := form.Write([]byte(envelope))
				if out != nil {
					t.Errorf("written as %s", form.Name)
				}
				wantClass(t, err, crypto.ErrMalformed)
			}
		})
	}
}

func TestRefusesHeader(t *testing.T) {
	p, byRSA, x := readPair(t, "p256"), readPair(t, "rsa2048"), readPair(t, "x25519")
	of := func(key string, class error, change func(object)) refusal {
		return refusal{key, forge(t, readPair(t, key).recipient, "value", change), class}
	}
	epk := func(change func(object)) func(object) {
		return func(header object) { change(header["epk"].(object)) }
	}
	set := func(name string, value any) func(object) { return func(o object) { o[name] = value } }
	unset := func(name string) func(object) { return func(o object) { delete(o, name) } }
	twice := strings.Replace(headerOf(t, seal(t, p.recipient, "value")), `"enc"`, `"enc":"A256GCM","enc"`, 1)
	wantRefusals(t, map[string]refusal{
		"member twice":           {"p256", encryptRaw(t, twice, make([]byte, wrappedSize), newKey(), "value"), crypto.ErrMalformed},
		"member in two cases":    of("p256", crypto.ErrMalformed, func(h object) { h["ENC"] = h["enc"]; delete(h, "enc") }),
		"large":                  of("p256", crypto.ErrMalformed, set("x", strings.Repeat("x", maxHeader))),
		"no alg":                 of("p256", crypto.ErrMalformed, unset("alg")),
		"alg is empty":           of("p256", crypto.ErrMalformed, set("alg", "")),
		"alg is a number":        of("p256", crypto.ErrMalformed, set("alg", 1)),
		"alg is null":            of("p256", crypto.ErrMalformed, set("alg", nil)),
		"no enc":                 of("p256", crypto.ErrMalformed, unset("enc")),
		"enc is a list":          of("p256", crypto.ErrMalformed, set("enc", []string{"A256GCM"})),
		"kid is a number":        of("p256", crypto.ErrMalformed, set("kid", 1)),
		"kid is empty":           of("p256", crypto.ErrMalformed, set("kid", "")),
		"no epk":                 of("p256", crypto.ErrMalformed, unset("epk")),
		"epk is text":            of("p256", crypto.ErrMalformed, set("epk", "key")),
		"epk has a private part": of("p256", crypto.ErrMalformed, epk(set("d", "AAAA"))),
		"epk without kty":        of("p256", crypto.ErrMalformed, epk(unset("kty"))),
		"epk without crv":        of("p256", crypto.ErrMalformed, epk(unset("crv"))),
		"epk without x":          of("p256", crypto.ErrMalformed, epk(unset("x"))),
		"epk without y":          of("p256", crypto.ErrMalformed, epk(unset("y"))),
		"epk with a short x":     of("p256", crypto.ErrMalformed, epk(set("x", b64(make([]byte, 31))))),
		"epk with a long y":      of("p256", crypto.ErrMalformed, epk(set("y", b64(make([]byte, 33))))),
		"x is no base64url":      of("p256", crypto.ErrMalformed, epk(set("x", strings.Repeat("=", 43)))),
		"short X25519":           of("x25519", crypto.ErrMalformed, epk(set("x", b64(make([]byte, 31))))),
		"apu is no base64url":    of("p256", crypto.ErrMalformed, set("apu", "*")),
		"apv is empty":           of("p256", crypto.ErrMalformed, set("apv", "")),
		"crit":                   of("p256", crypto.ErrForbidden, set("crit", []string{"exp"})),
		"crit is empty":          of("p256", crypto.ErrForbidden, set("crit", []string{})),
		"zip":                    of("p256", crypto.ErrForbidden, set("zip", "DEF")),
		"alg none":               of("p256", crypto.ErrForbidden, set("alg", "none")),
		"alg in lower case":      of("p256", crypto.ErrForbidden, set("alg", "ecdh-es+a256kw")),
		"alg dir":                of("p256", crypto.ErrForbidden, set("alg", "dir")),
		"alg RSA1_5":             of("rsa2048", crypto.ErrForbidden, set("alg", "RSA1_5")),
		"alg RSA-OAEP":           of("rsa2048", crypto.ErrForbidden, set("alg", "RSA-OAEP")),
		"alg RSA-OAEP-512":       of("rsa2048", crypto.ErrForbidden, set("alg", "RSA-OAEP-512")),
		"enc A128GCM":            of("p256", crypto.ErrForbidden, set("enc", "A128GCM")),
		"enc A256CBC-HS512":      of("p256", crypto.ErrForbidden, set("enc", "A256CBC-HS512")),
		"alg of the other kind":  {"p256", swapAlgorithm(t, seal(t, byRSA.recipient, "value")), crypto.ErrMalformed},
		"apu, named":             of("p256", crypto.ErrDamaged, set("apu", b64([]byte("Alice")))),
		"not a point":            of("p256", crypto.ErrDamaged, epk(set("x", b64(make([]byte, 32))))),
		"X25519 of low order":    of("x25519", crypto.ErrDamaged, epk(set("x", b64(make([]byte, 32))))),
		"another point":          of("p256", crypto.ErrDamaged, func(h object) { h["epk"] = epkOf(t, p.recipient) }),
		"another point, unnamed": of("p256", crypto.ErrNoMatch, func(h object) { h["epk"] = epkOf(t, p.recipient); delete(h, "kid") }),
		"another curve":          of("p256", crypto.ErrNoMatch, func(h object) { h["epk"] = epkOf(t, readPair(t, "p384").recipient) }),
		"another kind of curve":  of("p256", crypto.ErrNoMatch, func(h object) { h["epk"] = epkOf(t, x.recipient) }),
		"unknown curve":          of("p256", crypto.ErrNoMatch, epk(set("crv", "secp256k1"))),
	})
	wantOpen(t, p.identity, forge(t, p.recipient, "value", set("typ", "JOSE")), "value")
	wantOpen(t, p.identity, forge(t, p.recipient, "value", set("kid", "another name")), "value")
	wantOpen(t, p.identity, forge(t, p.recipient, "value", unset("kid")), "value")
}

// epkOf returns an ephemeral key of the curve of a recipient.
func epkOf(t testing.TB, r *recipient) object {
	t.Helper()
	var header object
	if err := json.Unmarshal([]byte(headerOf(t, seal(t, r, ""))), &header); err != nil {
		t.Fatal(err)
	}
	return header["epk"].(object)
}

// swapAlgorithm turns the alg of an RSA key into that of EC keys.
func swapAlgorithm(t testing.TB, sealed []byte) []byte {
	t.Helper()
	header := strings.Replace(headerOf(t, sealed), algRSA, algECDH, 1)
	_, rest, _ := bytes.Cut(sealed, []byte("."))
	return append([]byte(b64([]byte(header))+"."), rest...)
}

func TestRefusesKey(t *testing.T) {
	unnamed := func(h object) { delete(h, "kid") }
	table := map[string]refusal{}
	for _, name := range kinds {
		p := readPair(t, name)
		named, anonymous := seal(t, p.recipient, "value"), forge(t, p.recipient, "value", unnamed)
		table[name+" key, named"] = refusal{name, flipPart(t, named, 1), crypto.ErrDamaged}
		table[name+" key, unnamed"] = refusal{name, flipPart(t, anonymous, 1), crypto.ErrNoMatch}
		table[name+" IV"] = refusal{name, flipPart(t, named, 2), crypto.ErrDamaged}
		table[name+" ciphertext"] = refusal{name, flipPart(t, named, 3), crypto.ErrDamaged}
		table[name+" tag"] = refusal{name, flipPart(t, named, 4), crypto.ErrDamaged}
		table[name+" header"] = refusal{name, bytes.Replace(named, []byte(encodedHeader(t, named)), []byte(b64([]byte(headerOf(t, named)+" "))), 1), crypto.ErrDamaged}
		for _, other := range kinds {
			if other != name {
				table[name+" with "+other] = refusal{other, named, crypto.ErrNoMatch}
			}
		}
		table[name+" with another"] = refusal{name, seal(t, anotherOf(t, name), "value"), crypto.ErrNoMatch}
	}
	short := readPair(t, "rsa2048")
	cut, err := short.recipient.wrap(make([]byte, 16), &header{})
	if err != nil {
		t.Fatal(err)
	}
	table["RSA, key of 16"] = refusal{"rsa2048", encryptRaw(t, `{"alg":"RSA-OAEP-256","enc":"A256GCM"}`, cut, newKey(), "value"), crypto.ErrNoMatch}
	wantRefusals(t, table)
}

// anotherOf is a recipient of the same kind whose key is another.
func anotherOf(t testing.TB, name string) *recipient {
	t.Helper()
	kind := map[string]string{"rsa2048": "rsa-2048", "p256": "ec-p256", "p384": "ec-p384", "p521": "ec-p521"}[name]
	if kind == "" {
		return makePair(t, readPrivate(t, name)).recipient
	}
	return makePair(t, generate(t, kind)).recipient
}

// flipPart changes the first bit of one of the five parts.
func flipPart(t testing.TB, sealed []byte, i int) []byte {
	t.Helper()
	parts := strings.Split(string(sealed), ".")
	data := decode(t, parts[i])
	data[0] ^= 0x40
	parts[i] = b64(data)
	return []byte(strings.Join(parts, "."))
}

func encodedHeader(t testing.TB, sealed []byte) string {
	t.Helper()
	text, _, found := strings.Cut(string(sealed), ".")
	if !found {
		t.Fatal("no compact form")
	}
	return text
}

func TestRefusesJSON(t *testing.T) {
	p := readPair(t, "p256")
	flat := write(t, "json", forge(t, p.recipient, "value", func(h object) { delete(h, "kid") }))
	several, err := Format.SealTo([]byte("value"), p.recipient, readPair(t, "rsa2048").recipient)
	if err != nil {
		t.Fatal(err)
	}
	remade := func(envelope []byte, change func(object)) []byte {
		var all object
		if err := json.Unmarshal(envelope, &all); err != nil {
			t.Fatal(err)
		}
		change(all)
		data, err := json.Marshal(all)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	one := func(class error, change func(object)) refusal { return refusal{"p256", remade(flat, change), class} }
	general := func(class error, change func(o object, first object)) refusal {
		return refusal{"p256", remade(several, func(o object) {
			change(o, o["recipients"].([]any)[0].(object))
		}), class}
	}
	is := func(text string) refusal { return refusal{"p256", []byte(text), crypto.ErrMalformed} }
	set := func(name string, value any) func(object) { return func(o object) { o[name] = value } }
	table := map[string]refusal{
		"empty object":          is("{}"),
		"cut":                   is(string(flat[:len(flat)-1])),
		"trailing data":         is(string(flat) + "x"),
		"two objects":           is(string(flat) + string(flat)),
		"member twice":          is(strings.Replace(string(flat), `"iv"`, `"tag":"AAAA","iv"`, 1)),
		"escape in base64url":   is(strings.Replace(string(flat), `"protected":"e`, `"protected":"\u0065`, 1)),
		"escape in a name":      is(strings.Replace(string(flat), `"iv"`, `"\u0069v","iv"`, 1)),
		"unknown member":        one(crypto.ErrMalformed, set("x", "AAAA")),
		"member in upper case":  one(crypto.ErrMalformed, func(o object) { o["IV"] = o["iv"]; delete(o, "iv") }),
		"header is empty":       one(crypto.ErrMalformed, set("header", object{})),
		"header is text":        one(crypto.ErrMalformed, set("header", "e30")),
		"unprotected is empty":  one(crypto.ErrMalformed, set("unprotected", object{})),
		"unprotected enc":       one(crypto.ErrMalformed, set("unprotected", object{"enc": "A256GCM"})),
		"unprotected zip":       one(crypto.ErrMalformed, set("header", object{"zip": "DEF"})),
		"unprotected crit":      one(crypto.ErrMalformed, set("header", object{"crit": []string{"x"}})),
		"unprotected, unknown":  one(crypto.ErrMalformed, set("header", object{"x": 1})),
		"alg in two headers":    one(crypto.ErrMalformed, set("header", object{"alg": algECDH})),
		"kid in two headers":    one(crypto.ErrMalformed, func(o object) { o["header"], o["unprotected"] = object{"kid": "a"}, object{"kid": "a"} }),
		"large header":          one(crypto.ErrMalformed, set("header", object{"kid": strings.Repeat("x", maxHeader)})),
		"aad is empty":          one(crypto.ErrMalformed, set("aad", "")),
		"aad is no base64url":   one(crypto.ErrMalformed, set("aad", "*")),
		"aad added":             one(crypto.ErrDamaged, set("aad", "AAAA")),
		"encrypted_key empty":   one(crypto.ErrMalformed, set("encrypted_key", "")),
		"ciphertext is null":    one(crypto.ErrMalformed, set("ciphertext", nil)),
		"protected is object":   one(crypto.ErrMalformed, set("protected", object{"enc": "A256GCM"})),
		"no recipients":         general(crypto.ErrMalformed, func(o, _ object) { o["recipients"] = []any{} }),
		"recipients is object":  general(crypto.ErrMalformed, func(o, first object) { o["recipients"] = first }),
		"recipient is null":     general(crypto.ErrMalformed, func(o, _ object) { o["recipients"] = []any{nil} }),
		"recipient has more":    general(crypto.ErrMalformed, func(_, first object) { first["x"] = 1 }),
		"recipient without key": general(crypto.ErrMalformed, func(_, first object) { delete(first, "encrypted_key") }),
		"101 recipients":        general(crypto.ErrMalformed, func(o, first object) { o["recipients"] = slices.Repeat([]any{first}, maxRecipients+1) }),
		"header beside them":    general(crypto.ErrMalformed, func(o, _ object) { o["header"] = object{"kid": "a"} }),
		"another key beside":    general(crypto.ErrMalformed, func(o, _ object) { o["encrypted_key"] = "AAAA" }),
		"ciphertext":            general(crypto.ErrDamaged, func(o, _ object) { o["ciphertext"] = "AAAA" }),
		"first of them renamed": general(crypto.ErrNoMatch, func(_, first object) {
			first["header"].(object)["kid"], first["encrypted_key"] = "a", b64(make([]byte, wrappedSize))
		}),
		"first of them damaged": general(crypto.ErrDamaged, func(_, first object) { first["encrypted_key"] = b64(make([]byte, wrappedSize)) }),
		"one is forbidden":      general(crypto.ErrForbidden, func(_, first object) { first["header"].(object)["alg"] = "dir" }),
	}
	for _, name := range []string{"protected", "iv", "ciphertext", "tag", "encrypted_key"} {
		table["no "+name] = one(crypto.ErrMalformed, func(o object) { delete(o, name) })
	}
	wantRefusals(t, table)
	for name, envelope := range map[string][]byte{
		"as it is":        flat,
		"spaced":          slices.Concat([]byte(" \r\n\t"), bytes.ReplaceAll(flat, []byte(","), []byte(" ,\n")), []byte("\n")),
		"in other order":  remade(flat, func(object) {}),
		"with a name":     remade(flat, set("header", object{"kid": "a"})),
		"a shared header": remade(flat, set("unprotected", object{"kid": "a"})),
		"general for one": remade(flat, func(o object) {
			o["recipients"] = []any{object{"encrypted_key": o["encrypted_key"]}}
			delete(o, "encrypted_key")
		}),
	} {
		t.Run(name, func(t *testing.T) {
			wantOpen(t, p.identity, envelope, "value")
			wantOpen(t, p.identity, write(t, "json", envelope), "value")
		})
	}
	for name, envelope := range map[string][]byte{
		"several":         several,
		"named outside":   remade(flat, set("header", object{"kid": "a"})),
		"shared header":   remade(flat, set("unprotected", object{"kid": "a"})),
		"additional data": remade(flat, set("aad", "AAAA")),
	} {
		t.Run(name+" as compact", func(t *testing.T) {
			out, err := Format.Forms[0].Write(envelope)
			if out != nil {
				t.Errorf("written as %s", out)
			}
			wantClass(t, err, crypto.ErrMalformed)
		})
	}
}
