package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// authorities are the step-ca of the scripts that started one. The program is built
// by the module tools/stepca.
type authorities struct {
	mu      sync.Mutex
	running map[*testscript.TestScript]*authority
}

func newAuthorities() *authorities {
	return &authorities{running: map[*testscript.TestScript]*authority{}}
}

// authority is a step-ca with a root and an intermediate certificate.
type authority struct {
	address string
	client  *http.Client
	// provisioning signs the tokens by which certificates are asked for.
	provisioning ed25519.PrivateKey
}

// The provisioners of step-ca: one with its own template for certificates, and one with
// a template for keys that are sealed to.
const (
	plainProvisioner   = "plain"
	sealingProvisioner = "sealing"
	sealingTemplate    = `{
	"subject": {{ toJson .Subject }},
	"sans": {{ toJson .SANs }},
	{{- if typeIs "*rsa.PublicKey" .Insecure.CR.PublicKey }}
	"keyUsage": ["keyEncipherment"]
	{{- else }}
	"keyUsage": ["keyAgreement"]
	{{- end }}
}`
)

// start FOLDER makes an authority in the folder, with root.crt, and starts it.
func (a *authorities) start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stepca FOLDER")
	}
	program, err := exec.LookPath("step-ca")
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	started, err := makeAuthority(dir)
	ts.Check(err)

	process := exec.Command(program, filepath.Join(dir, "ca.json"))
	process.Env = append(os.Environ(), "STEPPATH="+dir)
	var logged bytes.Buffer
	process.Stdout, process.Stderr = &logged, &logged
	ts.Check(process.Start())
	var ended error
	exited := make(chan struct{})
	go func() {
		ended = process.Wait()
		close(exited)
	}()
	ts.Defer(func() {
		started.client.CloseIdleConnections()
		_ = process.Process.Kill()
		<-exited
	})
	deadline, tick := time.NewTimer(patience), time.NewTicker(20*time.Millisecond)
	defer deadline.Stop()
	defer tick.Stop()
	for !started.healthy() {
		select {
		case <-tick.C:
		case <-exited:
			ts.Fatalf("step-ca ended (%v): %s", ended, logged.String())
		case <-deadline.C:
			ts.Fatalf("step-ca does not answer")
		}
	}
	a.mu.Lock()
	a.running[ts] = started
	a.mu.Unlock()
}

// makeAuthority writes the certificates and the configuration of a step-ca.
func makeAuthority(dir string) (*authority, error) {
	root, rootKey, err := issue("root", nil, nil)
	if err != nil {
		return nil, err
	}
	intermediate, intermediateKey, err := issue("intermediate", root, rootKey)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(intermediateKey)
	if err != nil {
		return nil, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	provisioningDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	provisioner := func(name string) map[string]any {
		return map[string]any{"type": "JWK", "name": name, "key": map[string]string{
			"use": "sig", "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "kid": name, "x": base64.RawURLEncoding.EncodeToString(public),
		}}
	}
	sealing := provisioner(sealingProvisioner)
	sealing["options"] = map[string]any{"x509": map[string]string{"template": sealingTemplate}}
	config, err := json.Marshal(map[string]any{
		"root": filepath.Join(dir, "root.crt"), "crt": filepath.Join(dir, "intermediate.crt"), "key": filepath.Join(dir, "intermediate.key"),
		"address": address, "dnsNames": []string{"127.0.0.1"}, "logger": map[string]string{"format": "text"},
		"authority": map[string]any{"provisioners": []any{provisioner(plainProvisioner), sealing}},
	})
	if err != nil {
		return nil, err
	}
	for name, data := range map[string][]byte{
		"root.crt":         pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}),
		"intermediate.crt": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: intermediate.Raw}),
		"intermediate.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
		"provisioning.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: provisioningDER}),
		"ca.json":          config,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return nil, err
		}
	}
	return openAuthority(dir)
}

// openAuthority is the authority that was made in a folder.
func openAuthority(dir string) (*authority, error) {
	root, err := os.ReadFile(filepath.Join(dir, "root.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(root)
	text, err := os.ReadFile(filepath.Join(dir, "ca.json"))
	if err != nil {
		return nil, err
	}
	var config struct{ Address string }
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	key, err := os.ReadFile(filepath.Join(dir, "provisioning.key"))
	if err != nil {
		return nil, err
	}
	provisioning, err := keys.ParseSigning(key)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	return &authority{address: config.Address, client: &http.Client{Transport: transport, Timeout: patience}, provisioning: provisioning}, nil
}

// beAuthority is the program stepauthority FOLDER PROVISIONER: an authority of jobs, which
// has what it reads signed by the step-ca of the folder.
func beAuthority() {
	chain, err := func() ([]byte, error) {
		if len(os.Args) != 3 {
			return nil, errors.New("usage: stepauthority FOLDER PROVISIONER")
		}
		opened, err := openAuthority(os.Args[1])
		if err != nil {
			return nil, err
		}
		csr, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, err
		}
		return opened.sign(os.Args[2], string(csr))
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Print(string(chain))
}

// issue makes a certificate of an authority; its own if there is no parent.
func issue(name string, parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if parent == nil {
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(der)
	return made, key, err
}

func (a *authority) healthy() bool {
	answer, err := a.client.Get("https://" + a.address + "/health")
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	return answer.StatusCode == http.StatusOK
}

// sign PROVISIONER CSR CERTIFICATE asks the authority for a certificate, as `step ca
// sign` does, and writes it with the intermediate one.
func (a *authorities) sign(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: stepsign PROVISIONER CSR CERTIFICATE")
	}
	a.mu.Lock()
	running := a.running[ts]
	a.mu.Unlock()
	if running == nil {
		ts.Fatalf("no step-ca runs")
	}
	chain, err := running.sign(args[0], ts.ReadFile(args[1]))
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), chain, 0o600))
}

func (a *authority) sign(provisioner, csr string) (chain []byte, err error) {
	block, _ := pem.Decode([]byte(csr))
	if block == nil {
		return nil, fmt.Errorf("no PEM in the request")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(map[string]string{"csr": csr, "ott": a.token(provisioner, request.Subject.CommonName, request.DNSNames)})
	if err != nil {
		return nil, err
	}
	answer, err := a.client.Post("https://"+a.address+"/1.0/sign", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var signed struct {
		Chain   []string `json:"certChain"`
		Message string   `json:"message"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&signed); err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("step-ca answers %s: %s", answer.Status, signed.Message)
	}
	for _, certificate := range signed.Chain {
		chain = append(chain, certificate...)
	}
	return chain, nil
}

// token is a one-time token for a certificate with that name and those hosts.
func (a *authority) token(provisioner, subject string, hosts []string) string {
	now := time.Now()
	part := func(claims map[string]any) string {
		text, err := json.Marshal(claims)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(map[string]any{"alg": "EdDSA", "kid": provisioner, "typ": "JWT"}) + "." + part(map[string]any{
		"iss": provisioner, "sub": subject, "sans": hosts, "aud": "https://127.0.0.1/1.0/sign", "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Add(-time.Minute).Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(a.provisioning, []byte(text)))
}
