package jwks

import (
	"github.com/sealrelay/sealrelay/hooks"
)

// Config is what a configuration has for a Source.
type Config struct {
	// File has the issuer's keys, as a JWK Set.
	File string `yaml:"jwks_file"`
	// URL is where the issuer publishes them, in place of a file.
	URL string `yaml:"jwks_url"`
	// CAFile are the authorities that the URL's certificate must come from.
	CAFile string `yaml:"jwks_ca_file"`
	// Pin is the fingerprint that a public key of the URL's server must have.
	Pin string `yaml:"jwks_pin"`
}

// Open reads the files and returns the keys.
func (c Config) Open(s hooks.Settings) (*Keys, error) {
	source := Source{URL: c.URL, Pin: c.Pin}
	for _, file := range []struct {
		name string
		into *[]byte
	}{{c.File, &source.Document}, {c.CAFile, &source.CA}} {
		if file.name == "" {
			continue
		}
		content, err := s.ReadSecret(file.name)
		if err != nil {
			return nil, err
		}
		err = content.Expose(func(b []byte) error {
			*file.into = append([]byte{}, b...)
			return nil
		})
		content.Wipe()
		if err != nil {
			return nil, err
		}
	}
	return Open(source)
}
