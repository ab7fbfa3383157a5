package config

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/agent/private"
	shared "github.com/sealrelay/sealrelay/internal/config"
)

// Trust reads the pinned keys and the identities. A private key that others may
// read is refused.
func (c *Config) Trust() (*agent.Trust, error) {
	trust := &agent.Trust{Agent: c.Name}
	for _, file := range c.ServiceKeyFiles {
		data, err := shared.ReadBounded(c.Path(file))
		if err != nil {
			return nil, fmt.Errorf("service key: %w", err)
		}
		key, err := keys.ParseVerifying(data)
		if err != nil {
			return nil, fmt.Errorf("service key %s: %w", file, err)
		}
		trust.Service = append(trust.Service, key)
	}
	for _, identity := range c.Identities {
		found, err := c.privates(identity)
		if err != nil {
			return nil, fmt.Errorf("identity %s: %w", identity.File, err)
		}
		trust.Identities = append(trust.Identities, found...)
	}
	return trust, nil
}

func (c *Config) privates(identity Identity) ([]any, error) {
	options := keys.Options{Alias: identity.Alias}
	if identity.PasswordFile != "" {
		password, err := c.readPrivate(identity.PasswordFile)
		if err != nil {
			return nil, err
		}
		defer clear(password)
		options.Password = bytes.TrimSuffix(bytes.TrimSuffix(password, []byte("\n")), []byte("\r"))
	}
	data, err := c.readPrivate(identity.File)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return keys.ParsePrivates(data, options)
}

// SigningKey reads the key that signs receipts.
func (c *Config) SigningKey() (ed25519.PrivateKey, error) {
	if c.SigningKeyFile == "" {
		return nil, errors.New("signing_key_file is missing; make one with `sealrelay keys generate ed25519 --out signing.key --pub signing.pub`, and give signing.pub to the service")
	}
	data, err := c.readPrivate(c.SigningKeyFile)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	defer clear(data)
	key, err := keys.ParseSigning(data)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", c.SigningKeyFile, err)
	}
	return key, nil
}

// readPrivate reads a file that must be its owner's alone.
func (c *Config) readPrivate(file string) ([]byte, error) {
	if err := private.CheckFile(c.Path(file)); err != nil {
		return nil, err
	}
	return shared.ReadBounded(c.Path(file))
}
