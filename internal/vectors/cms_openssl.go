package main

import (
	"fmt"
)

// cmsOpenSSL makes envelopes with openssl cms, if there is one.
func cmsOpenSSL(s *set) {
	version := versionOf("openssl", "version")
	if version == "" {
		return
	}
	add := func(id, key string, legacy bool, plaintext []byte, options ...string) {
		command := append([]string{"cms", "-encrypt", "-binary"}, options...)
		s.source = fmt.Sprintf("%s: openssl %s", version, spaced(command))
		envelope := run(plaintext, "openssl", append(append([]string{}, command...), "-recip", keyPath(key+".crt"))...)
		s.good("openssl-"+id, key, envelope, plaintext, "made by openssl for the certificate of the key").Legacy = legacy
	}
	for _, kind := range cmsCurves {
		for _, cipher := range []string{"-aes-128-gcm", "-aes-192-gcm", "-aes-256-gcm"} {
			add(kind+cipher[4:], kind, false, fill(100), cipher, "-outform", "PEM")
		}
		add(kind+"-der", kind, false, binary256(), "-aes-256-gcm", "-outform", "DER")
		add(kind+"-keyid", kind, false, fill(17), "-aes-256-gcm", "-outform", "PEM", "-keyid")
		add(kind+"-cbc", kind, true, fill(32), "-aes-256-cbc", "-outform", "PEM")
	}
	for _, hash := range []string{"sha1", "sha224", "sha256", "sha384", "sha512"} {
		s.openSSLWith(version, "openssl-p256-kdf-"+hash, "p256", false, "-aes-256-gcm", "ecdh_kdf_md:"+hash)
		s.openSSLWith(version, "openssl-rsa2048-oaep-"+hash, "rsa2048", false, "-aes-256-gcm", "rsa_padding_mode:oaep", "rsa_oaep_md:"+hash)
	}
	s.openSSLWith(version, "openssl-rsa2048-oaep-default", "rsa2048", false, "-aes-256-gcm", "rsa_padding_mode:oaep")
	s.openSSLWith(version, "openssl-rsa2048-oaep-cbc", "rsa2048", true, "-aes-256-cbc", "rsa_padding_mode:oaep")
	s.openSSLWith(version, "openssl-p521-cofactor", "p521", false, "-aes-256-gcm", "ecdh_cofactor_mode:1")
	for _, size := range []string{"128", "192", "256"} {
		add("p384-wrap-"+size, "p384", false, fill(20), "-aes-256-gcm", "-outform", "PEM", "-aes"+size+"-wrap")
		add("rsa2048-cbc-"+size, "rsa2048", true, fill(20), "-aes-"+size+"-cbc", "-outform", "PEM")
		add("rsa2048-gcm-"+size, "rsa2048", true, fill(20), "-aes-"+size+"-gcm", "-outform", "PEM")
	}
	add("rsa2048-keyid", "rsa2048", true, fill(20), "-aes-256-gcm", "-outform", "PEM", "-keyid")
	add("p256-empty", "p256", false, []byte{}, "-aes-256-gcm", "-outform", "PEM")
	for _, cipher := range []string{"-aes-256-gcm", "-aes-256-cbc"} {
		add("p256-stream"+cipher[8:], "p256", cipher == "-aes-256-cbc", fill(3000), cipher, "-outform", "DER", "-stream")
	}
}

// openSSLWith adds an envelope that is made with -keyopt, which goes behind
// -recip.
func (s *set) openSSLWith(version, id, key string, legacy bool, cipher string, options ...string) {
	command := []string{"cms", "-encrypt", "-binary", cipher, "-outform", "PEM"}
	told := command
	command = append(command, "-recip", keyPath(key+".crt"))
	for _, option := range options {
		told = append(told, "-keyopt", option)
		command = append(command, "-keyopt", option)
	}
	s.source = fmt.Sprintf("%s: openssl %s", version, spaced(told))
	s.good(id, key, run(fill(50), "openssl", command...), fill(50), "made by openssl for the certificate of the key").Legacy = legacy
}
