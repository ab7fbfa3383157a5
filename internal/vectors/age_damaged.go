package main

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"filippo.io/age"
)

func ageDamaged(s *set) {
	const asOther = ": looks like one for another recipient"
	for _, kind := range ageKinds {
		f := ageTo(fill(20), kind)
		stanza := ageWrap(kind, f.fileKey)
		with := func(args []string, body []byte) []byte {
			changed := f
			changed.stanzas = []string{stanzaText(&age.Stanza{Type: stanza.Type, Args: args, Body: body})}
			return changed.bytes()
		}
		s.add(kind+"-body-flip-first", noMatch, kind, with(stanza.Args, flip(stanza.Body, 0)), "a bit of the wrapped file key flipped"+asOther)
		s.add(kind+"-body-flip-last", noMatch, kind, with(stanza.Args, flip(stanza.Body, -1)), "a bit of the wrapped file key's tag flipped"+asOther)
		last := len(stanza.Args) - 1
		arg := must(base64.RawStdEncoding.DecodeString(stanza.Args[last]))
		args := slices.Clone(stanza.Args)
		args[last] = base64.RawStdEncoding.EncodeToString(flip(arg, -2))
		s.add(kind+"-argument-flip", noMatch, kind, with(args, stanza.Body), "a bit of the stanza's last argument, an ephemeral key or a fingerprint, flipped"+asOther)
		changed := f
		changed.mac = " " + base64.RawStdEncoding.EncodeToString(random(32)) + "\n"
		s.add(kind+"-mac", damaged, kind, changed.bytes(), "another MAC of the header, of the right length")
		changed = f
		changed.mac = f.header()[strings.Index(f.header(), "---")+3:]
		changed.stanzas = append(slices.Clone(f.stanzas), "-> grease\n\n")
		s.add(kind+"-stanza-added", damaged, kind, changed.bytes(), "a stanza added afterwards: the MAC of the header fails")
		changed = f
		changed.nonce = flip(f.nonce, 0)
		s.add(kind+"-nonce-flip", damaged, kind, changed.bytes(), "a bit of the payload's nonce flipped")
		changed = f
		changed.chunks = [][]byte{flip(f.chunks[0], 0)}
		s.add(kind+"-payload-flip-first", damaged, kind, changed.bytes(), "a bit of the payload flipped")
		changed.chunks = [][]byte{flip(f.chunks[0], -1)}
		s.add(kind+"-payload-flip-last", damaged, kind, changed.bytes(), "a bit of the payload's tag flipped")
		s.add(kind+"-payload-cut", damaged, kind, cut(f.bytes(), 1), "truncated by a byte")
		s.add(kind+"-trailing", damaged, kind, append(f.bytes(), 0), "a byte behind the payload")
		s.add(kind+"-trailing-file", damaged, kind, slices.Concat(f.bytes(), f.bytes()), "the same file again behind it")
	}
	f := ageTo(fill(20), "age-x25519")
	f.stanzas = append(f.stanzas, "-> grease a\n\n")
	mac := f.header()[strings.Index(f.header(), "---")+3:]
	f.mac, f.stanzas[1] = mac, "-> grease b\n\n"
	s.add("x25519-argument-changed", damaged, "age-x25519", f.bytes(), "an argument of another stanza changed: the MAC of the header covers it")
	f.stanzas = f.stanzas[:1]
	s.add("x25519-stanza-removed", damaged, "age-x25519", f.bytes(), "a stanza removed: the MAC of the header fails")
}

