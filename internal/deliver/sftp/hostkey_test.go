//go:build unix

package sftp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

func TestHostKeys(t *testing.T) {
	server := newServer(t, goServer)
	other := newSigner(t, newKey(t)).PublicKey()
	line, key := server.line(), keyText(server.hostKey.PublicKey())
	hashed := knownhosts.HashHostname(knownhosts.Normalize(server.listener.Addr().String())) + " " + key
	for _, test := range []struct {
		name  string
		lines []string
		want  string // empty: trusted
	}{
		{"known", []string{"# comment", "", line}, ""},
		{"hashed", []string{hashed}, ""},
		{"one of several", []string{"ADDRESS " + keyText(other), line}, ""},
		{"in a list", []string{"elsewhere," + line}, ""},
		{"revoked another", []string{line, "@revoked * " + keyText(other)}, ""},
		{"another key", []string{"ADDRESS " + keyText(other)}, "somebody may stand between"},
		{"revoked", []string{line, "@revoked * " + key}, "has revoked the key"},
		{"excluded", []string{"*,!" + line}, "has no usable key"},
		{"of another port", []string{"[127.0.0.1]:1 " + key}, "has no usable key"},
		{"of another host", []string{"elsewhere " + key}, "has no usable key"},
		{"unknown", nil, "has no usable key"},
		{"key in the place of an authority", []string{"@cert-authority " + line}, "known_hosts has one of another type"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			d, err := open(t, server.configWith(server.knownAs(test.lines...), server.keyFile(""), dir))
			if err == nil {
				err = deliverTo(t.Context(), d, delivertest.Set(t, "a", 1, 10))
			}
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || isFinal(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if wantClass := test.name != "key in the place of an authority"; errors.Is(err, ErrHostKey) != wantClass {
				t.Errorf("error is %v", err)
			}
			if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
				t.Errorf("wrote %v (error %v)", entries, err)
			}
		})
	}
}

// A host with several keys is asked for the one that is known.
func TestKnownAlgorithmIsNegotiated(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(t, goServer)
	keys := []ssh.Signer{newSigner(t, rsaKey), newSigner(t, ecKey)}
	server.behave(func(b *behaviour) { b.otherKeys = keys })
	for _, key := range append(keys, server.hostKey) {
		d := mustOpen(t, server.configWith(server.knownAs("ADDRESS "+keyText(key.PublicKey())), server.keyFile(""), t.TempDir()))
		if err := deliverTo(t.Context(), d, delivertest.Set(t, "a", 1, 10)); err != nil {
			t.Errorf("known by %s: %v", key.PublicKey().Type(), err)
		}
	}
}

func TestHostCertificates(t *testing.T) {
	authority := newSigner(t, newKey(t))
	certify := func(principal string, before uint64) ssh.Signer {
		key := newSigner(t, newKey(t))
		certificate := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{principal}, ValidBefore: before}
		if err := certificate.SignCert(rand.Reader, authority); err != nil {
			t.Fatal(err)
		}
		signer, err := ssh.NewCertSigner(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return signer
	}
	for _, test := range []struct {
		name      string
		host      ssh.Signer
		authority ssh.PublicKey
		trusted   bool
	}{
		{"of the authority", certify("127.0.0.1", ssh.CertTimeInfinity), authority.PublicKey(), true},
		{"of another name", certify("elsewhere", ssh.CertTimeInfinity), authority.PublicKey(), false},
		{"expired", certify("127.0.0.1", 1), authority.PublicKey(), false},
		{"of another authority", certify("127.0.0.1", ssh.CertTimeInfinity), newSigner(t, newKey(t)).PublicKey(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := newServer(t, goServer)
			server.behave(func(b *behaviour) { b.otherKeys = []ssh.Signer{test.host} })
			d := mustOpen(t, server.configWith(server.knownAs("@cert-authority ADDRESS "+keyText(test.authority)), server.keyFile(""), t.TempDir()))
			err := deliverTo(t.Context(), d, delivertest.Set(t, "a", 1, 10))
			if test.trusted != (err == nil) || err != nil && (!errors.Is(err, ErrHostKey) || !strings.Contains(err.Error(), "certificate")) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

// The file is read anew at each connection: what an operator adds counts.
func TestKnownHostsAreReadAgain(t *testing.T) {
	server := newServer(t, goServer)
	known := server.knownAs("ADDRESS " + keyText(newSigner(t, newKey(t)).PublicKey()))
	d := mustOpen(t, server.configWith(known, server.keyFile(""), t.TempDir()))
	if err := deliverTo(t.Context(), d, delivertest.Set(t, "a", 1, 10)); !errors.Is(err, ErrHostKey) {
		t.Fatalf("error is %v", err)
	}
	mended, err := os.ReadFile(server.knownAs(server.line()))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(known, mended, 0o600); err != nil {
		t.Fatal(err)
	}
	mustDeliver(t, d, delivertest.Set(t, "a", 1, 10))
}

// FuzzKnownHosts: no file makes a host trusted that it does not name, or panics.
func FuzzKnownHosts(f *testing.F) {
	key := newSigner(f, newKey(f)).PublicKey()
	text := keyText(key)
	for _, seed := range []string{
		"host " + text, "[host]:2222 " + text, "@cert-authority host " + text, "@revoked * " + text,
		knownhosts.HashHostname("host") + " " + text, "|1|a|b " + text, "* " + text, "#", "\n\n", "host ssh-rsa AAAA",
	} {
		f.Add([]byte(seed))
	}
	name := f.TempDir() + "/known"
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		known, err := readKnown(name, "host:22")
		if err == nil && len(known.algorithms) == 0 {
			t.Error("a host without a key is known")
		}
	})
}
