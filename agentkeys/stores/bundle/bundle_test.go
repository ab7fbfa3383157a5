package bundle_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores/bundle"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// fixtures are those of package keys, which other tools wrote.
const fixtures = "../../../crypto/keys/testdata"

const fixturePassword = "pä ss€"

func fixture(t testing.TB, names ...string) []byte {
	t.Helper()
	var data []byte
	for _, name := range names {
		part, err := os.ReadFile(filepath.Join(fixtures, name))
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, part...)
	}
	return data
}

// idOf is the ID of the key in a certificate, or of the one in PEM.
func idOf(t *testing.T, data []byte) string {
	t.Helper()
	public, err := keys.ParsePublic(data)
	if err != nil {
		t.Fatal(err)
	}
	return public.ID()
}

func TestParse(t *testing.T) {
	password := []byte(fixturePassword)
	for name, test := range map[string]struct {
		data    []byte
		options bundle.Options
		want    string // the certificate's file
		chain   int
		err     error
	}{
		"PEM":                                {data: fixture(t, "p256.pem", "p256.crt.pem"), want: "p256.crt.pem", chain: 1},
		"PEM, the key last":                  {data: fixture(t, "p256.crt.pem", "p256.pem"), want: "p256.crt.pem", chain: 1},
		"PEM, encrypted":                     {data: fixture(t, "p256.pbes2-aes-256-cbc.pem", "p256.crt.pem"), options: bundle.Options{Password: password}, want: "p256.crt.pem", chain: 1},
		"PEM, encrypted, no password":        {data: fixture(t, "p256.pbes2-aes-256-cbc.pem", "p256.crt.pem"), err: keys.ErrPassword},
		"PEM, of another key":                {data: fixture(t, "rsa.pem", "p256.crt.pem"), err: keys.ErrMalformed},
		"PEM, two private keys":              {data: fixture(t, "rsa.pem", "p256.pem", "p256.crt.pem"), err: keys.ErrMalformed},
		"PEM, no private key":                {data: fixture(t, "p256.crt.pem"), err: keys.ErrMalformed},
		"PEM, no certificate":                {data: fixture(t, "p256.pem"), err: keys.ErrPrivate},
		"PEM, a bare public key":             {data: fixture(t, "p256.spki.pem"), options: bundle.Options{NoPrivate: true}, err: keys.ErrMalformed},
		"PEM, a bare public key beside":      {data: fixture(t, "p256.pem", "p256.spki.pem"), err: keys.ErrMalformed},
		"PEM, certificate only":              {data: fixture(t, "p256.crt.pem"), options: bundle.Options{NoPrivate: true}, want: "p256.crt.pem", chain: 1},
		"PEM, the private key left out":      {data: fixture(t, "p256.pem", "p256.crt.pem"), options: bundle.Options{NoPrivate: true}, want: "p256.crt.pem", chain: 1},
		"PKCS#12":                            {data: fixture(t, "modern.p12"), options: bundle.Options{Password: password}, want: "p256.crt.pem", chain: 1},
		"PKCS#12, its entry":                 {data: fixture(t, "modern.p12"), options: bundle.Options{Password: password, Entry: "agent ö"}, want: "p256.crt.pem", chain: 1},
		"PKCS#12, another entry":             {data: fixture(t, "modern.p12"), options: bundle.Options{Password: password, Entry: "web"}, err: keys.ErrMalformed},
		"PKCS#12, wrong password":            {data: fixture(t, "modern.p12"), options: bundle.Options{Password: []byte("wrong")}, err: keys.ErrPassword},
		"PKCS#12, no password said":          {data: fixture(t, "modern.p12"), err: keys.ErrPassword},
		"PKCS#12, without a password":        {data: fixture(t, "empty-password.p12"), want: "p256.crt.pem", chain: 1},
		"PKCS#12, an empty password":         {data: fixture(t, "empty-password.p12"), options: bundle.Options{Password: []byte{}}, want: "p256.crt.pem", chain: 1},
		"PKCS#12, certificate only":          {data: fixture(t, "certificate.p12"), options: bundle.Options{Password: password, NoPrivate: true}, want: "p256.crt.pem", chain: 1},
		"JKS, one of several":                {data: fixture(t, "java.jks"), options: bundle.Options{Password: password, Entry: "one"}, want: "p256.crt.pem", chain: 1},
		"JKS, several":                       {data: fixture(t, "java.jks"), options: bundle.Options{Password: password}, err: keys.ErrMalformed},
		"JKS, several, the private left out": {data: fixture(t, "java.jks"), options: bundle.Options{Password: password, NoPrivate: true}, err: keys.ErrMalformed},
		"nothing":                            {err: keys.ErrMalformed},
		"text":                               {data: []byte("hello"), err: keys.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			private, certificates, err := bundle.Parse(test.data, test.options)
			if !errors.Is(err, test.err) {
				t.Fatalf("error is %v, want %v", err, test.err)
			}
			if err != nil {
				if private != nil || certificates != nil || strings.Contains(err.Error(), fixturePassword) {
					t.Errorf("with the error %v there is %T, %q", err, private, certificates)
				}
				return
			}
			if got := strings.Count(string(certificates), "BEGIN CERTIFICATE"); got != test.chain {
				t.Errorf("%d certificates, want %d", got, test.chain)
			}
			if got, want := idOf(t, certificates), idOf(t, fixture(t, test.want)); got != want {
				t.Errorf("the certificate is of %s, want %s", got, want)
			}
			if (private == nil) != test.options.NoPrivate {
				t.Errorf("the private key is %T", private)
			}
		})
	}
}

