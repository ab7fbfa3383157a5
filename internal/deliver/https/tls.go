package https

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/pin"
)

// pinError says that the receiver's certificate is not one of those pinned.
type pinError struct{ why string }

func (e *pinError) Error() string { return e.why }

// tls is whom to trust and what to show.
func (c Config) tls(settings deliver.Settings) (*tls.Config, error) {
	made := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		pem, err := os.ReadFile(settings.Path(c.CAFile))
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		made.RootCAs = x509.NewCertPool()
		if !made.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("ca_file has no certificate in PEM")
		}
	}
	if err := c.pin(made); err != nil {
		return nil, err
	}
	if c.CertFile == "" && c.KeyFile == "" {
		return made, nil
	}
	if c.CertFile == "" || c.KeyFile == "" {
		return nil, errors.New("cert_file and key_file go together; one of them is missing")
	}
	certFile, keyFile := settings.Path(c.CertFile), settings.Path(c.KeyFile)
	made.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		certificate, err := tls.LoadX509KeyPair(certFile, keyFile)
		if err != nil {
			return nil, &certificateError{err}
		}
		return &certificate, nil
	}
	_, err := made.GetClientCertificate(nil)
	return made, err
}

// certificateError says that the client certificate cannot be used.
type certificateError struct{ err error }

func (e *certificateError) Error() string { return "client certificate: " + e.err.Error() }
func (e *certificateError) Unwrap() error { return e.err }

// pin holds connections to Pins.
func (c Config) pin(made *tls.Config) error {
	if len(c.Pins) == 0 {
		return nil
	}
	var pins []pin.Pin
	for i, text := range c.Pins {
		parsed, err := pin.Parse(text)
		if err != nil {
			return fmt.Errorf("pins: entry %d %w", i+1, err)
		}
		pins = append(pins, parsed)
	}
	// The pin names the one certificate or key that is meant, which proves more
	// than that an authority vouches for a name.
	made.InsecureSkipVerify = c.CAFile == ""
	made.VerifyConnection = func(state tls.ConnectionState) error {
		return checkPins(state.PeerCertificates[0], pins, time.Now())
	}
	return nil
}

// checkPins is called with the certificate whose key the receiver has proved.
func checkPins(certificate *x509.Certificate, pins []pin.Pin, now time.Time) error {
	matched := false
	for _, p := range pins {
		ofCertificate, ofKey := p.Matches(certificate.Raw), p.Matches(certificate.RawSubjectPublicKeyInfo)
		matched = matched || ofCertificate || ofKey
	}
	switch {
	case !matched:
		return &pinError{"the receiver's certificate is none of pins"}
	case now.Before(certificate.NotBefore) || now.After(certificate.NotAfter):
		return &pinError{"the receiver's certificate is pinned, but has expired or is not yet valid; renew it"}
	}
	return nil
}
