package keys

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// Public is a public key and, where it came in one, its certificate.
type Public struct {
	// Key is a *rsa.PublicKey, *ecdsa.PublicKey, *secp256k1.PublicKey,
	// ed25519.PublicKey (which can be verified with but not sealed to),
	// *age.X25519Recipient or *age.HybridRecipient.
	Key any
	// CertificateDER is the certificate as it came; nil if there was none.
	CertificateDER []byte
	// Certificate is CertificateDER parsed; nil if there was none, and for a
	// secp256k1 certificate, which the standard library cannot parse or verify.
	Certificate *x509.Certificate
	// Intermediates are the certificates that followed the first one in its
	// file, in their order; those of secp256k1 keys are left out, because
	// nothing here could check their signatures.
	Intermediates []*x509.Certificate
	// NotBefore and NotAfter bound the certificate's validity, both inclusive;
	// zero without a certificate.
	NotBefore, NotAfter time.Time
	// KeyUsage is the certificate's; 0 without a certificate or where the
	// certificate does not restrict it.
	KeyUsage x509.KeyUsage
}

// ID is the package function ID of the key.
func (p *Public) ID() string {
	id, err := ID(p.Key)
	if err != nil { // ParsePublic makes no such Public.
		return ""
	}
	return id
}

// Kind is the package function Kind of the key.
func (p *Public) Kind() string { return Kind(p.Key) }

// Fingerprint is "sha256:" and the lower-case hex SHA-256 of the certificate's
// DER; empty without a certificate.
func (p *Public) Fingerprint() string {
	if p.CertificateDER == nil {
		return ""
	}
	return digest(p.CertificateDER)
}

// DefaultFormat is the name of the envelope format used for the key when none
// is asked for: "age" for an age recipient, "js7" for RSA and EC keys, empty
// for a key that cannot be sealed to.
func (p *Public) DefaultFormat() string {
	switch p.Key.(type) {
	case *age.X25519Recipient, *age.HybridRecipient:
		return "age"
	case *rsa.PublicKey, *ecdsa.PublicKey, *secp256k1.PublicKey:
		return "js7"
	}
	return ""
}

// byteOrderMark is what editors of some systems put before UTF-8 text.
var byteOrderMark = []byte("\xef\xbb\xbf")

// ParsePublic reads one public key: a PEM file whose first certificate, or
// only public key, it is (CERTIFICATE, TRUSTED CERTIFICATE, PUBLIC KEY, RSA
// PUBLIC KEY, EC PUBLIC KEY; text around the blocks, CRLF, a chain behind the
// certificate and a private key beside it are fine), a DER certificate, or an
// age recipient, alone on a line of a file that may have comments. It returns
// ErrMalformed, ErrUnsupported or ErrPrivate; no error repeats what data holds.
func ParsePublic(data []byte) (*Public, error) {
	data = bytes.TrimPrefix(data, byteOrderMark)
	if isDER(data) {
		return parsePublicDER(data)
	}
	if bytes.Contains(data, []byte("-----BEGIN ")) {
		return parsePublicPEM(data)
	}
	return parsePublicText(string(data))
}

func isDER(data []byte) bool { return len(data) > 1 && data[0] == 0x30 && data[1] >= 0x80 }

func parsePublicDER(data []byte) (*Public, error) {
	if public, err := parseCertificate(data); err == nil {
		return public, nil
	}
	if _, err := parsePKCS8(data); err == nil {
		return nil, fmt.Errorf("%w: the file is a DER private key; give its certificate or public key", ErrPrivate)
	}
	return nil, fmt.Errorf("%w: the file is DER but not a certificate; convert it to PEM", ErrMalformed)
}

