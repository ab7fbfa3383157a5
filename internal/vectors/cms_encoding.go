package main

import (
	"bytes"
	"slices"
	"strings"
)

// cmsEncodings are right structures in BER or in DER that is not the shortest.
func cmsEncodings(s *set) {
	m := cmsTo("p256", fill(20))
	add := func(id, class string, envelope []byte, comment string) {
		s.add("p256-"+id, class, "p256", envelope, comment)
	}
	all, mac := derSet(m.recipients...), octets(m.mac)
	info := func(content []byte) []byte { return seq(oid(oidData), m.algorithm, content) }
	content := tlv(0x80, m.content)
	data := seq(integer(0), all, info(content), mac)
	add("long-length-outer", malformed, longTLV(0x30, oid(oidAuthEnveloped), tlv(0xa0, data)), "the outermost length is longer than it has to be")
	add("long-length-content", malformed, m.wrap(oidAuthEnveloped, seq(integer(0), all, info(longTLV(0x80, m.content)), mac)), "the length of the content is longer than it has to be")
	add("long-length-mac", malformed, m.wrap(oidAuthEnveloped, seq(integer(0), all, info(content), longTLV(0x04, m.mac))), "the length of the MAC is longer than it has to be")
	add("long-integer", malformed, m.wrap(oidAuthEnveloped, seq(tlv(2, []byte{0, 0}), all, info(content), mac)), "the version with a zero byte more than it has to have")
	two := s.twoRecipients()
	add("recipients-unsorted", malformed, two, "recipients that are not in the order of DER")
	chunks := tlv(0xa0, octets(m.content[:7]), octets(m.content[7:]))
	add("content-constructed", malformed, m.wrap(oidAuthEnveloped, seq(integer(0), all, info(chunks), mac)), "the content in two chunks, but of definite length: neither DER nor what OpenSSL streams")
	streamed := func(all, content, mac []byte) []byte {
		return indefinite(0x30, oid(oidAuthEnveloped), indefinite(0xa0, indefinite(0x30, integer(0), all, indefinite(0x30, oid(oidData), m.algorithm, content), mac)))
	}
	whole := indefinite(0xa0, octets(m.content[:7]), octets(m.content[7:]))
	s.good("p256-ber-streamed", "p256", streamed(all, whole, mac), fill(20), "indefinite lengths where OpenSSL streams: around the content, which comes in two chunks")
	s.good("p256-ber-one-chunk", "p256", streamed(all, indefinite(0xa0, octets(m.content)), mac), fill(20), "indefinite lengths, and the content in one chunk")
	s.good("p256-ber-empty-chunk", "p256", streamed(all, indefinite(0xa0, octets(nil), octets(m.content)), mac), fill(20), "indefinite lengths, and an empty chunk before the content")
	add("ber-recipients", malformed, streamed(indefinite(0x31, m.recipients...), whole, mac), "the recipients of indefinite length, which OpenSSL never writes")
	add("ber-mac", malformed, streamed(all, whole, indefinite(0x24, octets(m.mac))), "the MAC in chunks")
	add("ber-chunk-type", malformed, streamed(all, indefinite(0xa0, tlv(0x0c, m.content)), mac), "a chunk that is no OCTET STRING")
	add("ber-unclosed", malformed, cut(streamed(all, whole, mac), 2), "the last element of indefinite length does not end")
	add("ber-trailing", malformed, append(streamed(all, whole, mac), 0), "a byte behind the last end")
	add("ber-content-flip", damaged, streamed(all, indefinite(0xa0, octets(flip(m.content, 3))), mac), "indefinite lengths, and a bit of the content flipped")
}

// twoRecipients is an envelope whose two recipients stand in the wrong order.
func (s *set) twoRecipients() []byte {
	m := authEnveloped(32, fill(20))
	both := [][]byte{ecTo("p256", m.key).der(), ecTo("p256-other", m.key).der()}
	slices.SortFunc(both, func(a, b []byte) int { return bytes.Compare(b, a) })
	info := seq(oid(oidData), m.algorithm, tlv(0x80, m.content))
	return m.wrap(oidAuthEnveloped, seq(integer(0), tlv(0x31, both...), info, octets(m.mac)))
}

func cmsArmor(s *set) {
	der := cmsTo("p256", fill(20)).der()
	text := string(pemOf("CMS", der))
	opens := func(id, envelope, comment string) {
		s.good("p256-armor-"+id, "p256", []byte(envelope), fill(20), comment)
	}
	add := func(id, envelope, comment string) {
		s.add("p256-armor-"+id, malformed, "p256", []byte(envelope), comment)
	}
	crlf := strings.ReplaceAll(text, "\n", "\r\n")
	opens("cms", text, "PEM labelled CMS")
	opens("pkcs7", string(pemOf("PKCS7", der)), "PEM labelled PKCS7, as older programs write")
	opens("crlf", crlf, "lines that end in CRLF")
	opens("no-last-newline", strings.TrimSuffix(text, "\n"), "no line break behind the last line")
	add("label-lower", strings.ReplaceAll(text, "CMS", "cms"), "the label in lower case")
	add("label-other", strings.ReplaceAll(text, "CMS", "CERTIFICATE"), "the label of something else")
	add("label-end", strings.Replace(text, "END CMS", "END PKCS7", 1), "the labels of beginning and end differ")
	add("no-end", text[:strings.Index(text, "-----END")], "truncated before the last line")
	add("no-begin", text[strings.Index(text, "\n")+1:], "the first line is missing")
	add("header", strings.Replace(text, "-----\n", "-----\nComment: x\n\n", 1), "a header, which PEM of RFC 7468 has not")
	add("text-before", "some text\n"+text, "text before the armor")
	add("text-behind", text+"some text\n", "text behind the armor")
	add("space-before", " "+text, "a space before the armor")
	add("newline-behind", text+"\n", "an empty line behind the armor")
	add("twice", text+text, "two of them")
	add("mixed-breaks", strings.Replace(text, "\n", "\r\n", 2), "some lines end in CRLF, some in LF")
	add("empty", "-----BEGIN CMS-----\n-----END CMS-----\n", "nothing in the armor")
	add("long-lines", "-----BEGIN CMS-----\n"+base64Of(der)+"\n-----END CMS-----\n", "one long line; lines have 64 characters")
	add("blank-line", strings.Replace(text, "-----\n", "-----\n\n", 1), "an empty line before the data")
	add("indented", strings.Replace(text, "\n", "\n ", 1), "a space before a line")
	add("bad-character", strings.Replace(text, "\nM", "\n*", 1), "a character that is no base64")
	padded := string(pemOf("CMS", der[:len(der)-len(der)%3-2])) // Ends in "=": its DER is cut, but the armor comes first.
	add("no-padding", strings.Replace(padded, "=", "", 1), "base64 without its padding")
	long := cmsTo("p256", fill(20+(3-len(der)%3+1)%3)).der()
	if len(long)%3 != 1 {
		panic("the armor does not end in ==")
	}
	strayed := string(pemOf("CMS", long))
	at := strings.Index(strayed, "==")
	add("stray-bits", strayed[:at-2]+strayBits(strayed[at-2:]), "the last digit of the base64 has bits that encode nothing")
}
