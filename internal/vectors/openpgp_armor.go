package main

import (
	"encoding/base64"
	"strings"
)

// pgpText is armor, with a checksum if one is given.
func pgpText(raw []byte, checksum string) string {
	encoded := base64Of(raw)
	var text strings.Builder
	text.WriteString("-----BEGIN PGP MESSAGE-----\n\n")
	for ; len(encoded) > 64; encoded = encoded[64:] {
		text.WriteString(encoded[:64] + "\n")
	}
	text.WriteString(encoded + "\n" + checksum + "-----END PGP MESSAGE-----\n")
	return text.String()
}

// crc24 is the checksum of RFC 9580, section 6.1.1, as a line of armor.
func crc24(data []byte) string {
	crc := uint32(0xb704ce)
	for _, b := range data {
		crc ^= uint32(b) << 16
		for range 8 {
			if crc <<= 1; crc&0x1000000 != 0 {
				crc ^= 0x1864cfb
			}
		}
	}
	return "=" + base64.StdEncoding.EncodeToString([]byte{byte(crc >> 16), byte(crc >> 8), byte(crc)}) + "\n"
}

func pgpArmored(s *set) {
	const kind = "openpgp-v4-curve25519"
	n := 20
	raw := pgpTo(kind, literalPacket(fill(n)))
	for len(raw)%3 != 1 { // So that the armor ends in "==".
		n++
		raw = pgpTo(kind, literalPacket(fill(n)))
	}
	text := pgpText(raw, "")
	opens := func(id, envelope, comment string) {
		s.good(kind+"-armor-"+id, kind, []byte(envelope), fill(n), comment)
	}
	add := func(id, class, envelope, comment string) {
		s.add(kind+"-armor-"+id, class, kind, []byte(envelope), comment)
	}
	lines := strings.SplitAfter(text, "\n")
	opens("no-checksum", text, "without a checksum, as RFC 9580, section 6.1, has it")
	opens("checksum", pgpText(raw, crc24(raw)), "with a right checksum")
	opens("crlf", strings.ReplaceAll(text, "\n", "\r\n"), "lines that end in CRLF")
	opens("no-last-newline", strings.TrimSuffix(text, "\n"), "no line break behind the last line")
	opens("space-around", "\n \n"+text+" \n\n", "white space before and behind the armor")
	opens("space-behind-lines", strings.ReplaceAll(text, "\n", " \n"), "spaces at the ends of lines, which mail adds")
	opens("headers", strings.Replace(text, "\n\n", "\nVersion: x\nComment: y\n\n", 1), "headers, which are ignored")
	opens("long-lines", "-----BEGIN PGP MESSAGE-----\n\n"+wrapped(base64Of(raw), 76)+"-----END PGP MESSAGE-----\n", "lines of 76 characters, the most that is allowed")
	add("checksum-wrong", damaged, pgpText(raw, crc24(flip(raw, 0))), "a wrong checksum. RFC 9580, section 6.1, lets it pass; here it is damage, for whoever transports armor may drop a checksum, but no one writes a wrong one")
	add("checksum-flip", damaged, pgpText(flip(raw, -1), crc24(raw)), "a bit of the data flipped under a checksum, which is seen first")
	add("checksum-not-base64", damaged, pgpText(raw, "=A!AA\n"), "a checksum that is not base64, and so wrong")
	add("checksum-short", malformed, pgpText(raw, "=AAA\n"), "a checksum of three characters")
	add("checksum-twice", malformed, pgpText(raw, crc24(raw)+crc24(raw)), "two checksums")
	add("label-lower", malformed, strings.ReplaceAll(text, "PGP MESSAGE", "pgp message"), "the label in lower case")
	add("label-other", malformed, strings.ReplaceAll(text, "PGP MESSAGE", "PGP SIGNATURE"), "the label of something else")
	add("label-end", malformed, strings.Replace(text, "END PGP MESSAGE", "END PGP SIGNATURE", 1), "the labels of beginning and end differ")
	add("no-end", malformed, strings.Join(lines[:len(lines)-2], ""), "truncated before the last line")
	add("cut", malformed, strings.Join(lines[:4], ""), "truncated in the middle")
	add("no-empty-line", malformed, strings.Replace(text, "\n\n", "\n", 1), "no empty line before the data")
	add("text-before", malformed, "some text\n"+text, "text before the armor")
	add("text-behind", malformed, text+"some text\n", "text behind the armor")
	add("twice", malformed, text+text, "two of them")
	add("empty", malformed, "-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----\n", "nothing in the armor")
	add("line-77", malformed, "-----BEGIN PGP MESSAGE-----\n\n"+wrapped(base64Of(raw), 77)+"-----END PGP MESSAGE-----\n", "lines of more than 76 characters")
	add("short-line", malformed, strings.Replace(text, lines[2], lines[2][:60]+"\n"+lines[2][60:], 1), "a line that is not full before the last")
	add("blank-line", malformed, strings.Replace(text, lines[2], lines[2]+"\n", 1), "an empty line in the data")
	add("indented", malformed, strings.Replace(text, lines[2], " "+lines[2], 1), "a space before a line")
	add("bad-character", malformed, strings.Replace(text, lines[2], "*"+lines[2][1:], 1), "a character that is no base64")
	at := strings.Index(text, "==")
	add("no-padding", malformed, text[:at]+text[at+2:], "base64 without its padding")
	add("stray-bits", malformed, text[:at-2]+strayBits(text[at-2:]), "the last digit of the base64 has bits that encode nothing")
	add("payload-cut", malformed, pgpText(cut(raw, 1), ""), "right armor around a message whose last octet is missing")
}

func wrapped(text string, width int) string {
	var lines strings.Builder
	for ; len(text) > width; text = text[width:] {
		lines.WriteString(text[:width] + "\n")
	}
	return lines.String() + text + "\n"
}
