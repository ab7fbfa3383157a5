package kinds

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// The bounds of an answer with roots.
const (
	fetchWithin = 30 * time.Second
	maxRoots    = 4 << 20
)

// fetch asks the authority for its roots. No redirect is followed.
func (s CASync) fetch(ctx context.Context) ([]*keys.Public, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.Fingerprint != "" {
		// Who answers is known only by what the answer has; see pinned.
		secure.InsecureSkipVerify = true //nolint:gosec // It is verified behind.
	} else {
		roots, err := readTrust(s.Trust)
		if err != nil {
			return nil, fmt.Errorf("trust: %w", err)
		}
		secure.RootCAs = roots
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, TLSHandshakeTimeout: fetchWithin, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
	}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	within, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(within, http.MethodGet, s.Roots, nil)
	if err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	defer response.Body.Close()
	// step-ca answers with 201.
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("roots: the answer is %s", response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maxRoots+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("roots: the answer broke off: %w", err)
	case len(data) > maxRoots:
		return nil, fmt.Errorf("roots: the answer has more than %d bytes", maxRoots)
	}
	found, err := parseRoots(data)
	if err == nil && s.Fingerprint != "" {
		err = pinned(found, s.Fingerprint, response.TLS, request.URL.Hostname())
	}
	if err != nil {
		return nil, fmt.Errorf("roots: %w", err)
	}
	return found, nil
}

func readTrust(name string) (*x509.CertPool, error) {
	data, err := readBounded(name, maxRoots)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, errors.New("there is no certificate in it")
	}
	return pool, nil
}

// pinned checks that the root with the fingerprint is among those of an answer, and has
// issued the certificate with which the answer was secured: then all of it is from who
// has that root.
func pinned(found []*keys.Public, fingerprint string, connection *tls.ConnectionState, host string) error {
	var root *x509.Certificate
	for _, public := range found {
		if public.Fingerprint() == fingerprint {
			root = public.Certificate
		}
	}
	switch {
	case root == nil:
		return errors.New("the root with the fingerprint is not among those that were answered")
	case connection == nil || len(connection.PeerCertificates) == 0:
		return errors.New("the answer has no certificate")
	}
	roots, intermediates := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(root)
	for _, certificate := range connection.PeerCertificates[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := connection.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, DNSName: host})
	if err != nil {
		return fmt.Errorf("the address has no certificate of the root with the fingerprint: %w", err)
	}
	return nil
}

// parseRoots reads an answer: PEM, or the JSON of step-ca, {"crts":[PEM, ...]}, whole or
// not at all.
func parseRoots(data []byte) ([]*keys.Public, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		if !bytes.Contains(data, []byte("-----BEGIN ")) {
			return nil, errors.New("the answer is neither PEM nor JSON")
		}
		return parseCertificates(data)
	}
	var answer struct {
		Certificates []string `json:"crts"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("the answer is no JSON as step-ca has it: %w", err)
	}
	var found []*keys.Public
	for _, text := range answer.Certificates {
		one, err := parseCertificates([]byte(text))
		if err != nil {
			return nil, err
		}
		if len(one) != 1 {
			return nil, errors.New("there are several certificates in one of crts")
		}
		found = append(found, one...)
	}
	if len(found) == 0 {
		return nil, errors.New("the answer has no crts")
	}
	return found, nil
}
