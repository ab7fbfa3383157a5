package main

import (
	"encoding/base64"
	"slices"
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
