package keys

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"
)

// certified are keys of each kind that certificates are made for.
func certified(t *testing.T) map[string]any {
	t.Helper()
	found := map[string]any{}
	for _, name := range []string{"rsa2048", "p256", "p384", "p521", "k256"} {
		key, err := ParsePrivate(readKey(t, name+".pk8"), nil)
		if err != nil {
			t.Fatal(err)
		}
		found[name] = key
	}
	return found
}

const fullSubject = `cn=agent 1\, \C3\A4 blue, OU=Batch,O=Ex\+ample,L=Berlin,ST=Berlin,street=Way 1,C=DE,DC=example,UID=a1,serialNumber=12,emailAddress=a@example.org`

// opensslSubject is fullSubject as openssl x509 -nameopt RFC2253 has it.
const opensslSubject = `CN=agent 1\, ä blue,OU=Batch,O=Ex\+ample,L=Berlin,ST=Berlin,street=Way 1,C=DE,DC=example,UID=a1,serialNumber=12,emailAddress=a@example.org`

var fullNames = []string{"agent1.example.org", "DNS:*.example.org", "192.0.2.1", "IP:2001:db8::1", "a@example.org", "email:b@example.org", "URI:spiffe://example/agent"}

const opensslNames = "DNS:agent1.example.org, DNS:*.example.org, IP Address:192.0.2.1, IP Address:2001:DB8:0:0:0:0:0:1, email:a@example.org, email:b@example.org, URI:spiffe://example/agent"

func fullTemplate(t *testing.T) Template {
	t.Helper()
	subject, err := ParseSubject(fullSubject)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return Template{Subject: subject, Names: fullNames, NotBefore: from, NotAfter: from.AddDate(30, 0, 0)}
}

// TestCertificate has openssl verify a certificate of each kind of key, and say
// what is in it.
func TestCertificate(t *testing.T) {
	for name, key := range certified(t) {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			data, err := fullTemplate(t).Certificate(key)
			if err != nil {
				t.Fatal(err)
			}
			public := mustPublic(t, data)
			if public.ID() != mustPublic(t, readKey(t, name+".crt")).ID() {
				t.Error("the certificate is for another key")
			}
			usage := "Key Agreement"
			if _, isRSA := key.(*rsa.PrivateKey); isRSA {
				usage = "Key Encipherment"
			}
			put(t, folder, "crt", data)
			tool(t, folder, nil, "openssl", "verify", "-check_ss_sig", "-attime", fmt.Sprint(public.NotBefore.Unix()), "-CAfile", "crt", "crt")
			text := string(tool(t, folder, nil, "openssl", "x509", "-in", "crt", "-noout", "-text", "-nameopt", "RFC2253,utf8,-esc_msb"))
			for _, want := range []string{
				"Version: 3", "Issuer: " + opensslSubject, "Subject: " + opensslSubject,
				"Not Before: Jan  2 03:04:05 2026 GMT", "Not After : Jan  2 03:04:05 2056 GMT",
				"X509v3 Key Usage: critical\n                " + usage + "\n",
				"X509v3 Basic Constraints: critical\n                CA:FALSE", opensslNames,
			} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
		})
	}
}

// TestRequest has openssl check a request of each kind of key, and issue a
// certificate for it.
func TestRequest(t *testing.T) {
	for name, key := range certified(t) {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			data, err := fullTemplate(t).Request(key)
			if err != nil {
				t.Fatal(err)
			}
			put(t, folder, "csr", data)
			put(t, folder, "ca.key", readKey(t, "p256.pk8"))
			text := string(tool(t, folder, nil, "openssl", "req", "-verify", "-in", "csr", "-text", "-noout", "-nameopt", "RFC2253,utf8,-esc_msb"))
			usage := "Key Agreement"
			if _, isRSA := key.(*rsa.PrivateKey); isRSA {
				usage = "Key Encipherment"
			}
			for _, want := range []string{"Subject: " + opensslSubject, "X509v3 Key Usage: critical\n                    " + usage + "\n", opensslNames} {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			tool(t, folder, nil, "openssl", "req", "-x509", "-key", "ca.key", "-subj", "/CN=authority", "-days", "1", "-out", "ca.crt")
			issued := tool(t, folder, nil, "openssl", "x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-copy_extensions", "copyall", "-days", "1")
			if public := mustPublic(t, issued); public.ID() != mustPublic(t, readKey(t, name+".crt")).ID() || public.KeyUsage == 0 {
				t.Errorf("issued for %s with usage %b", public.ID(), public.KeyUsage)
			}
			_, err = ParsePublic(data)
			wantClass(t, err, ErrMalformed)
			if !strings.Contains(err.Error(), "certificate signing request") {
				t.Errorf("a request is described as %v", err)
			}
			block, _ := pem.Decode(data)
			_, err = ParsePublic(block.Bytes)
			wantClass(t, err, ErrMalformed)
			if !strings.Contains(err.Error(), "certificate signing request") {
				t.Errorf("a request as DER is described as %v", err)
			}
		})
	}
}

