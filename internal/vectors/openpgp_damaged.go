package main

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
)

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
