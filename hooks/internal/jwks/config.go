package jwks

import (
	"github.com/sealrelay/sealrelay/hooks"
)

// Config has where the keys are that an issuer signs its tokens with: in a file
// or at a URL, exactly one of them. What is at the URL is fetched with the first
// token and kept; from an hour on it is fetched again, and while that fails the
// old keys count for a day. A token of an unknown key makes it be fetched at once,
// but not more often than every 10 s. No request waits longer than 3 s.
type Config struct {
	// File has the issuer's keys, as a JWK Set (RFC 7517).
	File string `yaml:"jwks_file"`
	// URL is where the issuer publishes them, https. No redirect is followed.
	URL string `yaml:"jwks_url"`
	// CAFile has the authorities, in PEM, that the URL's certificate must come
	// from. Default: those of the system
	CAFile string `yaml:"jwks_ca_file"`
	// Pin is the fingerprint that a public key of the URL's server, or of an
	// authority that its certificate comes from, must have: sha256:HEX.
	// Default: any
	Pin string `yaml:"jwks_pin"`
}

// Open reads the files and returns the keys.
func (c Config) Open(s hooks.Settings) (*Keys, error) {
	source, err := c.Source(s)
	if err != nil {
		return nil, err
	}
	return Open(source)
}

// Source is the Source that the configuration means, with its files read.
func (c Config) Source(s hooks.Settings) (Source, error) {
	source := Source{URL: c.URL, Pin: c.Pin}
	var err error
	if source.Document, err = s.ReadPublic(c.File); err != nil {
		return Source{}, err
	}
	if source.CA, err = s.ReadPublic(c.CAFile); err != nil {
		return Source{}, err
	}
	return source, nil
}