// TestEmptySubject: names without a subject are critical in a request.
func TestEmptySubject(t *testing.T) {
	key := certified(t)["k256"]
	data, err := Template{Names: []string{"agent1"}}.Request(key)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(openssl(t, data, "req", "-verify", "-text", "-noout")); !strings.Contains(text, "Subject Alternative Name: critical") {
		t.Errorf("got\n%s", text)
	}
}

func TestTemplateRefused(t *testing.T) {
	ec := certified(t)["p256"]
	valid := fullTemplate(t)
	backwards := valid
	backwards.NotBefore, backwards.NotAfter = valid.NotAfter, valid.NotBefore
	for name, c := range map[string]struct {
		template    Template
		kind        string
		class       error
		requestToo  bool
		wantInError string
	}{
		"Ed25519":         {valid, "ed25519", ErrUnsupported, true, "seal to the public key"},
		"X25519":          {valid, "x25519", ErrUnsupported, true, "kind X25519"},
		"age":             {valid, "age", ErrUnsupported, true, "make an EC key"},
		"OpenPGP":         {valid, "openpgp", ErrUnsupported, true, "OpenPGP"},
		"no subject":      {Template{NotAfter: valid.NotAfter}, "", ErrUnsupported, true, "subject"},
		"backwards":       {backwards, "", ErrUnsupported, false, "end before it begins"},
		"name with space": {Template{Subject: valid.Subject, Names: []string{"a b"}, NotAfter: valid.NotAfter}, "", ErrMalformed, true, "a b"},
		"empty label":     {Template{Subject: valid.Subject, Names: []string{"a..b"}, NotAfter: valid.NotAfter}, "", ErrMalformed, true, "host"},
		"no address":      {Template{Subject: valid.Subject, Names: []string{"IP:agent"}, NotAfter: valid.NotAfter}, "", ErrMalformed, true, "IP"},
		"zone":            {Template{Subject: valid.Subject, Names: []string{"fe80::1%eth0"}, NotAfter: valid.NotAfter}, "", ErrMalformed, true, "IP"},
		"no scheme":       {Template{Subject: valid.Subject, Names: []string{"URI:agent"}, NotAfter: valid.NotAfter}, "", ErrMalformed, true, "URI"},
		"unknown kind":    {Template{Subject: valid.Subject, Names: []string{"X:agent"}, NotAfter: valid.NotAfter}, "", ErrMalformed, true, "X:agent"},
	} {
		t.Run(name, func(t *testing.T) {
			key := ec
			if c.kind != "" {
				pair, err := New(c.kind, NewOptions{})
				if err != nil {
					t.Fatal(err)
				}
				key = pair.Keys[0]
			}
			data, err := c.template.Certificate(key)
			if data != nil || !strings.Contains(err.Error(), c.wantInError) {
				t.Errorf("got %q, %v", data, err)
			}
			wantClass(t, err, c.class)
			data, err = c.template.Request(key)
			if c.requestToo != (err != nil) || (data == nil) != (err != nil) {
				t.Errorf("request: got %q, %v", data, err)
			}
		})
	}
}

