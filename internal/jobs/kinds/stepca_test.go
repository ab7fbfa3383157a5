package kinds_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/jobs"
)

// TestRealStepCA follows the roots of a real step-ca. The program is built by the module
// tools/stepca, whose test runs this.
func TestRealStepCA(t *testing.T) {
	program, err := exec.LookPath("step-ca")
	if err != nil {
		t.Skip("there is no step-ca; the test of tools/stepca builds it and runs this")
	}
	dir := t.TempDir()
	root, next := newAuthority(t, "root"), newAuthority(t, "next")
	at := startStepCA(t, program, dir, root, next)
	trusted := filepath.Join(dir, "root.crt")
	for name, from := range map[string]string{
		"pinned":       "roots: '" + at + "/roots', fingerprint: sha256:" + digest(root.cert),
		"trusted":      "roots: '" + at + "/roots', trust: '" + trusted + "'",
		"trusted, PEM": "roots: '" + at + "/roots.pem', trust: '" + trusted + "'",
	} {
		store, _ := folder(t)
		report, _, err := with(store).run(t, "ca-sync", "{store: s, remove: true, "+from+"}")
		t.Log(name)
		wants(t, report, err, jobs.Report{Message: "2 added, 0 removed, 0 unchanged", Changed: "s"})
	}
	// The other root is one of those that are answered, and has not issued the address its
	// certificate.
	store, _ := folder(t)
	_, _, err = with(store).run(t, "ca-sync", "{store: s, roots: '"+at+"/roots', fingerprint: sha256:"+digest(next.cert)+"}")
	fails(t, err, "no certificate of the root with the fingerprint")
}

// startStepCA starts step-ca with two roots, the first of which issued its own
// certificate, and returns its address.
func startStepCA(t *testing.T, program, dir string, root, next *authority) string {
	t.Helper()
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	intermediateKey := newKey(t)
	intermediate := root.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "intermediate"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}, intermediateKey.Public())
	address := closed(t)
	config, err := json.Marshal(map[string]any{
		"root": []string{filepath.Join(dir, "root.crt"), filepath.Join(dir, "next.crt")}, "crt": filepath.Join(dir, "intermediate.crt"), "key": filepath.Join(dir, "intermediate.key"),
		"address": address, "dnsNames": []string{"127.0.0.1"}, "logger": map[string]string{"format": "text"},
		"authority": map[string]any{"provisioners": []any{map[string]any{"type": "JWK", "name": "p", "key": map[string]string{
			"use": "sig", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": "p", "x": base64.RawURLEncoding.EncodeToString(public),
		}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "ca.json", config)
	write(t, dir, "root.crt", pemOf(root.cert))
	write(t, dir, "next.crt", pemOf(next.cert))
	write(t, dir, "intermediate.crt", pemOf(intermediate))
	write(t, dir, "intermediate.key", keyPEM(t, intermediateKey))
	process := exec.Command(program, filepath.Join(dir, "ca.json"))
	process.Env = append(os.Environ(), "STEPPATH="+dir)
	said, err := process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	process.Stdout = process.Stderr
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	t.Cleanup(func() {
		_ = process.Process.Kill()
		<-drained
		_ = process.Wait() // It was killed.
	})
	lines := bufio.NewScanner(said)
	serving, all := false, ""
	for !serving && lines.Scan() {
		serving = strings.Contains(lines.Text(), "Serving HTTPS on")
		all += lines.Text() + "\n"
	}
	go func() {
		defer close(drained)
		_, _ = io.Copy(io.Discard, said) // It ends with the program.
	}()
	if !serving {
		t.Fatalf("step-ca ended: %s", all)
	}
	return "https://" + address
}

func keyPEM(t *testing.T, key *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
