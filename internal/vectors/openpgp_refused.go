package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// pgpLibraryAEAD is data of version 2 in each mode and cipher, by the library.
func pgpLibraryAEAD(s *set, content []byte) {
	s.source = "github.com/ProtonMail/go-crypto v1.5.2"
	defer func() { s.source = forged }()
	const kind = "openpgp-v6-x25519"
	for _, c := range []struct {
		name string
		mode packet.AEADMode
	}{{"eax", packet.AEADModeEAX}, {"ocb", packet.AEADModeOCB}, {"gcm", packet.AEADModeGCM}} {
		for _, symmetric := range []packet.CipherFunction{packet.CipherAES128, packet.CipherAES192, packet.CipherAES256} {
			key := random(symmetric.KeySize())
			buf := bytes.NewBuffer(pkesk(kind, byte(symmetric), true, false, key))
			config := &packet.Config{AEADConfig: &packet.AEADConfig{ChunkSize: 64}}
			w := must(packet.SerializeSymmetricallyEncrypted(buf, symmetric, true, packet.CipherSuite{Cipher: symmetric, Mode: c.mode}, key, config))
			must(w.Write(content))
			check(w.Close())
			s.good(fmt.Sprintf("%s-%s-aes%d", kind, c.name, 8*len(key)), kind, buf.Bytes(), fill(20), "data of version 2 in one of its ciphers and modes")
		}
	}
}

