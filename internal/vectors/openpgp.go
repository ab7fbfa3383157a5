package main

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
)

var pgpKinds = []string{"openpgp-v4-rsa", "openpgp-v4-curve25519", "openpgp-v6-x25519"}

func openPGPCases(s *set) {
	pgpGood(s)
	pgpCommand(s)
	s.source = forged
	pgpForms(s)
	pgpContents(s)
	pgpWrongKeys(s)
	pgpDamagedData(s)
	pgpDamagedKey(s)
	pgpForbidden(s)
	pgpMalformed(s)
	pgpMalformedContents(s)
	pgpArmored(s)
}

func pgpGood(s *set) {
	for _, kind := range pgpKinds {
		s.source = sealed
		for _, p := range plaintexts {
			s.good(kind+"-good-"+p.name, kind, s.seal(p.data, kind), p.data, p.note)
		}
		s.source = forged
		s.good(kind+"-raw", kind, pgpTo(kind, literalPacket(fill(20))), fill(20), "packets without armor")
		s.good(kind+"-1000", kind, pgpTo(kind, literalPacket(fill(1000))), fill(1000), "a thousand octets; with AEAD, in chunks of 64")
	}
	s.source = sealed
	three := s.seal([]byte("for three"), pgpKinds...)
	for _, kind := range pgpKinds {
		s.good(kind+"-of-three", kind, three, []byte("for three"), "one message for three keys of different kinds")
		s.add(kind+"-other-of-three", noMatch, kind+"-other", three, "one message for three keys, none of which is this one")
	}
}

// pgpForms are what is allowed in a message beside the most simple.
func pgpForms(s *set) {
	content := literalPacket(fill(20))
	for _, kind := range pgpKinds {
		key := random(32)
		v6 := isV6(kind)
		data := seipdPacket(v6, key, content)
		own := pkesk(kind, cipherAES256, v6, false, key)
		opens := func(id, comment string, packets ...[]byte) {
			s.good(kind+"-"+id, kind, slices.Concat(packets...), fill(20), comment)
		}
		opens("hidden", "the session key does not name its recipient", pkesk(kind, cipherAES256, v6, true, key), data)
		opens("hidden-second", "two session keys that do not name their recipients; this key's is the second", pkesk(kind+"-other", cipherAES256, v6, true, key), pkesk(kind, cipherAES256, v6, true, key), data)
		opens("twice", "the same session key twice", own, own, data)
		opens("beside-password", "a password opens it too", own, pgpPacket(packetSKESK, []byte{4, cipherAES256, 0, 8}), data)
		opens("long-length", "lengths of five octets where one is enough, which OpenPGP allows", longPacket(packetPKESK, bodyOf(own)), longPacket(packetSEIPD, bodyOf(data)))
		opens("partial", "the data in parts (partial body lengths)", own, partialPacket(packetSEIPD, bodyOf(seipdPacket(v6, key, content))))
		if !v6 {
			opens("old-format", "the session key's packet in the old format", oldPacket(packetPKESK, bodyOf(own)), data)
			opens("aead-packet", "the AEAD packet of LibrePGP, in AES-256-OCB, as gpg 2.3 and later write it", own, aeadPacket(key, content))
			elGamal := pgpPacket(packetPKESK, pkeskHead(kind, algorithmElGamal), mpi(random(256)), mpi(random(256)))
			opens("beside-elgamal", "beside a session key under ElGamal, for someone else", own, elGamal, data)
			unknown := pgpPacket(packetPKESK, pkeskHead(kind, 99), random(40))
			opens("beside-unknown", "beside a session key under an unknown algorithm, for someone else", own, unknown, data)
			opens("beside-version-2", "beside a session key of an unknown version, for someone else", own, pgpPacket(packetPKESK, []byte{2}, random(40)), data)
		}
	}
	for _, c := range []struct {
		symmetric byte
		size      int
	}{{cipherAES128, 16}, {cipherAES192, 24}} {
		for _, kind := range pgpKinds[:2] {
			key := random(c.size)
			message := append(pkesk(kind, c.symmetric, false, false, key), pgpPacket(packetSEIPD, seipd1(c.symmetric, key, content))...)
			s.good(fmt.Sprintf("%s-aes%d", kind, 8*c.size), kind, message, fill(20), "AES with a shorter key")
		}
	}
	pgpLibraryAEAD(s, content)
}

