package jobs

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// authorityArgument makes the test's binary an authority of its own.
const authorityArgument = "-authority="

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && strings.HasPrefix(os.Args[1], authorityArgument) {
		os.Exit(beAuthority(strings.TrimPrefix(os.Args[1], authorityArgument)))
	}
	goleak.VerifyTestMain(m)
}

// beAuthority signs what it reads, or fails in the way that it is asked to.
func beAuthority(way string) int {
	csr, err := io.ReadAll(os.Stdin)
	if err != nil {
		return 1
	}
	switch way {
	case "refuses":
		fmt.Fprintln(os.Stderr, "policy: no")
		return 3
	case "hangs":
		<-time.After(time.Minute)
	case "talks":
		fmt.Print(string(bytes.Repeat([]byte("x"), 2*maxSigned)))
	case "is silent":
	case "signs another key":
		request, _ := readRequest(csr)
		other, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		fmt.Print(string(issue(request.Subject, &other.PublicKey)))
	default:
		request, err := readRequest(csr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Print(string(issue(request.Subject, request.PublicKey)))
	}
	return 0
}

func issue(subject pkix.Name, public any) []byte {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ca := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotAfter: time.Now().Add(time.Hour)}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: subject, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, public, key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// request is a request for web.example.com as the template says besides.
func request(t testing.TB, change func(*x509.CertificateRequest)) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "web", Organization: []string{"Example"}}, DNSNames: []string{"web.example.com"}}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

var wanted = json.RawMessage(`{"store":"a","alias":"web","subject":"CN=web,O=Example","names":["web.example.com","IP:192.0.2.1","ops@example.com","URI:spiffe://example/web"]}`)

func TestAuthority(t *testing.T) {
	sign := func(t *testing.T, way string, timeout time.Duration, csr []byte) ([]byte, error) {
		t.Helper()
		a := &Authority{Name: "ca", Command: []string{os.Args[0], authorityArgument + way}, Timeout: timeout}
		return a.sign(t.Context(), wanted, csr)
	}
	signed, err := sign(t, "signs", time.Minute, request(t, nil))
	if err != nil || !bytes.HasPrefix(signed, []byte("-----BEGIN CERTIFICATE-----")) {
		t.Errorf("signed %q, %v", signed, err)
	}
	for way, want := range map[string]string{
		"refuses":           "policy: no",
		"hangs":             "it took longer than",
		"talks":             "more than 262144 bytes",
		"is silent":         "what it put out",
		"signs another key": "no certificate for the key of the request",
	} {
		t.Run(way, func(t *testing.T) {
			timeout := time.Minute
			if way == "hangs" {
				timeout = time.Second
			}
			signed, err := sign(t, way, timeout, request(t, nil))
			if signed != nil || !errors.Is(err, ErrNotSigned) || !strings.Contains(err.Error(), want) {
				t.Errorf("signed %q, %v; want %q", signed, err, want)
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&Authority{Command: []string{os.Args[0]}, Timeout: time.Minute}).sign(gone, wanted, request(t, nil)); !errors.Is(err, ErrNotSigned) {
		t.Errorf("nobody waits: %v", err)
	}
	if _, err := (&Authority{Command: []string{"/no/such/program"}, Timeout: time.Minute}).sign(t.Context(), wanted, request(t, nil)); !errors.Is(err, ErrNotSigned) {
		t.Errorf("there is no program: %v", err)
	}
}

// A runner gets a certificate for what its job says, and for nothing else.
func TestCovers(t *testing.T) {
	spiffe, _ := url.Parse("spiffe://example/web")
	for name, test := range map[string]struct {
		csr  []byte
		want string
	}{
		"one name": {request(t, nil), ""},
		"all names": {request(t, func(r *x509.CertificateRequest) {
			r.IPAddresses, r.EmailAddresses, r.URIs = []net.IP{net.ParseIP("192.0.2.1")}, []string{"ops@example.com"}, []*url.URL{spiffe}
		}), ""},
		"no authority": {request(t, func(r *x509.CertificateRequest) {
			r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 0}}}
		}), ""},
		"no name":         {request(t, func(r *x509.CertificateRequest) { r.DNSNames = nil }), ""},
		"another subject": {request(t, func(r *x509.CertificateRequest) { r.Subject.CommonName = "db" }), "and the job is for"},
		"more of a subject": {request(t, func(r *x509.CertificateRequest) {
			r.Subject.OrganizationalUnit = []string{"Admins"}
		}), "and the job is for"},
		"another host":    {request(t, func(r *x509.CertificateRequest) { r.DNSNames = []string{"web.example.com", "db.example.com"} }), `the name "DNS:db.example.com"`},
		"another address": {request(t, func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.ParseIP("192.0.2.2")} }), `the name "IP:192.0.2.2"`},
		"another mailbox": {request(t, func(r *x509.CertificateRequest) { r.EmailAddresses = []string{"x@example.com"} }), `the name "email:x@example.com"`},
		"a name as another kind": {request(t, func(r *x509.CertificateRequest) {
			r.EmailAddresses = []string{"web.example.com"}
		}), `the name "email:web.example.com"`},
		"an authority": {request(t, func(r *x509.CertificateRequest) {
			r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}}
		}), "the extension 2.5.29.19"},
		"a name of another kind": {request(t, func(r *x509.CertificateRequest) {
			// directoryName, which crypto/x509 leaves out.
			r.DNSNames = nil
			r.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 4, 0xa4, 2, 0x30, 0}}}
		}), "names that are neither"},
		"no PEM":          {[]byte("no"), "not a certificate signing request"},
		"a certificate":   {issue(pkix.Name{}, &key(t).PublicKey), "not a certificate signing request"},
		"two":             {append(request(t, nil), request(t, nil)...), "not a certificate signing request"},
		"a bad signature": {flipped(t), "verification"},
	} {
		t.Run(name, func(t *testing.T) {
			read, err := readRequest(test.csr)
			if err == nil {
				err = covers(wanted, read)
			}
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}

func key(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	made, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// flipped is a request whose signature is of something else.
func flipped(t *testing.T) []byte {
	t.Helper()
	block, _ := pem.Decode(request(t, nil))
	at := bytes.Index(block.Bytes, []byte("Example"))
	block.Bytes[at] ^= 1
	return pem.EncodeToMemory(block)
}

func FuzzRequest(f *testing.F) {
	f.Add(request(f, nil), "CN=web,O=Example", "web.example.com")
	f.Add(request(f, func(r *x509.CertificateRequest) { r.DNSNames = nil }), "CN=web", "")
	f.Add([]byte("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n"), "", "IP:1.2.3.4")
	f.Fuzz(func(t *testing.T, csr []byte, subject, name string) {
		read, err := readRequest(csr)
		if err != nil {
			return
		}
		settings, err := json.Marshal(map[string]any{"subject": subject, "names": []string{name}})
		if err != nil {
			t.Fatal(err)
		}
		if covers(settings, read) == nil && len(read.DNSNames)+len(read.EmailAddresses)+len(read.IPAddresses)+len(read.URIs) > 0 && name == "" {
			t.Error("names were taken that the job has not")
		}
	})
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"alias":"a","fingerprint":"1","tags":{"x":"y"}}`))
	f.Add([]byte(`{"alias":"a","problem":"timed out","expired":true}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, line []byte) {
		first, second := map[string]entry{}, map[string]entry{}
		if readEntry(line, first) != nil {
			return
		}
		if err := readEntry(line, second); err != nil || compare(first, second) != "" {
			t.Errorf("the same line differs: %s, %v", compare(first, second), err)
		}
	})
}