func TestParseSubjectRefused(t *testing.T) {
	for _, text := range []string{
		"", "agent", "/CN=agent/O=x", "CN=", "CN=a,", ",CN=a", "XX=a", `CN=a\`, "CN=a+O=b", `CN="a"`, "CN=a;O=b", "CN=<a>",
		"CN=a\nb", `CN=\FF`, "DC=ä", "1.2.3=a", "C=DE,=x",
	} {
		subject, err := ParseSubject(text)
		if subject != nil {
			t.Errorf("%q is read as %v", text, subject)
		}
		wantClass(t, err, ErrMalformed)
	}
}

func FuzzParseSubject(f *testing.F) {
	for _, seed := range []string{fullSubject, "CN=a", `CN=\41\,`, "", "/CN=a"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		subject, err := ParseSubject(text)
		if err != nil {
			if subject != nil {
				t.Fatal("a subject and an error")
			}
			return
		}
		if _, err := marshalSubject(subject); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

// TestPKCS12Written has openssl and keytool read the keystores that are written
// for each kind of key.
func TestPKCS12Written(t *testing.T) {
	const alias = "agent ö"
	for name, key := range certified(t) {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			certificate := readKey(t, name+".crt")
			chain := append(bytes.Clone(certificate), readKey(t, "p384.crt")...)
			// Java takes no other than ASCII passwords, and has dropped secp256k1; it
			// takes long to start, and two kinds of key are enough for it.
			password, java := newPassword, name == "rsa2048" || name == "p256"
			if java {
				password = "pass word"
			}
			data, err := MarshalPKCS12(key, chain, alias, []byte(password))
			if err != nil {
				t.Fatal(err)
			}
			want := mustPublic(t, certificate).ID()
			options := Options{Password: []byte(password), Alias: "AGENT Ö"}
			if id := opened(t, data, options); id != want {
				t.Errorf("private key has ID %s, want %s", id, want)
			}
			if public := onePublic(t, data, options); public.ID() != want || public.CertificateDER == nil {
				t.Errorf("certificate has ID %s, want %s", public.ID(), want)
			}
			_, err = ParsePrivates(data, Options{Password: []byte("wrong")})
			wantClass(t, err, ErrPassword)
			put(t, folder, "p12", data)
			out := tool(t, folder, nil, "openssl", "pkcs12", "-in", "p12", "-nodes", "-passin", "pass:"+password)
			if id := opened(t, out, Options{}); id != want || bytes.Count(out, []byte("BEGIN CERTIFICATE")) != 2 {
				t.Errorf("openssl finds key %s and\n%s", id, out)
			}
			if !java {
				return
			}
			listed := tool(t, folder, nil, "keytool", "-J-Dfile.encoding=UTF-8", "-J-Dsun.jnu.encoding=UTF-8", "-list", "-v", "-keystore", "p12", "-storetype", "PKCS12", "-storepass", password)
			for _, want := range []string{"Alias name: " + alias, "Entry type: PrivateKeyEntry"} {
				if !strings.Contains(string(listed), want) {
					t.Errorf("no %q in what keytool lists:\n%s", want, listed)
				}
			}
			// Only this opens the key itself.
			tool(t, folder, nil, "keytool", "-importkeystore", "-noprompt", "-srckeystore", "p12", "-srcstoretype", "PKCS12", "-srcstorepass", password,
				"-destkeystore", "again.p12", "-deststoretype", "PKCS12", "-deststorepass", "changeit")
			if id := opened(t, get(t, folder, "again.p12"), Options{Password: []byte("changeit")}); id != want {
				t.Errorf("keytool imports key %s, want %s", id, want)
			}
		})
	}
}

func TestPKCS12WriteRefused(t *testing.T) {
	keys := certified(t)
	certificate := readKey(t, "p256.crt")
	other, err := New("age", NewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key             any
		certificates    []byte
		alias, password string
		class           error
	}{
		"no alias":              {keys["p256"], certificate, "", "x", ErrMalformed},
		"alias not UTF-8":       {keys["p256"], certificate, "\xff", "x", ErrMalformed},
		"empty password":        {keys["p256"], certificate, "a", "", ErrUnsupported},
		"another's certificate": {keys["p384"], certificate, "a", "x", ErrMalformed},
		"a bare public key":     {keys["p256"], readKey(t, "p256.spki.pem"), "a", "x", ErrMalformed},
		"no certificate":        {keys["p256"], nil, "a", "x", ErrMalformed},
		"age":                   {other.Keys[0], certificate, "a", "x", ErrMalformed},
		"too many":              {keys["p256"], bytes.Repeat(certificate, maxChain+1), "a", "x", ErrMalformed},
	} {
		data, err := MarshalPKCS12(c.key, c.certificates, c.alias, []byte(c.password))
		if data != nil {
			t.Errorf("%s: a keystore was made", name)
		}
		wantClass(t, err, c.class)
	}
}

func ExampleTemplate_Certificate() {
	pair, err := New("ec-secp256k1", NewOptions{})
	if err != nil {
		panic(err)
	}
	subject, err := ParseSubject("CN=agent1,O=Example")
	if err != nil {
		panic(err)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	certificate, err := Template{Subject: subject, NotBefore: from, NotAfter: from.AddDate(1, 0, 0)}.Certificate(pair.Keys[0])
	if err != nil {
		panic(err)
	}
	public, err := ParsePublic(certificate)
	if err != nil {
		panic(err)
	}
	fmt.Println(public.Kind(), public.KeyUsage == x509.KeyUsageKeyAgreement, public.NotAfter.Year())
	// Output: EC secp256k1 true 2027
}