// parsePublicPEM takes the first certificate, else the only public key. The
// private blocks are looked at for the error's sake only.
func parsePublicPEM(data []byte) (*Public, error) {
	var certificate, bare *Public
	var private string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "CERTIFICATE" || block.Type == "TRUSTED CERTIFICATE" || block.Type == "X509 CERTIFICATE":
			next, err := parseCertificate(block.Bytes)
			if err != nil {
				return nil, err
			}
			if certificate == nil {
				certificate = next
			} else if next.Certificate != nil {
				certificate.Intermediates = append(certificate.Intermediates, next.Certificate)
			}
		case strings.HasSuffix(block.Type, "PUBLIC KEY"):
			key, err := parsePublicBlock(block)
			if err != nil {
				return nil, err
			}
			if bare != nil {
				return nil, fmt.Errorf("%w: the file has several public keys; give one", ErrMalformed)
			}
			bare = &Public{Key: key}
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			private = block.Type
			clear(block.Bytes)
		}
	}
	switch {
	case certificate != nil:
		return certificate, nil
	case bare != nil:
		return bare, nil
	case private != "":
		return nil, fmt.Errorf("%w: the file has a PEM block %q; give the certificate or public key that belongs to it", ErrPrivate, private)
	}
	return nil, fmt.Errorf("%w: no certificate and no public key in the PEM file, or its block is damaged", ErrMalformed)
}

// parsePublicBlock reads SPKI under each of the three names in use, and
// PKCS#1 (RFC 8017, A.1.1) under the one that is its own.
func parsePublicBlock(block *pem.Block) (any, error) {
	if block.Type == "RSA PUBLIC KEY" {
		if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
			return key, nil
		}
	}
	switch block.Type {
	case "PUBLIC KEY", "RSA PUBLIC KEY", "EC PUBLIC KEY":
		return parseSPKI(block.Bytes)
	}
	return nil, fmt.Errorf("%w: PEM block %q; PUBLIC KEY, RSA PUBLIC KEY and EC PUBLIC KEY are read", ErrUnsupported, block.Type)
}

func parseSPKI(der []byte) (any, error) {
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		if key, found := secp256k1SPKI(der); found {
			return key, nil
		}
		return nil, fmt.Errorf("%w: public key cannot be read: %w", ErrMalformed, err)
	}
	return supported(key)
}

// supported passes the key types that ID knows.
func supported(key any) (any, error) {
	switch key.(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey, ed25519.PublicKey:
		return key, nil
	case nil:
		return nil, fmt.Errorf("%w: certificate has a key that is neither RSA nor EC", ErrUnsupported)
	}
	return nil, fmt.Errorf("%w: public key is a %T; RSA, EC and age keys can be used", ErrUnsupported, key)
}

// parsePublicText reads the one age recipient of a file.
func parsePublicText(text string) (*Public, error) {
	var found any
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, err := parseRecipientLine(line)
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, fmt.Errorf("%w: the file has several age recipients; give one", ErrMalformed)
		}
		found = key
	}
	if found == nil {
		return nil, fmt.Errorf("%w: the file is empty", ErrMalformed)
	}
	return &Public{Key: found}, nil
}

// parseRecipientLine keeps the line out of its errors: it may be anything, a
// private key too.
func parseRecipientLine(line string) (any, error) {
	var key any
	var err error
	switch {
	case strings.HasPrefix(line, "age1pq1"):
		key, err = age.ParseHybridRecipient(line)
	case strings.HasPrefix(strings.ToUpper(line), "AGE-SECRET-KEY-"):
		return nil, fmt.Errorf("%w: the file has an age identity; give its recipient, which begins with age1", ErrPrivate)
	case strings.HasPrefix(line, "age1") && strings.Count(line, "1") > 1: // 1 is no Bech32 digit.
		return nil, fmt.Errorf("%w: not an X25519 (age1...) or hybrid (age1pq1...) age recipient; those of plugins are not read", ErrUnsupported)
	case strings.HasPrefix(line, "age1"):
		key, err = age.ParseX25519Recipient(line)
	case strings.HasPrefix(line, "ssh-"), strings.HasPrefix(line, "ecdsa-sha2-"):
		return nil, fmt.Errorf("%w: the file has an SSH key; give a certificate, a PEM public key or an age recipient", ErrUnsupported)
	default:
		return nil, fmt.Errorf("%w: neither a PEM file, a DER certificate nor an age recipient", ErrMalformed)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: age recipient has a typing error or is cut off", ErrMalformed)
	}
	return key, nil
}
