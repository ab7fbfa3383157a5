package enrol

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// csrType is the PEM type of a request for a certificate (RFC 7468, section 7).
const csrType = "CERTIFICATE REQUEST"

func isCSR(text string) bool { return strings.HasPrefix(text, "-----BEGIN "+csrType+"-----") }

// publicOfCSR is the public key, PEM, of a request for a certificate (PKCS#10, RFC
// 2986), whose signature shows that the agent has the private one.
func publicOfCSR(text string) (string, error) {
	block, rest := pem.Decode([]byte(text))
	if block == nil || block.Type != csrType || len(strings.TrimSpace(string(rest))) > 0 {
		return "", errors.New("the request for a certificate is not one PEM block")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("the request for a certificate cannot be read: %w", err)
	}
	if err := request.CheckSignature(); err != nil {
		return "", fmt.Errorf("the request for a certificate is not signed by its key: %w", err)
	}
	public, err := (&keys.Public{Key: request.PublicKey}).Text()
	return string(public), err
}

// ErrCertificate says that a certificate is not one for the key that was asked for.
var ErrCertificate = errors.New("certificate cannot take the place of the key")

// CheckCertificate says whether the certificate, PEM, with its chain behind it or
// not, is of the key with that ID and passes the policy that holds for all. Its
// error wraps ErrCertificate.
func CheckCertificate(certificate []byte, keyID string, now time.Time) error {
	public, err := keys.ParsePublic(certificate)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	case public.CertificateDER == nil:
		return fmt.Errorf("%w: the file has a key and no certificate", ErrCertificate)
	case public.ID() != keyID:
		return fmt.Errorf("%w: it is for the key %s", ErrCertificate, public.ID())
	}
	if _, err := usable(string(certificate), now); err != nil {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	return nil
}
