package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
	"time"
)

// kindOf is what the key files' names stand for.
var kindOf = map[string]string{
	"rsa2048": "RSA-2048", "rsa3072": "RSA-3072", "rsa4096": "RSA-4096",
	"p256": "EC P-256", "p384": "EC P-384", "p521": "EC P-521", "k256": "EC secp256k1",
}

func mustPublic(t testing.TB, data []byte) *Public {
	t.Helper()
	public, err := ParsePublic(data)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

// TestPublicContainers reads each key in each container and finds one ID.
func TestPublicContainers(t *testing.T) {
	for name, kind := range kindOf {
		t.Run(name, func(t *testing.T) {
			certificate, spki := readKey(t, name+".crt"), readKey(t, name+".spki.pem")
			private := readKey(t, name+".pk8")
			block, _ := pem.Decode(certificate)
			files := map[string][]byte{
				"certificate":          certificate,
				"SPKI":                 spki,
				"CRLF":                 bytes.ReplaceAll(certificate, []byte("\n"), []byte("\r\n")),
				"no final newline":     bytes.TrimSpace(spki),
				"blank line first":     append([]byte("\n"), spki...),
				"byte order mark":      append([]byte("\xef\xbb\xbf"), certificate...),
				"preamble":             append([]byte("Certificate:\n    Data:\n        Version: 3\n"), certificate...),
				"certificate then key": append(bytes.Clone(certificate), private...),
				"key then certificate": append(bytes.Clone(private), certificate...),
				"DER certificate":      block.Bytes,
				"EC spelling":          bytes.ReplaceAll(spki, []byte(" PUBLIC KEY"), []byte(" EC PUBLIC KEY")),
				"RSA spelling of SPKI": bytes.ReplaceAll(spki, []byte(" PUBLIC KEY"), []byte(" RSA PUBLIC KEY")),
			}
			want := mustPublic(t, spki).ID()
			if !strings.HasPrefix(want, "sha256:") || len(want) != 71 {
				t.Errorf("ID is %q", want)
			}
			for container, data := range files {
				public := mustPublic(t, data)
				if public.ID() != want || public.Kind() != kind || public.DefaultFormat() != "js7" {
					t.Errorf("%s: %s, %s, %q", container, public.ID(), public.Kind(), public.DefaultFormat())
				}
			}
		})
	}
}

func TestCertificateFields(t *testing.T) {
	for name := range kindOf {
		public := mustPublic(t, readKey(t, name+".crt"))
		if public.NotAfter.Before(public.NotBefore) || public.NotBefore.IsZero() {
			t.Errorf("%s: valid from %s to %s", name, public.NotBefore, public.NotAfter)
		}
		if (public.Certificate == nil) != (name == "k256") {
			t.Errorf("%s: certificate is %v", name, public.Certificate)
		}
		if public.Fingerprint() == "" || public.Fingerprint() == public.ID() {
			t.Errorf("%s: fingerprint is %q", name, public.Fingerprint())
		}
		if bare := mustPublic(t, readKey(t, name+".spki.pem")); bare.Fingerprint() != "" || !bare.NotAfter.IsZero() {
			t.Errorf("%s: a bare key has a fingerprint or an end", name)
		}
	}
}

// TestSecp256k1Reader reads certificates that the standard library reads too
// with the reader made for those that it refuses, and compares.
func TestSecp256k1Reader(t *testing.T) {
	folder := t.TempDir()
	for _, c := range []struct {
		usage string
		want  x509.KeyUsage
	}{
		{"keyAgreement", x509.KeyUsageKeyAgreement},
		{"digitalSignature,keyEncipherment", x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment},
		{"keyAgreement,decipherOnly", x509.KeyUsageKeyAgreement | x509.KeyUsageDecipherOnly},
	} {
		for _, curve := range []string{"secp256k1", "prime256v1"} {
			data := openssl(t, nil, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:"+curve, "-nodes",
				"-keyout", folder+"/key.pem", "-subj", "/CN=agent", "-days", "30", "-addext", "keyUsage=critical,"+c.usage)
			public := mustPublic(t, data)
			if public.KeyUsage != c.want {
				t.Errorf("%s: key usage %s is read as %b, want %b", curve, c.usage, public.KeyUsage, c.want)
			}
			if valid := public.NotAfter.Sub(public.NotBefore); valid != 30*24*time.Hour {
				t.Errorf("%s: validity is %s", curve, valid)
			}
		}
	}
}

func TestOpenSSLContainers(t *testing.T) {
	spki := readKey(t, "rsa2048.spki.pem")
	want := mustPublic(t, spki).ID()
	for name, data := range map[string][]byte{
		"PKCS#1":              openssl(t, spki, "rsa", "-pubin", "-RSAPublicKey_out"),
		"trusted certificate": openssl(t, readKey(t, "rsa2048.crt"), "x509", "-trustout", "-setalias", "agent"),
		"text and PEM":        openssl(t, readKey(t, "rsa2048.crt"), "x509", "-text"),
	} {
		if got := mustPublic(t, data).ID(); got != want {
			t.Errorf("%s: ID is %s, want %s", name, got, want)
		}
	}
	compressed := openssl(t, readKey(t, "k256.spki.pem"), "ec", "-pubin", "-conv_form", "compressed")
	if got, want := mustPublic(t, compressed).ID(), mustPublic(t, readKey(t, "k256.crt")).ID(); got != want {
		t.Errorf("compressed point: ID is %s, want %s", got, want)
	}
}

func TestChain(t *testing.T) {
	chain := bytes.Join([][]byte{readKey(t, "p256.crt"), readKey(t, "k256.crt"), readKey(t, "p384.crt")}, nil)
	public := mustPublic(t, chain)
	if public.Kind() != "EC P-256" || len(public.Intermediates) != 1 {
		t.Errorf("got %s with %d more", public.Kind(), len(public.Intermediates))
	}
}

func TestAgeRecipients(t *testing.T) {
	for kind, want := range map[string]string{"age": "age X25519", "age-pq": "age hybrid ML-KEM-768+X25519"} {
		private, text, err := Generate(kind)
		if err != nil {
			t.Fatal(err)
		}
		public := mustPublic(t, []byte(text))
		commented := mustPublic(t, []byte("# agent one\r\n\r\n"+strings.TrimSpace(text)+"\r\n"))
		if public.Kind() != want || public.DefaultFormat() != "age" || public.ID() != commented.ID() {
			t.Errorf("%s is %s, %q", kind, public.Kind(), public.DefaultFormat())
		}
		if got := digest([]byte(strings.TrimSpace(text))); public.ID() != got {
			t.Errorf("ID is %s, want %s", public.ID(), got)
		}
		_, err = ParsePublic(private)
		wantClass(t, err, ErrPrivate)
		wantSilent(t, err, private)
		_, err = ParsePublic([]byte(text + text))
		wantClass(t, err, ErrMalformed)
		_, err = ParsePublic([]byte(strings.TrimSpace(text)[:40]))
		wantClass(t, err, ErrMalformed)
	}
}

func TestPublicRefused(t *testing.T) {
	pk8 := readKey(t, "p256.pk8")
	block, _ := pem.Decode(pk8)
	spki := readKey(t, "p256.spki.pem")
	certificate := readKey(t, "p256.crt")
	pemOf := func(kind string, body []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: body})
	}
	for name, c := range map[string]struct {
		data  []byte
		class error
	}{
		"empty":               {nil, ErrMalformed},
		"comments only":       {[]byte("# nothing\n"), ErrMalformed},
		"text":                {[]byte("a password by mistake"), ErrMalformed},
		"PKCS#8":              {pk8, ErrPrivate},
		"PKCS#8 DER":          {block.Bytes, ErrPrivate},
		"SEC1":                {readKey(t, "k256.sec1params"), ErrPrivate},
		"PKCS#1":              {readKey(t, "rsa2048.pkcs1"), ErrPrivate},
		"encrypted key":       {readKey(t, "p256.encpk8.default"), ErrPrivate},
		"cut PEM":             {certificate[:200], ErrMalformed},
		"cut DER":             {append([]byte{0x30, 0x82, 1, 0}, make([]byte, 9)...), ErrMalformed},
		"two public keys":     {append(bytes.Clone(spki), spki...), ErrMalformed},
		"damaged certificate": {pemOf("CERTIFICATE", []byte{0x30, 0x00}), ErrMalformed},
		"damaged SPKI":        {pemOf("PUBLIC KEY", []byte{0x30, 0x00}), ErrMalformed},
		"DSA":                 {pemOf("DSA PUBLIC KEY", []byte{0x30, 0x00}), ErrUnsupported},
		"SSH key":             {[]byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA agent"), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			public, err := ParsePublic(c.data)
			if public != nil {
				t.Errorf("read as %s", public.Kind())
			}
			wantClass(t, err, c.class)
			wantSilent(t, err, c.data)
		})
	}
}

