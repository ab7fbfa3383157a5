package jwks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/sealrelay/sealrelay/internal/pin"
)

// newClient returns a client for the URL of a source: it follows no redirect
// and keeps no connection, for the next fetch is an hour away.
func newClient(s Source) (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(s.CA) {
			return nil, errors.New("jwks_ca_file has no PEM certificate")
		}
	}
	if s.Pin != "" {
		pinned, err := pin.Parse(s.Pin)
		if err != nil {
			return nil, fmt.Errorf("jwks_pin %w", err)
		}
		config.VerifyConnection = func(state tls.ConnectionState) error { return checkPin(state, pinned) }
	}
	return &http.Client{
		Timeout: fetchTimeout,
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true,
			DisableKeepAlives: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// checkPin looks for the pin among the certificates of the chains that were
// verified, so that an authority's key can be pinned as well as a server's.
func checkPin(state tls.ConnectionState, pinned pin.Pin) error {
	for _, chain := range state.VerifiedChains {
		for _, certificate := range chain {
			if pinned.Matches(certificate.RawSubjectPublicKeyInfo) {
				return nil
			}
		}
	}
	return errors.New("no public key of the server is jwks_pin")
}

// fetch gets a JWK Set. What the server says is in no error.
func fetch(client *http.Client, url string) (set, error) {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, errors.New("the answer did not arrive whole")
	}
	return parseSet(document)
}
