package main

import (
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"

	"filippo.io/age"
)

// lowOrderShare is an X25519 stanza of an ephemeral key of low order.
func lowOrderShare(point string) string {
	share := base64.RawStdEncoding.EncodeToString(must(hex.DecodeString(point)))
	return "-> X25519 " + share + "\n" + bodyText(random(32))
}

func ageMalformedHeader(s *set) {
	f := ageTo(fill(20), "age-x25519")
	file, header := string(f.bytes()), f.header()
	add := func(id, envelope, comment string) {
		s.add("header-"+id, malformed, "age-x25519", []byte(envelope), comment)
	}
	payload := file[len(header):]
	stanza := f.stanzas[0]
	mac := header[strings.Index(header, "---")+4 : len(header)-1]
	add("version-2", strings.Replace(file, "/v1\n", "/v2\n", 1), "an unknown version")
	add("version-crlf", strings.Replace(file, "/v1\n", "/v1\r\n", 1), "CRLF behind the version")
	add("crlf", strings.ReplaceAll(header, "\n", "\r\n")+payload, "CRLF in the header")
	add("space-before", " "+file, "a space before the version")
	add("newline-before", "\n"+file, "an empty line before the version")
	add("upper", strings.ToUpper(header[:len(ageIntro)])+file[len(ageIntro):], "the version line in upper case")
	add("no-stanza", ageIntro+"--- "+mac+"\n"+payload, "no stanza")
	add("no-mac", ageIntro+stanza+"---\n"+payload, "no MAC")
	add("mac-empty", ageIntro+stanza+"--- \n"+payload, "an empty MAC")
	add("mac-no-space", ageIntro+stanza+"---"+mac+"\n"+payload, "no space before the MAC")
	add("mac-two-spaces", ageIntro+stanza+"---  "+mac+"\n"+payload, "two spaces before the MAC")
	add("mac-space-behind", ageIntro+stanza+"--- "+mac+" \n"+payload, "a space behind the MAC")
	add("mac-padded", ageIntro+stanza+"--- "+mac+"=\n"+payload, "the MAC's base64 with padding")
	add("mac-stray-bits", ageIntro+stanza+"--- "+strings.TrimRight(strayBits(mac+"="), "=")+"\n"+payload, "the last digit of the MAC has bits that encode nothing: a second encoding of the same bytes")
	add("mac-short", ageIntro+stanza+"--- "+mac[:40]+"\n"+payload, "a MAC of 30 bytes")
	add("mac-long", ageIntro+stanza+"--- "+base64.RawStdEncoding.EncodeToString(make([]byte, 33))+"\n"+payload, "a MAC of 33 bytes")
	add("mac-url", ageIntro+stanza+"--- _-"+mac[2:]+"\n"+payload, "the MAC in the alphabet of base64url")
	add("blank-line", ageIntro+"\n"+stanza+"--- "+mac+"\n"+payload, "an empty line before the stanza")
	add("footer", ageIntro+stanza+"---- "+mac+"\n"+payload, "four dashes before the MAC")
	s.add("empty", malformed, "age-x25519", nil, "nothing at all")
}

// ageMalformedStanza has wrong stanzas, with a right MAC over them.
func ageMalformedStanza(s *set) {
	f := ageTo(fill(20), "age-x25519")
	own := ageWrap("age-x25519", f.fileKey)
	right := stanzaText(own)
	add := func(id, class, stanza, comment string) {
		changed := f
		changed.stanzas = []string{stanza}
		s.add("stanza-"+id, class, "age-x25519", changed.bytes(), comment+", with a right MAC of the header where there can be one")
	}
	share, body := own.Args[0], bodyText(own.Body)
	add("no-arguments", malformed, "-> X25519\n"+body, "the ephemeral key is missing")
	add("two-arguments", malformed, "-> X25519 "+share+" "+share+"\n"+body, "an argument more than there is")
	add("share-short", malformed, "-> X25519 "+base64.RawStdEncoding.EncodeToString(random(31))+"\n"+body, "an ephemeral key of 31 bytes")
	add("share-long", malformed, "-> X25519 "+base64.RawStdEncoding.EncodeToString(random(33))+"\n"+body, "an ephemeral key of 33 bytes")
	add("share-stray-bits", malformed, "-> X25519 "+strings.TrimRight(strayBits(share+"="), "=")+"\n"+body, "the last digit of the ephemeral key has bits that encode nothing")
	add("share-padded", malformed, "-> X25519 "+share+"=\n"+body, "the ephemeral key's base64 with padding")
	add("type-lower", noMatch, "-> x25519 "+share+"\n"+body, "the type in lower case: an unknown type, for someone else")
	add("type-unknown", noMatch, "-> unknown "+share+"\n"+body, "an unknown type, for someone else")
	add("no-type", malformed, "-> \n"+body, "no type")
	add("no-space", malformed, "->X25519 "+share+"\n"+body, "no space behind the arrow")
	add("two-spaces", malformed, "-> X25519  "+share+"\n"+body, "two spaces before the ephemeral key")
	add("space-behind", malformed, "-> X25519 "+share+" \n"+body, "a space behind the ephemeral key")
	add("tab", malformed, "-> X25519\t"+share+"\n"+body, "a tab before the ephemeral key")
	add("not-ascii", malformed, "-> X25519 "+share+"\n"+body+"-> grease ü\n\n", "a letter in another stanza that is not ASCII")
	add("body-31", malformed, "-> X25519 "+share+"\n"+bodyText(own.Body[:31]), "a wrapped file key of 31 bytes")
	add("body-48", malformed, "-> X25519 "+share+"\n"+bodyText(random(48)), "a wrapped file key of 48 bytes, which would be a file key of 32")
	add("body-empty", malformed, "-> X25519 "+share+"\n\n", "an empty wrapped file key")
	add("body-padded", malformed, strings.TrimSuffix(right, "\n")+"=\n", "the wrapped file key's base64 with padding")
	add("body-stray-bits", malformed, "-> X25519 "+share+"\n"+strings.TrimRight(strayBits(strings.TrimSpace(body)+"="), "=")+"\n", "the last digit of the wrapped file key has bits that encode nothing")
	add("body-split", malformed, "-> X25519 "+share+"\n"+body[:20]+"\n"+body[20:], "the body in two lines that are not full")
	add("body-long-line", malformed, right+"-> grease\n"+base64.RawStdEncoding.EncodeToString(random(60))+"\n", "a line of 80 characters; lines have 64")
	add("body-no-last-line", malformed, right+"-> grease\n"+strings.TrimSuffix(bodyText(random(48)), "\n"), "a body that fills its line, without the empty line behind")
	add("body-missing", malformed, right+"-> grease\n", "no body, not even an empty one")
	add("body-cr", malformed, strings.TrimSuffix(right, "\n")+"\r\n", "CRLF behind the body")
	for i, point := range lowOrder {
		add("low-order-"+strconv.Itoa(i+1), malformed, lowOrderShare(point), "an ephemeral key of low order: the shared secret is zero, which https://c2sp.org/age has rejected, as part of reading the header")
	}
	ageMalformedOthers(s, f)
}

