package https

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/netguard"
)

// Config is the destination's part of the configuration.
type Config struct {
	// URL is where the receiver takes deliveries, https://HOST/PATH. Required.
	URL string `yaml:"url"`
	// CAFile has the certificate authorities, in PEM, of which one must have
	// issued the receiver's certificate. Default: the system's
	CAFile string `yaml:"ca_file"`
	// Pins are fingerprints of the receiver's certificate or of its public key
	// (SubjectPublicKeyInfo), each sha256: and 64 hexadecimal digits; one of them
	// must match. Without CAFile they are all that is looked at beside the time in
	// which the certificate is valid, so that it may be self-signed; with it, both
	// must hold.
	Pins []string `yaml:"pins"`
	// CertFile has the client certificate that is shown to the receiver, with its
	// chain, in PEM. It is read at each connection, so that a renewed one is used
	// at once.
	CertFile string `yaml:"cert_file"`
	// KeyFile has the private key of CertFile, in PEM.
	KeyFile string `yaml:"key_file"`
	// SecretFiles have secrets shared with the receiver (whsec_...), for the
	// symmetric signatures (v1) of Standard Webhooks; two while it changes from
	// one to the other. Every request is signed with the service's key anyway.
	SecretFiles []string `yaml:"secret_files"`
	// Allow are the networks, such as 10.0.0.0/8, that the receiver's address must
	// be in. Loopback must be listed by a network within it; link-local, metadata
	// and multicast addresses are refused even then. Default: all other addresses
	Allow []string `yaml:"allow"`
	// Proxy is an HTTP proxy, http://HOST:PORT, that connections go through. Allow
	// is about its address then. Default: none, whatever the environment says
	Proxy string `yaml:"proxy"`
	// Timeout bounds one request, from the connection to the end of the answer,
	// from 1s to 5m; delivery.timeout bounds it as well. Default: 20s
	Timeout time.Duration `yaml:"timeout"`
	// Receipt is `required` if the receiver must answer with the agent's receipt,
	// else `optional`; a receipt that is wrong is an error with either. Default:
	// required if the agent has signing_key_files
	Receipt string `yaml:"receipt"`
}

// The values of Config.Receipt.
const (
	required = "required"
	optional = "optional"
)

const (
	defaultTimeout = 20 * time.Second
	minTimeout     = time.Second
	maxTimeout     = 5 * time.Minute
)

// target is where requests go.
func (c Config) target() (*url.URL, error) {
	at, err := url.Parse(c.URL)
	// A URL that cannot be read is not repeated: its path may be a credential.
	if err != nil || at.Scheme != "https" || at.Hostname() == "" || at.User != nil || at.Fragment != "" || at.Opaque != "" {
		return nil, errors.New("url is not https://HOST/PATH without user and fragment")
	}
	if at.Path == "" {
		at.Path = "/"
	}
	return at, nil
}

// guard holds connections to Allow. An address in url is checked at once.
func (c Config) guard(at *url.URL) (*netguard.Guard, error) {
	networks, err := config.Networks(c.Allow)
	if err != nil {
		return nil, fmt.Errorf("allow: %w", err)
	}
	guard := netguard.New(networks)
	address, err := netip.ParseAddr(at.Hostname())
	if err != nil || c.Proxy != "" {
		return guard, nil //nolint:nilerr // A name is checked when it is resolved.
	}
	if err := guard.Check(address); err != nil {
		return nil, fmt.Errorf("url: %w (setting allow)", err)
	}
	return guard, nil
}

// via is the proxy, nil if there is none.
func (c Config) via() (*url.URL, error) {
	if c.Proxy == "" {
		return nil, nil
	}
	at, err := url.Parse(c.Proxy)
	if err != nil || at.Scheme != "http" || at.Host == "" || at.User != nil || at.Path != "" || at.RawQuery != "" || at.Fragment != "" {
		return nil, errors.New("proxy is not http://HOST:PORT without user")
	}
	return at, nil
}

func (c Config) timeout() (time.Duration, error) {
	switch {
	case c.Timeout == 0:
		return defaultTimeout, nil
	case c.Timeout < minTimeout || c.Timeout > maxTimeout:
		return 0, fmt.Errorf("timeout %v is not from %v to %v", c.Timeout, minTimeout, maxTimeout)
	}
	return c.Timeout, nil
}

// mustHaveReceipt says whether an answer without a receipt is an error.
func (c Config) mustHaveReceipt(hasKeys bool) (bool, error) {
	switch {
	case c.Receipt == "":
		return hasKeys, nil
	case c.Receipt == optional:
		return false, nil
	case c.Receipt != required:
		return false, fmt.Errorf("receipt is neither %s nor %s", required, optional)
	case !hasKeys:
		return false, errors.New("receipt is required, and the agent has no signing_key_files to verify one with")
	}
	return true, nil
}
