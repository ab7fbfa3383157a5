package service

import (
	"cmp"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/sourcetest"
)

// runner makes what sends requests to the source of this name.
func (f *sourceTestFlags) runner(name string) (*sourcetest.Runner, error) {
	cfg, err := config.Load(*f.config)
	if err != nil {
		return nil, err
	}
	source, found := cfg.Sources[name]
	if !found {
		return nil, cli.UsageErrorf("the configuration has no source of this name")
	}
	runner := &sourcetest.Runner{Source: name}
	if err := f.connect(cfg, runner); err != nil {
		return nil, err
	}
	key, err := f.key()
	if err != nil {
		return nil, err
	}
	scheme, settings, err := source.Scheme()
	if err != nil {
		return nil, err
	}
	runner.Signer, err = sourcetest.NewSigner(scheme, hooks.Settings{Decode: settings.Decode, ReadSecret: cfg.ReadSecret}, key)
	return runner, err
}

// connect sets the runner's address and clients.
func (f *sourceTestFlags) connect(cfg *config.Config, runner *sourcetest.Runner) error {
	var err error
	if runner.Address, runner.HTTP, err = f.server(cfg, push.TLS{CAFile: f.tls.CAFile}); err != nil {
		return err
	}
	runner.HTTP.Timeout = f.timeout
	if f.tls.CertFile == "" {
		return nil
	}
	if _, runner.Certified, err = f.server(cfg, f.tls); err != nil {
		return err
	}
	runner.Certified.Timeout = f.timeout
	return nil
}

// server is where the service is, and a client that trusts it.
func (f *sourceTestFlags) server(cfg *config.Config, trust push.TLS) (string, *http.Client, error) {
	if f.url == "" {
		return configuredServer(cfg, trust)
	}
	at, err := url.Parse(f.url)
	if err != nil || at.Host == "" || at.User != nil || at.Path != "" && at.Path != "/" || at.RawQuery != "" {
		return "", nil, cli.UsageErrorf("--url is not https://HOST:PORT")
	}
	if at.Scheme != "https" && (at.Scheme != "http" || !loopback(at.Hostname())) {
		return "", nil, cli.UsageErrorf("--url is not https; plain http is for loopback addresses only")
	}
	client, err := push.NewHTTP(trust)
	return at.Scheme + "://" + at.Host, client, err
}

func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// configuredServer is where a service with this configuration is, seen from its
// own machine, and a client that trusts the certificate there.
func configuredServer(cfg *config.Config, trust push.TLS) (string, *http.Client, error) {
	host, port, err := net.SplitHostPort(cfg.Server.Listen)
	if err != nil {
		return "", nil, fmt.Errorf("server: listen: %w", err)
	}
	if address, err := netip.ParseAddr(host); host == "" || err == nil && address.IsUnspecified() {
		host = "127.0.0.1"
	}
	at := net.JoinHostPort(host, port)
	if cfg.Server.CertFile == "" {
		client, err := push.NewHTTP(push.TLS{})
		return "http://" + at, client, err
	}
	trust.CAFile = cfg.Path(cfg.Server.CertFile)
	client, err := push.NewHTTP(trust)
	if err != nil {
		return "", nil, err
	}
	name, err := nameIn(trust.CAFile)
	if err != nil {
		return "", nil, err
	}
	if transport, ok := client.Transport.(*http.Transport); ok {
		transport.TLSClientConfig.ServerName = name
	}
	return "https://" + at, client, nil
}

// nameIn is a name for which the certificate in the file is good: it need not be
// good for the address at which the service listens.
func nameIn(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("server: cert_file: %w", err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return "", fmt.Errorf("server: cert_file: %s has no certificate in PEM", file)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", fmt.Errorf("server: cert_file: %w", err)
	}
	var names, addresses string
	if len(certificate.DNSNames) > 0 {
		names = strings.Replace(certificate.DNSNames[0], "*", "any", 1)
	}
	if len(certificate.IPAddresses) > 0 {
		addresses = certificate.IPAddresses[0].String()
	}
	return cmp.Or(names, addresses), nil
}

func (f *sourceTestFlags) key() (crypto.Signer, error) {
	if f.signKey == "" {
		return nil, nil //nolint:nilnil // Most schemes need none.
	}
	data, err := cli.ReadFile(f.signKey)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	private, err := keys.ParsePrivate(data, nil)
	if err != nil {
		return nil, fmt.Errorf("--sign-key: %w", err)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, errors.New("--sign-key: the key cannot sign")
	}
	return signer, nil
}
