package push

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// TLS says whom to trust and how to show who one is. The zero TLS trusts the
// system's certificate authorities and shows no certificate.
type TLS struct {
	// CAFile has certificate authorities, in PEM, to trust beside the
	// system's.
	CAFile string
	// CertFile and KeyFile have the client's certificate, with its chain, and
	// its private key, in PEM. Both are set or none.
	CertFile, KeyFile string
}

// tryTimeout bounds one try, from the connection to the end of the answer. A
// server answers once the event is durable, which takes milliseconds.
const tryTimeout = 30 * time.Second

// NewHTTP returns a client for Client.HTTP: TLS 1.2 or later, 30 seconds for a
// try, and a proxy where the environment names one.
func NewHTTP(settings TLS) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if settings.CAFile != "" {
		roots, err := withCA(settings.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = roots
	}
	if settings.CertFile != "" || settings.KeyFile != "" {
		if settings.CertFile == "" || settings.KeyFile == "" {
			return nil, errors.New("client certificate and key go together; one of them is missing")
		}
		certificate, err := tls.LoadX509KeyPair(settings.CertFile, settings.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{certificate}
	}
	return &http.Client{
		Timeout: tryTimeout,
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
			TLSClientConfig:     config,
			TLSHandshakeTimeout: 10 * time.Second,
			IdleConnTimeout:     90 * time.Second,
			ForceAttemptHTTP2:   true,
		},
	}, nil
}

// withCA is the system's certificate authorities and those in file. A system
// that has none to tell, such as a bare container, is no error.
func withCA(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w", err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("certificate authorities: %s has no certificate in PEM", file)
	}
	return roots, nil
}
