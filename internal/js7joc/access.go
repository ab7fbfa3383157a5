package js7joc

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Access is how a JOC Cockpit is reached and logged in to.
type Access struct {
	// URL is the JOC Cockpit's, https://HOST:PORT. Required.
	URL string `yaml:"url"`
	// CAFile has the certificate authorities, in PEM, of which one must have issued
	// the JOC Cockpit's certificate. Default: the system's
	CAFile string `yaml:"ca_file"`
	// User is the account to log in with, PasswordFile has its password. Left out,
	// the client certificate's subject is the account.
	User string `yaml:"user"`
	// PasswordFile has the password of User. It is read at each login.
	PasswordFile string `yaml:"password_file"`
	// CertFile has the client certificate, with its chain, in PEM, beside or in
	// place of User. It is read at each connection.
	CertFile string `yaml:"cert_file"`
	// KeyFile has the private key of CertFile, in PEM.
	KeyFile string `yaml:"key_file"`
}

// Client makes the client. path makes a path of the configuration absolute,
// readSecret reads a file that a `*_file` setting names.
func (a Access) Client(path func(string) string, readSecret func(string) (*secretbytes.Value, error)) (*Client, error) {
	base, err := url.Parse(a.URL)
	switch {
	case err != nil || base.Scheme != "https" || base.Host == "" || base.User != nil || base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("url is not https://HOST:PORT, without a user, a query and a fragment")
	case (a.User == "") != (a.PasswordFile == ""):
		return nil, errors.New("user and password_file go together; one of them is missing")
	case (a.CertFile == "") != (a.KeyFile == ""):
		return nil, errors.New("cert_file and key_file go together; one of them is missing")
	case a.User == "" && a.CertFile == "":
		return nil, errors.New("give user and password_file, cert_file and key_file, or both, to log in with")
	}
	secure, err := a.secure(path)
	if err != nil {
		return nil, err
	}
	if a.PasswordFile != "" {
		password, err := readSecret(a.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("password_file: %w", err)
		}
		password.Wipe()
	}
	return &Client{
		Base: base, User: a.User,
		Password: func() (*secretbytes.Value, error) { return readSecret(a.PasswordFile) },
		HTTP: &http.Client{
			Transport:     &http.Transport{TLSClientConfig: secure, TLSHandshakeTimeout: 10 * time.Second, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (a Access) secure(path func(string) string) (*tls.Config, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if a.CAFile != "" {
		pem, err := os.ReadFile(path(a.CAFile))
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("ca_file has no certificate in PEM")
		}
	}
	if a.CertFile == "" {
		return secure, nil
	}
	certFile, keyFile := path(a.CertFile), path(a.KeyFile)
	secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(certFile, keyFile)
		return &pair, err
	}
	if _, err := secure.GetClientCertificate(nil); err != nil {
		return nil, fmt.Errorf("cert_file: %w", err)
	}
	return secure, nil
}
