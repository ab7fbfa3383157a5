package verify

import (
	"crypto/x509"
	"slices"
	"strings"
	"time"
)

// issued says whether the authorities have issued the certificate (RFC 5280,
// section 6), for clients, and it is in date.
func (v *clientCertificate) issued(chain []*x509.Certificate, at time.Time) bool {
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: v.roots, Intermediates: intermediates, CurrentTime: at, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return err == nil
}

func inDate(c *x509.Certificate, at time.Time) bool {
	return !at.Before(c.NotBefore) && !at.After(c.NotAfter)
}

// forClients says whether a certificate is for client authentication: it says so,
// or does not say what it is for (RFC 5280, section 4.2.1.12). One with a critical
// extension that nobody here knows is for nothing.
func forClients(c *x509.Certificate) bool {
	anything := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0
	named := slices.ContainsFunc(c.ExtKeyUsage, func(usage x509.ExtKeyUsage) bool {
		return usage == x509.ExtKeyUsageClientAuth || usage == x509.ExtKeyUsageAny
	})
	return (anything || named) && len(c.UnhandledCriticalExtensions) == 0
}

// named says whether the certificate has one of the names, among its subject
// alternative names alone (RFC 5280, section 4.2.1.6).
func (v *clientCertificate) named(leaf *x509.Certificate) bool {
	for _, uri := range leaf.URIs {
		if v.uris.has(uri.String()) {
			return true
		}
	}
	return slices.ContainsFunc(folded(leaf.DNSNames), v.dnsNames.has) || slices.ContainsFunc(leaf.EmailAddresses, v.emails.has)
}

// folded are names without case.
func folded(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToLower(name)
	}
	return out
}

// set are names, which are not secret.
type set map[string]struct{}

func setOf(names []string) set {
	s := set{}
	for _, name := range names {
		s[name] = struct{}{}
	}
	return s
}

func (s set) has(name string) bool {
	_, found := s[name]
	return found
}
