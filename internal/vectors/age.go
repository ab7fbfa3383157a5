package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"filippo.io/age"
)

var ageKinds = []string{"age-x25519", "age-hybrid", "ssh-ed25519", "ssh-rsa"}

func ageCases(s *set) {
	ageGood(s)
	ageCommand(s)
	s.source = forged
	ageStanzas(s)
	ageWrongKeys(s)
	ageDamaged(s)
	ageStream(s)
	ageMalformedHeader(s)
	ageMalformedStanza(s)
	ageCuts(s)
	ageArmored(s)
}

func ageGood(s *set) {
	for _, kind := range ageKinds {
		s.source = sealed
		for _, p := range plaintexts {
			s.good(kind+"-good-"+p.name, kind, s.seal(p.data, kind), p.data, p.note)
		}
		s.source = forged
		f := ageTo(fill(20), kind)
		s.good(kind+"-armor", kind, []byte(ageArmor(f.bytes())), fill(20), "in armor")
	}
	s.source = sealed
	three := s.seal([]byte("for three"), "age-x25519", "ssh-ed25519", "ssh-rsa")
	for _, kind := range []string{"age-x25519", "ssh-ed25519", "ssh-rsa"} {
		s.good(kind+"-of-three", kind, three, []byte("for three"), "one file for three recipients of different kinds")
	}
	s.add("age-hybrid-of-three", noMatch, "age-hybrid", three, "one file for three recipients, none of which is this one")
	two := s.seal([]byte("for two"), "age-hybrid-other", "age-hybrid")
	s.good("age-hybrid-of-two", "age-hybrid", two, []byte("for two"), "one file for two post-quantum recipients, of which this is the second")
}

// ageCommand makes files with the age command, if there is one.
func ageCommand(s *set) {
	version := versionOf("age", "--version")
	if version == "" {
		return
	}
	x25519 := must(age.ParseX25519Identity(privateKey("age-x25519").(*age.X25519Identity).String())).Recipient().String()
	for _, c := range []struct{ kind, to string }{
		{"age-x25519", x25519}, {"ssh-ed25519", sshLine("ssh-ed25519")}, {"ssh-rsa", sshLine("ssh-rsa")},
	} {
		for _, armor := range []bool{false, true} {
			id, arguments := c.kind+"-command", []string{"-r", c.to}
			if armor {
				id, arguments = id+"-armor", append(arguments, "-a")
			}
			s.source = "age " + version
			s.good(id, c.kind, run(fill(100), "age", arguments...), fill(100), "made by the age command")
		}
	}
	several := run(fill(100), "age", "-r", x25519, "-r", sshLine("ssh-rsa"))
	s.good("ssh-rsa-command-two", "ssh-rsa", several, fill(100), "made by the age command for two recipients")
}

// ageStanzas are stanzas that are no trouble for who is not meant by them.
func ageStanzas(s *set) {
	f := ageTo(fill(20), "age-x25519")
	own := f.stanzas[0]
	opens := func(id, comment string, stanzas ...string) {
		f.stanzas = stanzas
		s.good("x25519-"+id, "age-x25519", f.bytes(), fill(20), comment)
	}
	opens("grease", "an unknown stanza before the right one: ignored", "-> grease-1 some args\n"+bodyText(random(20)), own)
	opens("grease-empty", "an unknown stanza without arguments and with an empty body", own, "-> grease\n\n")
	opens("grease-full-line", "an unknown stanza whose body fills its line, so that an empty line follows", own, "-> grease\n"+bodyText(random(48)))
	opens("grease-symbols", "an unknown stanza with all kinds of printable characters", own, "-> !\"#$%&'()*+,-./ :;<=>?@[\\]^_`{|}~\n\n")
	opens("twice", "the same stanza twice", own, own)
	for kind := range slices.Values(ageKinds) {
		if kind == "age-x25519" {
			continue
		}
		opens("beside-"+kind, "beside a stanza for a key of another kind; only sealing refuses to mix post-quantum and other recipients", own, stanzaText(ageWrap(kind, f.fileKey)))
	}
	opens("other-file-key-behind", "behind the right stanza is one for the same key with another file key: the first that opens counts", own, stanzaText(ageWrap("age-x25519", random(16))))
	f.stanzas = []string{stanzaText(ageWrap("age-x25519", random(16))), own}
	s.add("x25519-other-file-key", damaged, "age-x25519", f.bytes(), "before the right stanza is one for the same key with another file key, under which the MAC of the header fails")
	passphrase := "-> scrypt " + base64.RawStdEncoding.EncodeToString(random(16)) + " 10\n" + bodyText(random(32))
	opens("passphrase-beside", "a passphrase beside a key: who opens with the passphrase must refuse it (https://c2sp.org/age), who opens with the key ignores what is not his", own, passphrase)
	f.stanzas = []string{passphrase}
	s.add("passphrase", noMatch, "age-x25519", f.bytes(), "under a passphrase: for no key")
}

func ageWrongKeys(s *set) {
	for _, kind := range ageKinds {
		f := ageTo(fill(20), kind)
		s.add(kind+"-other-key", noMatch, kind+"-other", f.bytes(), "for another key of the same kind")
		for _, other := range ageKinds {
			if other != kind {
				s.add(kind+"-opened-with-"+other, noMatch, other, f.bytes(), "for a key of another kind")
			}
		}
	}
	f := ageTo(fill(20), "age-x25519")
	for _, key := range []string{"p256", "secp256k1", "x25519", "openpgp-v4-rsa"} {
		s.add("unsupported-"+key, unsupportedKey, key, f.bytes(), "age takes its own keys, and Ed25519 and RSA keys of SSH")
	}
	rsa := ageTo(fill(20), "ssh-rsa")
	s.add("rsa2048-pem", noMatch, "rsa2048", rsa.bytes(), "an RSA key in PKCS#8 is as good as one of SSH, but the file is for another one")
	s.add("rsa1024", forbidden, "rsa1024", rsa.bytes(), "RSA keys of less than 2048 bits are refused")
}

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

// lowOrderShare is an X25519 stanza of an ephemeral key of low order.
func lowOrderShare(point string) string {
	share := base64.RawStdEncoding.EncodeToString(must(hex.DecodeString(point)))
	return "-> X25519 " + share + "\n" + bodyText(random(32))
}