// seipdPacket is the packet of data in the version that goes with the key's.
func seipdPacket(v6 bool, key, content []byte) []byte {
	if v6 {
		return seipd2(key, content).packet()
	}
	return pgpPacket(packetSEIPD, seipd1(cipherAES256, key, content))
}

// pgpContents are the packets inside, of which the literal one is returned.
func pgpContents(s *set) {
	text := []byte("lines\r\nof text\r\n")
	for _, c := range []struct {
		id        string
		content   []byte
		plaintext []byte
		comment   string
	}{
		{"text", namedLiteral('t', "", 0, text), text, "marked as text; the line ends stay as they are"},
		{"utf8-text", namedLiteral('u', "", 0, text), text, "marked as UTF-8 text"},
		{"named", namedLiteral('b', "secret.txt", 1700000000, fill(20)), fill(20), "with a file name and a time, which are not returned"},
		{"literal-partial", partialPacket(packetLiteral, bodyOf(literalPacket(fill(1500)))), fill(1500), "the literal packet in parts"},
		{"literal-old", oldPacket(packetLiteral, bodyOf(literalPacket(fill(20)))), fill(20), "the literal packet in the old format"},
		{"marker", append(pgpPacket(packetMarker, []byte("PGP")), literalPacket(fill(20))...), fill(20), "a marker packet before the literal one: ignored"},
		{"padding", append(literalPacket(fill(20)), pgpPacket(packetPadding, random(30))...), fill(20), "a padding packet behind the literal one: ignored"},
		{"zip", compressedPacket(1, literalPacket(fill(2000))), fill(2000), "compressed with ZIP"},
		{"zlib", compressedPacket(2, literalPacket(fill(2000))), fill(2000), "compressed with ZLIB"},
		{"not-compressed", compressedPacket(0, literalPacket(fill(20))), fill(20), "in a compressed packet that is not compressed"},
	} {
		for _, kind := range pgpKinds[1:] {
			s.good(kind+"-"+c.id, kind, pgpTo(kind, c.content), c.plaintext, c.comment)
		}
	}
}

func compressedPacket(algorithm byte, content []byte) []byte {
	var buf bytes.Buffer
	switch algorithm {
	case 1:
		w := must(flate.NewWriter(&buf, flate.BestCompression))
		must(w.Write(content))
		check(w.Close())
	case 2:
		w := zlib.NewWriter(&buf)
		must(w.Write(content))
		check(w.Close())
	default:
		buf.Write(content)
	}
	return pgpPacket(packetCompressed, []byte{algorithm}, buf.Bytes())
}

func pgpWrongKeys(s *set) {
	content := literalPacket(fill(20))
	for _, kind := range pgpKinds {
		message := pgpTo(kind, content)
		s.add(kind+"-other-key", noMatch, kind+"-other", message, "for another key of the same kind, which it names")
		key := random(32)
		hidden := append(pkesk(kind, cipherAES256, isV6(kind), true, key), seipdPacket(isV6(kind), key, content)...)
		s.add(kind+"-other-key-hidden", noMatch, kind+"-other", hidden, "for another key of the same kind, which it does not name")
		for _, other := range pgpKinds {
			if other != kind {
				s.add(kind+"-opened-with-"+other, noMatch, other, message, "for a key of another kind")
				s.add(kind+"-hidden-opened-with-"+other, noMatch, other, hidden, "for a key of another kind, which it does not name")
			}
		}
	}
	message := pgpTo("openpgp-v4-rsa", content)
	for _, key := range []string{"rsa2048", "p256", "secp256k1", "ssh-ed25519", "x25519", "age-x25519"} {
		s.add("unsupported-"+key, unsupportedKey, key, message, "openpgp takes OpenPGP keys only")
	}
	s.add("rsa1024", forbidden, "openpgp-v4-rsa1024", pgpTo("openpgp-v4-rsa1024", content), "RSA keys of less than 2048 bits are refused, though the message is for this one")
	s.add("password-only", noMatch, "openpgp-v4-rsa", append(pgpPacket(packetSKESK, []byte{4, cipherAES256, 0, 8}), pgpPacket(packetSEIPD, random(60))...), "for a password alone")
}