// ageMalformedOthers has wrong stanzas of the other kinds.
func ageMalformedOthers(s *set, f ageFile) {
	add := func(kind, id, class string, stanza *age.Stanza, comment string) {
		f.stanzas = []string{stanzaText(stanza)}
		s.add(kind+"-stanza-"+id, class, kind, f.bytes(), comment)
	}
	hybrid := ageWrap("age-hybrid", f.fileKey)
	enc := must(base64.RawStdEncoding.DecodeString(hybrid.Args[0]))
	one := func(enc []byte) []string { return []string{base64.RawStdEncoding.EncodeToString(enc)} }
	add("age-hybrid", "short", malformed, &age.Stanza{Type: hybrid.Type, Args: one(cut(enc, 1)), Body: hybrid.Body}, "the encapsulated key lacks a byte")
	add("age-hybrid", "long", malformed, &age.Stanza{Type: hybrid.Type, Args: one(append(enc, 0)), Body: hybrid.Body}, "the encapsulated key has a byte more")
	add("age-hybrid", "empty", malformed, &age.Stanza{Type: hybrid.Type, Args: nil, Body: hybrid.Body}, "the encapsulated key is missing")
	add("age-hybrid", "two", malformed, &age.Stanza{Type: hybrid.Type, Args: append(one(enc), "x"), Body: hybrid.Body}, "an argument more than there is")
	add("age-hybrid", "body", malformed, &age.Stanza{Type: hybrid.Type, Args: hybrid.Args, Body: hybrid.Body[:31]}, "a wrapped file key of 31 bytes")
	add("age-hybrid", "mlkem-flip", noMatch, &age.Stanza{Type: hybrid.Type, Args: one(flip(enc, 0)), Body: hybrid.Body}, "a bit of the ML-KEM ciphertext flipped: ML-KEM rejects implicitly, so it looks like one for another recipient")
	ed := ageWrap("ssh-ed25519", f.fileKey)
	add("ssh-ed25519", "one-argument", malformed, &age.Stanza{Type: ed.Type, Args: ed.Args[:1], Body: ed.Body}, "the ephemeral key is missing")
	add("ssh-ed25519", "three-arguments", malformed, &age.Stanza{Type: ed.Type, Args: append(ed.Args[:2:2], "x"), Body: ed.Body}, "an argument more than there is")
	add("ssh-ed25519", "share-short", malformed, &age.Stanza{Type: ed.Type, Args: []string{ed.Args[0], ed.Args[1][:40]}, Body: ed.Body}, "an ephemeral key of 30 bytes")
	add("ssh-ed25519", "other-fingerprint", noMatch, &age.Stanza{Type: ed.Type, Args: []string{"AAAAAA", ed.Args[1]}, Body: ed.Body}, "the fingerprint is that of another key: not tried")
	rsa := ageWrap("ssh-rsa", f.fileKey)
	add("ssh-rsa", "no-arguments", malformed, &age.Stanza{Type: rsa.Type, Body: rsa.Body}, "the fingerprint is missing")
	add("ssh-rsa", "two-arguments", malformed, &age.Stanza{Type: rsa.Type, Args: []string{rsa.Args[0], "x"}, Body: rsa.Body}, "an argument more than there is")
	add("ssh-rsa", "body-short", noMatch, &age.Stanza{Type: rsa.Type, Args: rsa.Args, Body: cut(rsa.Body, 1)}, "the wrapped file key lacks a byte; the fingerprint is only a hint, so it looks like one for another recipient")
	add("ssh-rsa", "body-empty", noMatch, &age.Stanza{Type: rsa.Type, Args: rsa.Args}, "the wrapped file key is empty; the fingerprint is only a hint")
}
