package verify

import (
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/pin"
)

// ClientCertificate has the settings of the scheme "client-certificate": requests
// over a connection whose client has shown a certificate and proved that it has
// its key (RFC 8446, section 4.4.3). Authorities, which a configuration has as
// ca_file, Pins or both are needed; both
// must hold, and of all names the certificate must have one.
type ClientCertificate struct {
	// Authorities are those that must have issued the certificate, in PEM.
	Authorities []byte `yaml:"-"`
	// DNSNames are such of which it may have one, without wildcards.
	DNSNames []string `yaml:"dns_names"`
	// URIs are such of which it may have one, such as a SPIFFE ID.
	URIs []string `yaml:"uris"`
	// Emails are addresses of which it may have one.
	Emails []string `yaml:"emails"`
	// Pins are certificates or public keys of which it must be one, at most 8.
	Pins []CertificatePin `yaml:"pins"`
}

// CertificatePin is the certificate or the public key of a sender, by its
// fingerprint, sha256:HEX, and when it counts.
type CertificatePin struct {
	// Certificate is that of the certificate.
	Certificate string `yaml:"certificate"`
	// PublicKey is that of the public key (SubjectPublicKeyInfo), in place of
	// Certificate: it stays the same when the certificate is renewed for the key.
	PublicKey string `yaml:"public_key"`
	// Window is when it counts; always, if it is zero.
	Window `yaml:",inline"`
}

// clientCertificateConfig is what a configuration has for the scheme.
type clientCertificateConfig struct {
	ClientCertificate `yaml:",inline"`
	// CAFile has the authorities that must have issued the certificate, in PEM.
	CAFile string `yaml:"ca_file"`
}

func configuredClientCertificate(s hooks.Settings) (hooks.Verifier, error) {
	var config clientCertificateConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	var err error
	if config.Authorities, err = s.ReadPublic(config.CAFile); err != nil {
		return nil, err
	}
	return NewClientCertificate(config.ClientCertificate)
}

// NewClientCertificate returns a verifier of TLS client certificates. It learns
// neither an event ID nor a time from a request: the connection's proof covers
// what is sent over it, but nobody else can check that later.
func NewClientCertificate(settings ClientCertificate) (hooks.Verifier, error) {
	v := &clientCertificate{dnsNames: setOf(folded(settings.DNSNames)), uris: setOf(settings.URIs), emails: setOf(settings.Emails)}
	named := len(v.dnsNames)+len(v.uris)+len(v.emails) > 0
	switch {
	case settings.Authorities == nil && len(settings.Pins) == 0:
		return nil, errors.New("set ca_file, pins or both")
	case settings.Authorities == nil && named:
		return nil, errors.New("dns_names, uris and emails go with ca_file: a name that no authority stands for proves nothing")
	case len(settings.Pins) > maxKeys:
		return nil, fmt.Errorf("more than %d pins are configured; remove the oldest", maxKeys)
	}
	if settings.Authorities != nil {
		v.roots = x509.NewCertPool()
		if !v.roots.AppendCertsFromPEM(settings.Authorities) {
			return nil, errors.New("ca_file has no PEM certificate")
		}
	}
	for i, from := range settings.Pins {
		parsed, err := from.parse()
		if err != nil {
			return nil, fmt.Errorf("pin %d: %w", i+1, err)
		}
		v.pins = append(v.pins, parsed)
	}
	return v, nil
}

func (p CertificatePin) parse() (certificatePin, error) {
	if (p.Certificate == "") == (p.PublicKey == "") {
		return certificatePin{}, errors.New("set exactly one of certificate and public_key")
	}
	if err := p.check(); err != nil {
		return certificatePin{}, err
	}
	fingerprint, err := pin.Parse(p.Certificate + p.PublicKey)
	if err != nil {
		return certificatePin{}, fmt.Errorf("fingerprint %w", err)
	}
	return certificatePin{pin: fingerprint, ofKey: p.PublicKey != "", Window: p.Window}, nil
}

type certificatePin struct {
	pin   pin.Pin
	ofKey bool
	Window
}

func (p certificatePin) matches(c *x509.Certificate) bool {
	if p.ofKey {
		return p.pin.Matches(c.RawSubjectPublicKeyInfo)
	}
	return p.pin.Matches(c.Raw)
}

type clientCertificate struct {
	roots                  *x509.CertPool
	dnsNames, uris, emails set
	pins                   []certificatePin
}

// AsksClientCertificate implements hooks.ClientCertificateAsker.
func (v *clientCertificate) AsksClientCertificate() bool { return true }

// Verify implements hooks.Verifier.
func (v *clientCertificate) Verify(r *hooks.Request) (hooks.Verified, error) {
	if len(r.ClientChain) == 0 {
		return hooks.Verified{}, fmt.Errorf("%w: a TLS client certificate is required", hooks.ErrUnauthenticated)
	}
	leaf := r.ClientChain[0]
	if len(v.pins) > 0 {
		if err := v.checkPins(leaf, r.Received); err != nil {
			return hooks.Verified{}, err
		}
	}
	if err := v.checkChain(r.ClientChain, r.Received); err != nil {
		return hooks.Verified{}, err
	}
	if len(v.dnsNames)+len(v.uris)+len(v.emails) > 0 && !v.named(leaf) {
		return hooks.Verified{}, fmt.Errorf("%w: the TLS client certificate has none of the source's names", hooks.ErrUnauthenticated)
	}
	return hooks.Verified{}, nil
}

func (v *clientCertificate) checkPins(leaf *x509.Certificate, at time.Time) error {
	matched, counting := false, 0
	for _, p := range v.pins {
		if p.holds(at) {
			counting++
			matches := p.matches(leaf)
			matched = matched || matches
		}
	}
	switch {
	case counting == 0:
		return errNoneNow
	case !matched:
		return fmt.Errorf("%w: the TLS client certificate is none of the source's pins", hooks.ErrUnauthenticated)
	}
	return nil
}

// checkChain verifies the certificate with what came with it. Where there are
// pins alone, nobody else stands for the certificate; its dates and what it may be
// used for count nevertheless.
func (v *clientCertificate) checkChain(chain []*x509.Certificate, at time.Time) error {
	accepted := v.roots != nil && v.issued(chain, at) || v.roots == nil && inDate(chain[0], at) && forClients(chain[0])
	if !accepted {
		return fmt.Errorf("%w: the TLS client certificate is not accepted: it must be in date, for client authentication, and issued by the source's ca_file or among its pins", hooks.ErrUnauthenticated)
	}
	return nil
}
