package jobs

import (
	"bytes"
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	der "golang.org/x/crypto/cryptobyte/asn1"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/subprocess"
)

// maxSigned bounds what an authority answers, in bytes.
const maxSigned = 256 << 10

// ErrNotSigned says that a request for a certificate was refused, or that what came back
// is not what was asked for.
var ErrNotSigned = errors.New("the request for a certificate was not signed")

// Authority is a command that signs: it gets the request, PEM, on its standard input and
// puts out the certificate and those it was issued by, PEM.
type Authority struct {
	Name    string
	Command []string
	// Timeout bounds one request.
	Timeout time.Duration
}

// sign has a request signed that asks for what the settings of its job say, and nothing
// else.
func (a *Authority) sign(ctx context.Context, settings json.RawMessage, csr []byte) ([]byte, error) {
	request, err := readRequest(csr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSigned, err)
	}
	if err := covers(settings, request); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSigned, err)
	}
	signed, err := a.run(ctx, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request.Raw}))
	if err != nil {
		return nil, fmt.Errorf("%w: authority %s: %w", ErrNotSigned, a.Name, err)
	}
	publics, err := keys.ParsePublics(signed, keys.Options{})
	if err != nil {
		return nil, fmt.Errorf("%w: authority %s: what it put out: %w", ErrNotSigned, a.Name, err)
	}
	id, err := keys.ID(request.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotSigned, err)
	}
	if publics[0].CertificateDER == nil || publics[0].ID() != id {
		return nil, fmt.Errorf("%w: authority %s: it put out no certificate for the key of the request", ErrNotSigned, a.Name)
	}
	return signed, nil
}

func (a *Authority) run(ctx context.Context, csr []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, a.Timeout)
	defer cancel()
	cmd, problem := subprocess.Command(ctx, a.Command)
	signed := &bounded{}
	cmd.Stdin, cmd.Stdout = bytes.NewReader(csr), signed
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("it took longer than %v, or nobody waits any more", a.Timeout)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, problem.Last())
	case signed.over:
		return nil, fmt.Errorf("it put out more than %d bytes", maxSigned)
	}
	return signed.kept, nil
}

// bounded keeps maxSigned bytes.
type bounded struct {
	kept []byte
	over bool
}

func (b *bounded) Write(data []byte) (int, error) {
	taken := data[:min(len(data), maxSigned-len(b.kept))]
	b.over = b.over || len(taken) < len(data)
	b.kept = append(b.kept, taken...)
	return len(data), nil
}

// readRequest reads a request (PKCS#10, RFC 2986) that is signed with the key that it is
// for.
func readRequest(csr []byte) (*x509.CertificateRequest, error) {
	block, rest := pem.Decode(csr)
	if block == nil || block.Type != "CERTIFICATE REQUEST" && block.Type != "NEW CERTIFICATE REQUEST" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it is not a certificate signing request as PEM, alone")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return request, request.CheckSignature()
}

// covers checks that a request asks for the subject and the names of the settings and for
// no other: a runner that was broken into gets no certificate of somebody else's.
func covers(settings json.RawMessage, request *x509.CertificateRequest) error {
	var wanted struct {
		Subject string   `json:"subject"`
		Names   []string `json:"names"`
	}
	if err := json.Unmarshal(settings, &wanted); err != nil {
		return err
	}
	subject, err := keys.ParseSubject(wanted.Subject)
	if err != nil {
		return err
	}
	if request.Subject.String() != subject.String() {
		return fmt.Errorf("it is for %q, and the job is for %q", request.Subject, subject)
	}
	allowed := map[string]bool{}
	for _, name := range wanted.Names {
		normal, err := keys.NormalName(name)
		if err != nil {
			return err
		}
		allowed[normal] = true
	}
	names := namesOf(request)
	for _, name := range names {
		if !allowed[name] {
			return fmt.Errorf("it has the name %q, which the job has not", name)
		}
	}
	return checkExtensions(request.Extensions, len(names))
}

// checkExtensions refuses what a request has not to ask for. Of its alternative names
// all must be among those that were compared.
func checkExtensions(extensions []pkix.Extension, names int) error {
	seen := map[string]bool{}
	for _, extension := range extensions {
		id := extension.Id.String()
		switch {
		case seen[id]:
			return fmt.Errorf("it asks for the extension %s twice", id)
		case id == subjectAltName && countNames(extension.Value) != names:
			return errors.New("it has names that are neither hosts, addresses, mailboxes nor URIs")
		case id == basicConstraints && bytes.Equal(extension.Value, noAuthority):
		case id != subjectAltName && id != keyUsage && id != extendedKeyUsage:
			return fmt.Errorf("it asks for the extension %s", id)
		}
		seen[id] = true
	}
	return nil
}

// The extensions that a request may ask for (RFC 5280, section 4.2.1). On the usages the
// authority decides.
const (
	subjectAltName   = "2.5.29.17"
	keyUsage         = "2.5.29.15"
	extendedKeyUsage = "2.5.29.37"
	basicConstraints = "2.5.29.19"
)

// noAuthority are the basic constraints of a certificate that issues none: an empty
// SEQUENCE.
var noAuthority = []byte{0x30, 0}

// countNames counts GeneralNames of any sort; it is -1 if they cannot be read.
func countNames(value []byte) int {
	input := cryptobyte.String(value)
	var names cryptobyte.String
	if !input.ReadASN1(&names, der.SEQUENCE) || !input.Empty() {
		return -1
	}
	count := 0
	for !names.Empty() {
		var name cryptobyte.String
		var tag der.Tag
		if !names.ReadAnyASN1(&name, &tag) {
			return -1
		}
		count++
	}
	return count
}

// namesOf are the names of a request as keys.NormalName has them.
func namesOf(request *x509.CertificateRequest) []string {
	var names []string
	for _, host := range request.DNSNames {
		names = append(names, "DNS:"+host)
	}
	for _, address := range request.EmailAddresses {
		names = append(names, "email:"+address)
	}
	for _, ip := range request.IPAddresses {
		names = append(names, "IP:"+ip.String())
	}
	for _, uri := range request.URIs {
		names = append(names, "URI:"+uri.String())
	}
	return names
}
