package main

import (
	"bytes"
	"encoding/base64"
	"strings"
)

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
