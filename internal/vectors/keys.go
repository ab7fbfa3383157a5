package main

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/ssh"

	sealing "github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

type recipient = sealing.Recipient

// warning is in or before each key.
const warning = "Public test key of the sealrelay vectors: it protects nothing."

// keyKind is one private key of the set: other is a second one of the same kind.
type keyKind struct {
	name, note string
	generate   func() []byte
	other      bool
}

var keyKinds = []keyKind{
	{"rsa2048.pem", "RSA of 2048 bits, PKCS#8", func() []byte { return pkcs8(must(rsa.GenerateKey(rand.Reader, 2048))) }, true},
	{"rsa1024.pem", "RSA of 1024 bits, which every format forbids, PKCS#8", func() []byte { return pkcs8(must(rsa.GenerateKey(rand.Reader, 1024))) }, false}, //nolint:gosec // To be refused.
	{"p256.pem", "EC on P-256, PKCS#8", func() []byte { return pkcs8(must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))) }, true},
	{"p384.pem", "EC on P-384, PKCS#8", func() []byte { return pkcs8(must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))) }, true},
	{"p521.pem", "EC on P-521, PKCS#8", func() []byte { return pkcs8(must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader))) }, true},
	{"secp256k1.pem", "EC on secp256k1, PKCS#8", secp256k1Key, true},
	{"x25519.jwk", "X25519, JWK (RFC 8037)", x25519Key, true},
	{"age-x25519.txt", "identity of age on X25519", func() []byte {
		key := must(age.GenerateX25519Identity())
		return fmt.Appendf(nil, "# %s\n# public key: %s\n%s\n", warning, key.Recipient(), key)
	}, true},
	{"age-hybrid.txt", "identity of age on ML-KEM-768 and X25519", func() []byte {
		key := must(age.GenerateHybridIdentity())
		return fmt.Appendf(nil, "# %s\n# public key: %s\n%s\n", warning, key.Recipient(), key)
	}, true},
	{"ssh-ed25519.key", "Ed25519 of OpenSSH, which age takes", func() []byte {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		check(err)
		return openSSH(key)
	}, true},
	{"ssh-rsa.key", "RSA of 2048 bits of OpenSSH, which age takes", func() []byte { return openSSH(must(rsa.GenerateKey(rand.Reader, 2048))) }, true},
	{"openpgp-v4-rsa.asc", "OpenPGP version 4, RSA of 2048 bits", func() []byte { return openPGPKey("v4-rsa") }, true},
	{"openpgp-v4-rsa1024.asc", "OpenPGP version 4, RSA of 1024 bits, which is forbidden", func() []byte { return openPGPKey("v4-rsa1024") }, false},
	{"openpgp-v4-curve25519.asc", "OpenPGP version 4, EdDSA and ECDH on Curve25519", func() []byte { return openPGPKey("v4-curve25519") }, true},
	{"openpgp-v6-x25519.asc", "OpenPGP version 6, Ed25519 and X25519", func() []byte { return openPGPKey("v6-x25519") }, true},
}

// makeKeys makes the keys that are not there, and writes the list of all.
func makeKeys() {
	check(os.MkdirAll(filepath.Join(*folder, "keys"), 0o750))
	list := strings.Builder{}
	list.WriteString(keysReadme)
	for _, kind := range keyKinds {
		describeKey(&list, kind.name, kind.note, kind.generate)
		if extension := filepath.Ext(kind.name); kind.other {
			describeKey(&list, strings.TrimSuffix(kind.name, extension)+"-other"+extension, "a second one, for wrong keys", kind.generate)
		}
	}
	for _, name := range certificates {
		makeCertificate(name)
		fmt.Fprintf(&list, "| `%s.crt` | certificate of `%[1]s.pem`, whose issuer and serial number name it in CMS | |\n", name)
	}
	check(os.WriteFile(filepath.Join(*folder, "keys", "README.md"), []byte(list.String()), 0o644))
}

const keysReadme = `# Keys of the vectors

**These private keys are public.** They were made for the vectors, protect
nothing, and must not be used for anything else. None has a password.

The ID is what a JWE's ` + "`kid`" + ` and the comments of cases mean by it: SHA-256 of the
SubjectPublicKeyInfo, of the text of an age recipient, or the fingerprint of an
OpenPGP certificate.

| file | key | ID |
|---|---|---|
`

func describeKey(list *strings.Builder, name, note string, generate func() []byte) {
	path := filepath.Join(*folder, "keys", name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		check(os.WriteFile(path, generate(), 0o644))
	}
	fmt.Fprintf(list, "| `%s` | %s | `%s` |\n", name, note, keyID(name))
}

// keyFile is the path of a key in the vectors. A name without a path is that
// of a key in keys.
func keyFile(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, kind := range keyKinds {
		extension := filepath.Ext(kind.name)
		base := strings.TrimSuffix(kind.name, extension)
		if name == base || name == base+"-other" {
			return "keys/" + name + extension
		}
	}
	return "keys/" + name
}

var loaded = map[string]any{}

// privateKey reads each key once.
func privateKey(name string) any {
	path := keyFile(name)
	if loaded[path] == nil {
		data := must(os.ReadFile(filepath.Join(*folder, filepath.FromSlash(path))))
		loaded[path] = must(keys.ParsePrivate(data, nil))
	}
	return loaded[path]
}

func keyID(name string) string { return must(keys.ID(must(keys.PublicOf(privateKey(name))))) }

func pkcs8(key crypto.Signer) []byte {
	block := &pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))}
	return append([]byte(warning+"\n"), pem.EncodeToMemory(block)...)
}

func openSSH(key crypto.PrivateKey) []byte {
	return pem.EncodeToMemory(must(ssh.MarshalPrivateKey(key, warning)))
}

// secp256k1Key writes the PKCS#8 that the standard library cannot.
func secp256k1Key() []byte {
	key := must(secp256k1.GeneratePrivateKey())
	point := key.PubKey().SerializeUncompressed()
	inner := seq(integer(1), octets(key.Serialize()), tlv(0xa1, bitString(point)))
	der := seq(integer(0), seq(oid("1.2.840.10045.2.1"), oid("1.3.132.0.10")), octets(inner))
	return append([]byte(warning+"\n"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
}

func x25519Key() []byte {
	key := must(ecdh.X25519().GenerateKey(rand.Reader))
	text := base64.RawURLEncoding.EncodeToString
	return append(must(json.MarshalIndent(map[string]string{
		"kty": "OKP", "crv": "X25519", "kid": warning, "x": text(key.PublicKey().Bytes()), "d": text(key.Bytes()),
	}, "", " ")), '\n')
}
