package main

import (
	"crypto"
)

var (
	cmsCurves = []string{"p256", "p384", "p521", "secp256k1"}
	cmsKinds  = append([]string{"rsa2048"}, cmsCurves...)
)

func cmsCases(s *set) {
	cmsGood(s)
	cmsOpenSSL(s)
	s.source = forged
	cmsOptions(s)
	cmsWrongKeys(s)
	cmsDamagedContent(s)
	cmsDamagedEC(s)
	cmsDamagedRSA(s)
	cmsLegacy(s)
	cmsForbidden(s)
	cmsMalformed(s)
	cmsArmor(s)
}

// cmsTo is a message for the key of any kind, with its recipient named by the
// identifier.
func cmsTo(kind string, plaintext []byte) cmsMessage {
	m := authEnveloped(32, plaintext)
	if kind == "rsa2048" || kind == "rsa1024" {
		return m.to(oaepTo(kind, crypto.SHA256, m.key))
	}
	return m.to(ecTo(kind, m.key))
}

func cmsGood(s *set) {
	for _, kind := range cmsKinds {
		s.source = sealed
		for _, p := range plaintexts {
			s.good(kind+"-good-"+p.name, kind, s.seal(p.data, kind), p.data, p.note)
		}
		s.source = forged
		der := cmsTo(kind, fill(20)).der()
		s.good(kind+"-raw", kind, der, fill(20), "DER without armor")
		m := authEnveloped(32, fill(20))
		if kind == "rsa2048" {
			named := oaepTo(kind, crypto.SHA256, m.key)
			named.version, named.name = 0, issuerAndSerial(kind)
			m = m.to(named)
		} else {
			named := ecTo(kind, m.key)
			named.name = issuerAndSerial(kind)
			m = m.to(named)
		}
		s.good(kind+"-by-issuer", kind, m.der(), fill(20), "the recipient is named by issuer and serial number of its certificate")
	}
	s.source = sealed
	three := s.seal([]byte("for three"), "rsa2048", "p256", "p521")
	for _, kind := range []string{"rsa2048", "p256", "p521"} {
		s.good(kind+"-of-three", kind, three, []byte("for three"), "one envelope for three recipients of different kinds")
	}
	two := s.seal([]byte("for two"), "p256-other", "p256")
	s.good("p256-of-two", "p256", two, []byte("for two"), "one envelope for two recipients of one kind: the wrapped key of the other is passed over")
	s.add("p384-of-three", noMatch, "p384", three, "one envelope for three recipients, none of which is this one")
}

func cmsWrongKeys(s *set) {
	for _, kind := range cmsKinds {
		s.add(kind+"-other-key", noMatch, kind+"-other", cmsTo(kind, fill(20)).der(), "for another key of the same kind")
	}
	for _, c := range [][2]string{{"p256", "p384"}, {"p256", "secp256k1"}, {"secp256k1", "p256"}, {"p521", "rsa2048"}, {"rsa2048", "p256"}, {"rsa2048", "ssh-rsa"}} {
		s.add(c[0]+"-opened-with-"+c[1], noMatch, c[1], cmsTo(c[0], fill(20)).der(), "for a key of another kind, or of the same kind from another container")
	}
	for _, key := range []string{"ssh-ed25519", "x25519", "age-x25519", "age-hybrid", "openpgp-v4-rsa"} {
		s.add("unsupported-"+key, unsupportedKey, key, cmsTo("p256", fill(20)).der(), "cms takes RSA and EC keys only")
	}
	s.add("rsa1024", forbidden, "rsa1024", cmsTo("rsa1024", fill(20)).der(), "RSA keys of less than 2048 bits are refused, though the envelope is for this one")
}