func pgpDamagedData(s *set) {
	content := literalPacket(fill(40))
	for _, kind := range pgpKinds[:2] {
		key := random(32)
		own := pkesk(kind, cipherAES256, false, false, key)
		body := seipd1(cipherAES256, key, content)
		add := func(id string, body []byte, comment string) {
			s.add(kind+"-"+id, damaged, kind, append(bytes.Clone(own), pgpPacket(packetSEIPD, body)...), comment)
		}
		add("prefix-flip", flip(body, 1), "a bit of the random prefix flipped, which the MDC covers")
		add("data-flip", flip(body, 30), "a bit of the data flipped: the MDC fails")
		add("mdc-flip", flip(body, -1), "a bit of the MDC flipped")
		add("mdc-cut", cut(body, 1), "the MDC lacks its last octet, and the packet's length is right")
		add("mdc-missing", cut(body, 22), "no MDC at all")
		add("data-short", body[:20], "data that is shorter than an MDC")
		add("data-longer", append(bytes.Clone(body), 0), "an octet more of data")
		text := append(cfbPrefix(blockOf(cipherAES256, key)), content...)
		wrong := mdcOf(text)
		wrong[0] = 0xd2
		add("mdc-tag", seipd1Of(cipherAES256, key, append(bytes.Clone(text), wrong...)), "the MDC has the tag of another packet")
		other := append(bytes.Clone(text), mdcOf(append(bytes.Clone(text), 'x'))...)
		add("mdc-wrong", seipd1Of(cipherAES256, key, other), "the MDC of other data")
		s.add(kind+"-aead-packet-flip", damaged, kind, append(bytes.Clone(own), flip(aeadPacket(key, content), -20)...), "a bit of the AEAD packet of LibrePGP flipped")
	}
	kind := "openpgp-v6-x25519"
	key := random(32)
	own := pkesk(kind, cipherAES256, true, false, key)
	data := seipd2(key, literalPacket(fill(200)))
	add := func(id string, d seipd2Data, comment string) {
		s.add(kind+"-"+id, damaged, kind, append(bytes.Clone(own), d.packet()...), comment)
	}
	with := func(change func(*seipd2Data)) seipd2Data {
		changed := data
		changed.head, changed.chunks = bytes.Clone(data.head), slices.Clone(data.chunks)
		change(&changed)
		return changed
	}
	add("salt-flip", with(func(d *seipd2Data) { d.head = flip(d.head, 4) }), "a bit of the salt flipped")
	add("mode-changed", with(func(d *seipd2Data) { d.head[2] = modeOCB }), "the mode says OCB instead of GCM")
	add("cipher-changed", with(func(d *seipd2Data) { d.head[1] = cipherAES128 }), "the cipher says AES-128, and the session key is for AES-256")
	add("chunk-size-changed", with(func(d *seipd2Data) { d.head[3] = 1 }), "the size of chunks says 128 instead of 64")
	add("chunk-flip-first", with(func(d *seipd2Data) { d.chunks[0] = flip(d.chunks[0], 0) }), "a bit of the first chunk flipped")
	add("chunk-flip-last", with(func(d *seipd2Data) { d.chunks[3] = flip(d.chunks[3], 0) }), "a bit of the last chunk flipped")
	add("tag-flip", with(func(d *seipd2Data) { d.last = flip(d.last, -1) }), "a bit of the last tag flipped")
	add("tag-missing", with(func(d *seipd2Data) { d.last = nil }), "the last tag is missing, and the packet's length is right")
	add("chunk-missing", with(func(d *seipd2Data) { d.chunks = d.chunks[:3] }), "the last chunk is missing: the last tag is for another length")
	add("chunks-swapped", with(func(d *seipd2Data) { d.chunks[0], d.chunks[1] = d.chunks[1], d.chunks[0] }), "two chunks swapped")
	add("chunk-repeated", with(func(d *seipd2Data) { d.chunks = append(d.chunks, d.chunks[3]) }), "the last chunk twice")
	add("data-longer", with(func(d *seipd2Data) { d.last = append(bytes.Clone(d.last), 0) }), "an octet behind the last tag")
	add("data-empty", with(func(d *seipd2Data) { d.chunks, d.last = nil, nil }), "nothing behind the salt")
}