// pgpCommand makes messages with gpg, if there is one.
func pgpCommand(s *set) {
	version := versionOf("gpg", "--version")
	if version == "" {
		return
	}
	home := must(os.MkdirTemp("", "vectors"))
	defer func() {
		run(nil, "gpgconf", "--homedir", home, "--kill", "all")
		check(os.RemoveAll(home))
	}()
	gpg := func(input []byte, options ...string) []byte {
		return run(input, "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--no-tty", "--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""}, options...)...)
	}
	for _, kind := range pgpKinds[:2] { // Version 6 is not known to gpg.
		gpg(nil, "--import", filepath.Join(*folder, keyFile(kind)))
		to := strings.TrimPrefix(keyID(kind), "openpgp:")
		add := func(id, class, comment string, options ...string) {
			s.source = version + ": gpg " + spaced(options)
			message := gpg(fill(100), append(options, "-r", to)...)
			if class == good {
				s.good(kind+"-gpg-"+id, kind, message, fill(100), comment)
				return
			}
			s.add(kind+"-gpg-"+id, class, kind, message, comment)
		}
		add("armor", good, "made by gpg, armored", "--encrypt", "--armor")
		add("raw", good, "made by gpg, raw", "--encrypt")
		add("hidden", good, "made by gpg for a recipient that it does not name", "--encrypt", "--throw-keyids")
		add("signed", good, "made by gpg, signed by the same key; the signature is not verified", "--encrypt", "--sign", "-u", to)
		for _, algorithm := range []string{"uncompressed", "zip", "zlib"} {
			add(algorithm, good, "made by gpg with this compression", "--encrypt", "--compress-algo", algorithm)
		}
		for _, algorithm := range []string{"AES", "AES192", "AES256"} {
			add(strings.ToLower(algorithm), good, "made by gpg with this cipher", "--encrypt", "--cipher-algo", algorithm)
		}
		for _, algorithm := range []string{"3DES", "CAST5"} {
			add(strings.ToLower(algorithm), forbidden, "made by gpg with a cipher that is not opened", "--encrypt", "--cipher-algo", algorithm)
		}
		add("comment", good, "made by gpg, with headers in its armor", "--encrypt", "--armor", "--comment", "a comment", "--emit-version")
	}
	s.source = version + ": gpg --symmetric"
	s.add("gpg-password", noMatch, "openpgp-v4-rsa", gpg(fill(100), "--symmetric", "--armor", "--passphrase", "password"), "made by gpg for a password alone")
}

// pgpForbidden is well-formed, with what is not opened.
func pgpForbidden(s *set) {
	content := literalPacket(fill(20))
	for _, kind := range pgpKinds[:2] {
		for _, c := range []struct {
			name      string
			symmetric byte
			size      int
		}{{"3des", cipher3DES, 24}, {"cast5", cipherCAST5, 16}} {
			key := random(c.size)
			own := pkesk(kind, c.symmetric, false, false, key)
			s.add(kind+"-"+c.name, forbidden, kind, append(own, pgpPacket(packetSEIPD, seipd1(c.symmetric, key, content))...), "data in "+c.name+"; only AES is opened")
		}
		key := random(32)
		own := pkesk(kind, cipherAES256, false, false, key)
		with := func(id string, data []byte, comment string) {
			s.add(kind+"-"+id, forbidden, kind, append(bytes.Clone(own), data...), comment)
		}
		with("sed", pgpPacket(packetSED, sed(cipherAES256, key, content)), "data without integrity protection (packet 9), otherwise right")
		with("sed-damaged", pgpPacket(packetSED, flip(sed(cipherAES256, key, content), -1)), "data without integrity protection, and damaged: refused before it is decrypted")
		with("seipd-version-3", pgpPacket(packetSEIPD, []byte{3}, random(60)), "data of an unknown version")
		with("aead-camellia", pgpPacket(packetAEAD, []byte{1, cipherCamellia, modeOCB, 10}, random(60)), "the AEAD packet of LibrePGP with a cipher that is not known")
	}
	for _, c := range []struct {
		name      string
		symmetric byte
	}{{"twofish", cipherTwofish}, {"camellia", cipherCamellia}, {"idea", 1}, {"unknown", 99}} {
		const kind = "openpgp-v4-curve25519"
		own := pkesk(kind, c.symmetric, false, false, random(32))
		s.add(kind+"-"+c.name, forbidden, kind, append(own, pgpPacket(packetSEIPD, []byte{1}, random(60))...), "the session key is for "+c.name+"; its wrap authenticates it, so that may be told")
	}
	const kind = "openpgp-v6-x25519"
	key := random(32)
	own := pkesk(kind, cipherAES256, true, false, key)
	for _, c := range []struct{ id, comment string }{
		{"mode", "an unknown mode"}, {"cipher", "a cipher with blocks of 8 octets"}, {"chunks", "chunks of more than 4 MiB, which RFC 9580, section 5.13.2, does not have"},
	} {
		d := seipd2(key, content)
		switch c.id {
		case "mode":
			d.head[2] = 9
		case "cipher":
			d.head[1] = cipherCAST5
		default:
			d.head[3] = 17
		}
		s.add(kind+"-"+c.id, forbidden, kind, append(bytes.Clone(own), d.packet()...), "data of version 2 with "+c.comment)
	}
}

// pgpMalformed has wrong packets.
func pgpMalformed(s *set) {
	content := literalPacket(fill(20))
	for _, kind := range pgpKinds {
		v6 := isV6(kind)
		key := random(32)
		own, data := pkesk(kind, cipherAES256, v6, false, key), seipdPacket(v6, key, content)
		message := slices.Concat(own, data)
		add := func(id string, envelope []byte, comment string) {
			s.add(kind+"-"+id, malformed, kind, envelope, comment)
		}
		for _, at := range []int{1, 2, 3, 10, 20, len(own) - 1, len(own), len(own) + 1, len(own) + 2, len(own) + 3, len(own) + 20, len(message) - 1} {
			add(fmt.Sprintf("cut-at-%d", at), message[:at], fmt.Sprintf("truncated at octet %d of %d; the session key's packet has %d", at, len(message), len(own)))
		}
		add("trailing", append(bytes.Clone(message), 0), "an octet behind the data")
		add("trailing-marker", append(bytes.Clone(message), pgpPacket(packetMarker, []byte("PGP"))...), "a packet behind the data")
		add("message-twice", slices.Concat(message, message), "two messages one after the other")
		add("data-twice", slices.Concat(own, data, data), "two packets of data")
		add("data-first", slices.Concat(data, own), "the session key behind the data")
		add("no-data", slices.Concat(own, own), "session keys and no data")
		add("literal", literalPacket(fill(20)), "a literal packet: nothing in it is encrypted")
		add("literal-inside", slices.Concat(own, content, data), "a literal packet before the data")
		add("session-key-longer", slices.Concat(pgpPacket(packetPKESK, bodyOf(own), []byte{0}), data), "an octet behind the session key in its packet")
		add("session-key-short", slices.Concat(pgpPacket(packetPKESK, cut(bodyOf(own), 1)), data), "the session key lacks its last octet, and the packet's length is right")
		add("session-key-empty-packet", slices.Concat(own, pgpPacket(packetPKESK), data), "a second session key's packet is empty")
		add("indeterminate", slices.Concat(own, []byte{0x80 | packetAEAD&0xf<<2 | 3}, bodyOf(data)), "a packet of the old format without a length")
		add("bit-7", append([]byte{own[0] & 0x7f}, message[1:]...), "the first octet lacks its highest bit, which every packet has")
		if v6 {
			add("versions", slices.Concat(own, pgpPacket(packetSEIPD, seipd1(cipherAES256, key, content))), "a session key of version 6 before data of version 1 (RFC 9580, section 10.3.2.1)")
			body := bodyOf(own)
			body[1]--
			add("fingerprint-length", slices.Concat(pgpPacket(packetPKESK, body), data), "the length of the fingerprint is one less than it is")
			body = bodyOf(own)
			body[len(body)-41]++
			add("wrapped-length", slices.Concat(pgpPacket(packetPKESK, body), data), "the length of the wrapped key is one more than there is")
			continue
		}
		add("versions", slices.Concat(own, seipd2(key, content).packet()), "a session key of version 3 before data of version 2 (RFC 9580, section 10.3.2.1)")
		body := bodyOf(own)
		zero := slices.Concat(body[:10], mpiWithZero(body[10:]))
		add("mpi-zero", slices.Concat(pgpPacket(packetPKESK, zero), data), "the number of the session key with a zero octet before it (RFC 9580, section 3.2)")
		add("mpi-bits", slices.Concat(pgpPacket(packetPKESK, mpiBits(body)), data), "the number of the session key with a bit more than it has, in the same octets")
		add("mpi-length", slices.Concat(pgpPacket(packetPKESK, body[:10], []byte{0xff, 0xff}, body[12:]), data), "the number of the session key says it has 65535 bits")
	}
}

// mpiWithZero writes the number that data begins with, with a zero octet
// before it; what is behind stays.
func mpiWithZero(data []byte) []byte {
	bits := int(data[0])<<8 | int(data[1])
	bits += 8
	return slices.Concat([]byte{byte(bits >> 8), byte(bits), 0}, data[2:])
}

// mpiBits makes the count of bits of the number in a session key wrong, within
// its octets.
func mpiBits(body []byte) []byte {
	changed := bytes.Clone(body)
	bits := int(body[10])<<8 | int(body[11])
	if bits%8 == 0 {
		bits--
	} else {
		bits++
	}
	changed[10], changed[11] = byte(bits>>8), byte(bits)
	return changed
}

// pgpMalformedContents are contents that are not one message, well encrypted.
func pgpMalformedContents(s *set) {
	literal := literalPacket(fill(20))
	for _, c := range []struct {
		id      string
		content []byte
		comment string
	}{
		{"empty", nil, "nothing"},
		{"two-literals", slices.Concat(literal, literal), "two literal packets"},
		{"no-literal", pgpPacket(packetMarker, []byte("PGP")), "no literal packet"},
		{"literal-cut", cut(literal, 1), "a literal packet that is truncated"},
		{"literal-short", pgpPacket(packetLiteral, []byte{'b'}), "a literal packet that ends behind its format"},
		{"trailing", append(bytes.Clone(literal), 7), "an octet behind the literal packet"},
		{"nested", slices.Concat(pkesk("openpgp-v4-rsa", cipherAES256, false, false, random(32)), pgpPacket(packetSEIPD, []byte{1}, random(50))), "another encrypted message"},
		{"compressed-twice", compressedPacket(1, compressedPacket(1, literal)), "compressed twice"},
		{"compressed-damaged", pgpPacket(packetCompressed, []byte{2}, random(30)), "compressed data that is none"},
		{"compressed-unknown", compressedPacket(9, literal), "compressed with an unknown algorithm"},
		{"compressed-cut", pgpPacket(packetCompressed, cut(bodyOf(compressedPacket(1, literalPacket(fill(500)))), 5)), "compressed data that is truncated"},
		{"key", pgpPacket(6, random(30)), "a public key"},
	} {
		for _, kind := range pgpKinds {
			s.add(kind+"-content-"+c.id, malformed, kind, pgpTo(kind, c.content), "what is encrypted is not one message: "+c.comment)
		}
	}
}

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