// ageStream are payloads of several chunks. Ciphertexts are zeros, so they are
// small when compressed, and the plaintext is what such a ciphertext stands for.
func ageStream(s *set) {
	base := ageTo(nil, "age-x25519")
	full, tail := base.zeroChunk(0, false, ageChunk), base.zeroChunk(1, true, 5)
	file := func(chunks ...[]byte) []byte {
		f := base
		f.chunks = chunks
		return f.bytes()
	}
	first, second := base.chunk(0, false, full), base.chunk(1, true, tail)
	opens := func(id, comment string, plaintext []byte, chunks ...[]byte) {
		envelope := file(chunks...)
		s.good("stream-"+id, "age-x25519", envelope, plaintext, comment).compress(envelope)
	}
	bad := func(id, comment string, chunks ...[]byte) {
		envelope := file(chunks...)
		s.add("stream-"+id, damaged, "age-x25519", envelope, comment).compress(envelope)
	}
	whole := base.zeroChunk(0, true, ageChunk)
	opens("65536", "one chunk that is full, and the last", whole, base.chunk(0, true, whole))
	less := base.zeroChunk(0, true, ageChunk-1)
	opens("65535", "one chunk that lacks a byte of being full", less, base.chunk(0, true, less))
	opens("65541", "a full chunk, and one of five bytes", slices.Concat(full, tail), first, second)
	two := base.zeroChunk(1, true, ageChunk)
	opens("131072", "two chunks that are full", slices.Concat(full, two), first, base.chunk(1, true, two))
	bad("no-last", "a full chunk that is not marked as the last, and no other", first)
	bad("last-empty", "an empty last chunk behind a full one: the plaintext would have two encodings", first, base.chunk(1, true, nil))
	bad("cut-last", "the last chunk is missing, so nothing is marked as last", first)
	bad("cut-tag", "the last chunk lacks its last byte", first, cut(second, 1))
	bad("last-not-marked", "the last chunk is not marked as such", first, base.chunk(1, false, tail))
	bad("first-marked", "the first of two chunks is marked as last", base.chunk(0, true, full), second)
	bad("swapped", "the second chunk before the first", second, first)
	bad("number", "the second chunk is numbered 2", first, base.chunk(2, true, tail))
	bad("repeated", "the first chunk twice", first, first, second)
	bad("short-first", "a chunk that is not full before the last", base.chunk(0, false, full[:100]), second)
	bad("second-flip", "a bit of the second chunk flipped; what the first one holds may have been read as a stream", first, flip(second, 0))
	bad("trailing", "a byte behind the last chunk", first, second, []byte{0})
	bad("trailing-full", "a byte behind a last chunk that is full", base.chunk(0, true, whole), []byte{0})
	s.add("payload-empty", damaged, "age-x25519", file(), "no chunk behind the nonce: even an empty plaintext has one")
	s.add("payload-15", damaged, "age-x25519", file(random(15)), "a chunk that is shorter than a tag")
}

// ageCuts truncates at each line of the header, and behind it.
func ageCuts(s *set) {
	for _, kind := range ageKinds {
		f := ageTo(fill(20), kind)
		file, header := f.bytes(), len(f.header())
		line := 0
		for at := range header {
			if file[at] != '\n' {
				continue
			}
			line++
			if at+1 < header && (line < 4 || line%8 == 0) {
				s.add(fmt.Sprintf("%s-cut-line-%d", kind, line), malformed, kind, file[:at+1], "truncated behind line "+strconv.Itoa(line)+" of the header")
			}
		}
		s.add(kind+"-cut-mac", malformed, kind, file[:header-5], "truncated inside the MAC")
		s.add(kind+"-cut-newline", malformed, kind, file[:header-1], "truncated before the line break that ends the header")
		s.add(kind+"-cut-header", malformed, kind, file[:header], "truncated behind the header: the nonce is missing")
		s.add(kind+"-cut-nonce", malformed, kind, file[:header+15], "truncated inside the nonce")
		s.add(kind+"-cut-payload", damaged, kind, file[:header+16], "truncated behind the nonce: no chunk")
		s.add(kind+"-cut-chunk", damaged, kind, file[:header+16+10], "truncated inside the chunk")
	}
	for at := range strings.Count(ageIntro, "") - 2 {
		if at%5 == 0 {
			s.add("cut-at-"+strconv.Itoa(at), malformed, "age-x25519", []byte(ageIntro[:at]), "truncated inside the first line")
		}
	}
}