func TestOtherKinds(t *testing.T) {
	_, err := ParsePublic(openssl(t, openssl(t, nil, "genpkey", "-algorithm", "X448"), "pkey", "-pubout"))
	wantClass(t, err, ErrUnsupported)
	agreement := mustPublic(t, openssl(t, openssl(t, nil, "genpkey", "-algorithm", "X25519"), "pkey", "-pubout"))
	if agreement.Kind() != "X25519" || agreement.DefaultFormat() != "jwe" {
		t.Errorf("got %s for format %q", agreement.Kind(), agreement.DefaultFormat())
	}
	public := mustPublic(t, openssl(t, openssl(t, nil, "genpkey", "-algorithm", "Ed25519"), "pkey", "-pubout"))
	if _, ok := public.Key.(ed25519.PublicKey); !ok || public.Kind() != "Ed25519" || public.DefaultFormat() != "" {
		t.Errorf("got %s for format %q", public.Kind(), public.DefaultFormat())
	}
}

func FuzzParsePublic(f *testing.F) {
	for _, data := range keyFiles(f) {
		f.Add(data)
		if block, _ := pem.Decode(data); block != nil {
			f.Add(block.Bytes)
		}
	}
	for _, kind := range []string{"age", "age-pq"} {
		_, text, err := Generate(kind)
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		public, err := ParsePublic(data)
		if err != nil {
			if public != nil {
				t.Fatal("a key and an error")
			}
			return
		}
		if public.ID() == "" || strings.HasPrefix(public.Kind(), "unknown") {
			t.Fatalf("key %T has ID %q, kind %q", public.Key, public.ID(), public.Kind())
		}
	})
}

func ExampleParsePublic() {
	_, text, err := Generate("age")
	if err != nil {
		panic(err)
	}
	public, err := ParsePublic([]byte(text))
	if err != nil {
		panic(err)
	}
	fmt.Println(public.Kind(), "is sealed to with", public.DefaultFormat())
	// Output: age X25519 is sealed to with age
}
