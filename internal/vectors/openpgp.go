package main

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"slices"
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
