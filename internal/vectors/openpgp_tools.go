package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// pgpLibraryAEAD is data of version 2 in each mode and cipher, by the library.
func pgpLibraryAEAD(s *set, content []byte) {
	s.source = "github.com/ProtonMail/go-crypto v1.5.2"
	defer func() { s.source = forged }()
	const kind = "openpgp-v6-x25519"
	for _, c := range []struct {
		name string
		mode packet.AEADMode
	}{{"eax", packet.AEADModeEAX}, {"ocb", packet.AEADModeOCB}, {"gcm", packet.AEADModeGCM}} {
		for _, symmetric := range []packet.CipherFunction{packet.CipherAES128, packet.CipherAES192, packet.CipherAES256} {
			key := random(symmetric.KeySize())
			buf := bytes.NewBuffer(pkesk(kind, byte(symmetric), true, false, key))
			config := &packet.Config{AEADConfig: &packet.AEADConfig{ChunkSize: 64}}
			w := must(packet.SerializeSymmetricallyEncrypted(buf, symmetric, true, packet.CipherSuite{Cipher: symmetric, Mode: c.mode}, key, config))
			must(w.Write(content))
			check(w.Close())
			s.good(fmt.Sprintf("%s-%s-aes%d", kind, c.name, 8*len(key)), kind, buf.Bytes(), fill(20), "data of version 2 in one of its ciphers and modes")
		}
	}
}

// pgpCommand makes messages with gpg, if there is one.
func pgpCommand(s *set) {
	version := versionOf("gpg", "--version")
	if version == "" {
		return
	}
	home := must(os.MkdirTemp("", "vectors"))
	defer func() {
		run(nil, "gpgconf", "--homedir", home, "--kill", "all")
		check(os.RemoveAll(home))
	}()
	gpg := func(input []byte, options ...string) []byte {
		return run(input, "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--no-tty", "--trust-model", "always", "--pinentry-mode", "loopback", "--passphrase", ""}, options...)...)
	}
	for _, kind := range pgpKinds[:2] { // Version 6 is not known to gpg.
		gpg(nil, "--import", filepath.Join(*folder, keyFile(kind)))
		to := strings.TrimPrefix(keyID(kind), "openpgp:")
		add := func(id, class, comment string, options ...string) {
			s.source = version + ": gpg " + spaced(options)
			message := gpg(fill(100), append(options, "-r", to)...)
			if class == good {
				s.good(kind+"-gpg-"+id, kind, message, fill(100), comment)
				return
			}
			s.add(kind+"-gpg-"+id, class, kind, message, comment)
		}
		add("armor", good, "made by gpg, armored", "--encrypt", "--armor")
		add("raw", good, "made by gpg, raw", "--encrypt")
		add("hidden", good, "made by gpg for a recipient that it does not name", "--encrypt", "--throw-keyids")
		add("signed", good, "made by gpg, signed by the same key; the signature is not verified", "--encrypt", "--sign", "-u", to)
		for _, algorithm := range []string{"uncompressed", "zip", "zlib"} {
			add(algorithm, good, "made by gpg with this compression", "--encrypt", "--compress-algo", algorithm)
		}
		for _, algorithm := range []string{"AES", "AES192", "AES256"} {
			add(strings.ToLower(algorithm), good, "made by gpg with this cipher", "--encrypt", "--cipher-algo", algorithm)
		}
		for _, algorithm := range []string{"3DES", "CAST5"} {
			add(strings.ToLower(algorithm), forbidden, "made by gpg with a cipher that is not opened", "--encrypt", "--cipher-algo", algorithm)
		}
		add("comment", good, "made by gpg, with headers in its armor", "--encrypt", "--armor", "--comment", "a comment", "--emit-version")
	}
	s.source = version + ": gpg --symmetric"
	s.add("gpg-password", noMatch, "openpgp-v4-rsa", gpg(fill(100), "--symmetric", "--armor", "--passphrase", "password"), "made by gpg for a password alone")
}