// pgpDamagedKey damages the session key. A message that names the key is then
// damaged, one that names none is taken for someone else's.
func pgpDamagedKey(s *set) {
	const named, hidden = ": damaged, for the message names this key", ": as for another key, since the message names none"
	content := literalPacket(fill(20))
	for _, kind := range pgpKinds {
		v6 := isV6(kind)
		key := random(32)
		data := seipdPacket(v6, key, content)
		for _, c := range []struct {
			suffix, class, why string
			body               []byte
		}{
			{"", damaged, named, bodyOf(pkesk(kind, cipherAES256, v6, false, key))},
			{"-hidden", noMatch, hidden, bodyOf(pkesk(kind, cipherAES256, v6, true, key))},
		} {
			add := func(id string, body []byte, comment string) {
				s.add(kind+"-"+id+c.suffix, c.class, kind, append(pgpPacket(packetPKESK, body), data...), comment+c.why)
			}
			add("session-key-flip", flip(c.body, -1), "a bit of the encrypted session key flipped")
			wrong := bodyOf(pkesk(kind, cipherAES256, v6, c.suffix != "", random(32)))
			if kind == "openpgp-v4-rsa" {
				add("session-key-other", wrong, "another session key than the data's")
				continue
			}
			s.add(kind+"-session-key-other"+c.suffix, damaged, kind, append(pgpPacket(packetPKESK, wrong), data...), "another session key than the data's, which opens: it is for this key, named or not, for its wrap authenticates it")
			at := len(c.body) - 1 - 40 - 32 // Of X25519: the share, the length and the wrapped key.
			if !v6 {
				at = len(c.body) - 1 - 48 - 32
			}
			add("share-flip", flip(c.body, at+10), "a bit of the ephemeral key flipped")
			for i, point := range lowOrder {
				body := bytes.Clone(c.body)
				copy(body[at:], must(hex.DecodeString(point)))
				add("low-order-"+strconv.Itoa(i+1), body, "an ephemeral key of low order, whose shared secret is zero")
			}
		}
	}
	pgpDamagedRSA(s, content)
	kind := "openpgp-v4-curve25519"
	key := random(32)
	body := bodyOf(pkesk(kind, cipherAES256, false, false, key))
	body[12] = 0x41
	s.add(kind+"-share-prefix", malformed, kind, append(pgpPacket(packetPKESK, body), seipdPacket(false, key, content)...), "the ephemeral key begins with 41; RFC 9580, section 11.2.2, has 40 before a native point, so this would be a second encoding of the same")
}

func pgpDamagedRSA(s *set, content []byte) {
	key := random(32)
	data := seipdPacket(false, key, content)
	add := func(id string, own []byte, comment string) {
		s.add(pgpRSA+"-"+id, damaged, pgpRSA, append(own, data...), comment+"; all that goes wrong with a key that is named is told in the same words (RFC 9580, section 13.1)")
	}
	block := sessionBlock(cipherAES256, key)
	add("checksum", rsaPKESK(flip(block, -1)), "the checksum of the session key is wrong")
	add("session-key-31", rsaPKESK(sessionBlock(cipherAES256, key[:31])), "a session key of 31 octets for AES-256")
	add("session-key-empty", rsaPKESK(nil), "nothing is encrypted, not even a cipher")
	add("session-key-no-checksum", rsaPKESK(block[:33]), "no checksum behind the session key")
	add("session-key-one", rsaPKESKOf([]byte{1}), "the encrypted number is 1, which is its own decryption")
	add("session-key-modulus", rsaPKESKOf(bytes.Repeat([]byte{0xff}, 256)), "the encrypted number is not below the modulus")
	add("session-key-long", rsaPKESKOf(bytes.Repeat([]byte{0x7f}, 300)), "the encrypted number is longer than the modulus")
	add("cipher-changed", rsaPKESK(sessionBlock(cipherAES192, key)), "the session key says AES-192, and it is of 256 bits")
	for _, c := range []struct {
		name      string
		symmetric byte
	}{{"idea", 1}, {"blowfish", 4}, {"twofish", cipherTwofish}, {"camellia", cipherCamellia}, {"plaintext", 0}} {
		add("cipher-"+c.name, rsaPKESK(sessionBlock(c.symmetric, key)), "the session key is for "+c.name+", which is not known here: what a decrypted session key says is not told")
	}
}
