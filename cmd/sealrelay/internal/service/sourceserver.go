package service

import (
	"cmp"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"

	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/push"
)

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
