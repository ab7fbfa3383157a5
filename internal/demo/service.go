package demo

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// configuration is the demo's sealrelay.yaml.
func configuration() string {
	var b strings.Builder
	b.WriteString(`# Made by "sealrelay demo". Paths are relative to this file.
issuer: sealrelay-demo
signing_key_file: service.key
server:
  listen: 127.0.0.1:8443
  cert_file: server.crt
  key_file: server.key
sources:
  password-manager:
    verify:
      standard-webhooks: {secret_files: [hook.secret]}
    adapter:
      push: {}
    may_write: ["prod/**"]
agents:
`)
	for _, r := range agents {
		fmt.Fprintf(&b, `  %s: # %s
    keys:
      main: {file: %s}
    destinations:
      folder:
        file: {dir: %s}
`, r.name, r.words, filepath.ToSlash(r.publicFile()), "delivered/"+r.name)
	}
	b.WriteString(`routes:
  - secrets: ["prod/db/*"]
    agents: [jobs, web, batch]
`)
	return b.String()
}

// makeServiceKeys makes the key that signs statements and the secret that is
// shared with the password manager.
func makeServiceKeys(folder string) error {
	private, public, err := keys.Generate("ed25519")
	if err != nil {
		return err
	}
	defer clear(private)
	secret := verify.NewSecret()
	defer secret.Wipe()
	text, err := secret.Text()
	if err != nil {
		return err
	}
	defer text.Wipe()
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "service.key"), private, 0o600),
		os.WriteFile(filepath.Join(folder, "service.pub"), []byte(public), 0o644),
		text.Expose(func(plaintext []byte) error {
			return os.WriteFile(filepath.Join(folder, "hook.secret"), plaintext, 0o600)
		}),
	)
}

// makeCertificates makes a throw-away CA, whose key is not kept, and the
// server's certificate.
func makeCertificates(folder string) error {
	now := time.Now()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sealrelay demo CA"},
		NotBefore: now.Add(-time.Minute), NotAfter: now.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: ca.NotBefore, NotAfter: ca.NotAfter,
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, ca, key.Public(), caKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		writePEM(filepath.Join(folder, "ca.crt"), "CERTIFICATE", caDER, 0o644),
		writePEM(filepath.Join(folder, "server.crt"), "CERTIFICATE", serverDER, 0o644),
		writePEM(filepath.Join(folder, "server.key"), "PRIVATE KEY", keyDER, 0o600),
	)
}

func writePEM(name, kind string, der []byte, mode os.FileMode) error {
	return os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), mode)
}
