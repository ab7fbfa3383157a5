package main

import (
	"bytes"
)

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
