package main

import (
	"bytes"
	"fmt"
	"slices"
)

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