// TestParseChain: what the certificate was issued by comes behind it, in its order.
func TestParseChain(t *testing.T) {
	chain := slices.Concat(fixture(t, "p256.crt.pem"), fixture(t, "rsa.crt.pem"))
	private, certificates, err := bundle.Parse(slices.Concat(fixture(t, "p256.pem"), chain), bundle.Options{})
	if err != nil || private == nil {
		t.Fatalf("%T, %v", private, err)
	}
	public, err := keys.ParsePublic(certificates)
	if err != nil {
		t.Fatal(err)
	}
	if public.ID() != idOf(t, chain) || len(public.Intermediates) != 1 {
		t.Errorf("%s with %d issuers", public.ID(), len(public.Intermediates))
	}
}

// FuzzParse: what is read is a certificate, of the private key if there is one.
func FuzzParse(f *testing.F) {
	seeds := [][]byte{
		fixture(f, "p256.pem", "p256.crt.pem"), fixture(f, "rsa.pem", "p256.crt.pem"), fixture(f, "empty-password.p12"),
		fixture(f, "certificate.p12"), fixture(f, "java.jks"),
	}
	for _, seed := range seeds {
		f.Add(seed, "", false)
		f.Add(seed, "one", true)
	}
	f.Fuzz(func(t *testing.T, data []byte, entry string, noPrivate bool) {
		private, certificates, err := bundle.Parse(data, bundle.Options{Entry: entry, NoPrivate: noPrivate})
		if err != nil {
			if private != nil || certificates != nil {
				t.Fatalf("%T and %q with %v", private, certificates, err)
			}
			return
		}
		if noPrivate != (private == nil) {
			t.Fatalf("the private key is %T", private)
		}
		public, err := keys.ParsePublic(certificates)
		if err != nil || public.CertificateDER == nil {
			t.Fatalf("%q: %v", certificates, err)
		}
		if private == nil {
			return
		}
		own, err := keys.PublicOf(private)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := keys.ID(own); err != nil || id != public.ID() {
			t.Fatalf("the key is %s, the certificate of %s: %v", id, public.ID(), err)
		}
	})
}

// TestParseNew reads what was just made, as a user without fixtures has it.
func TestParseNew(t *testing.T) {
	pair, err := keys.New("ec-p256", keys.NewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := keys.SelfSigned(pair.Keys[0], "web", time.Now(), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	file, err := keys.SendPKCS12(pair.Keys[0], certificate, "web", []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	private, certificates, err := bundle.Parse(file, bundle.Options{Password: []byte("canary"), Entry: "WEB"})
	if err != nil || private == nil || string(certificates) != string(certificate) {
		t.Errorf("%T, %q, %v", private, certificates, err)
	}
}
