package config

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/agent"
	"github.com/sealrelay/sealrelay/internal/agent/private"
	"github.com/sealrelay/sealrelay/internal/agent/rekey"
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
	var err error
	trust.Identities, err = c.identities()
	trust.Renew = c.identities
	return trust, err
}

// identities reads the private keys.
func (c *Config) identities() ([]any, error) {
	var all []any
	for _, identity := range c.Identities {
		files, err := c.files(identity)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			identity.File = file
			found, err := c.privates(identity)
			if err != nil {
				return nil, fmt.Errorf("identity %s: %w", file, err)
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// files are the files of an identity.
func (c *Config) files(identity Identity) ([]string, error) {
	if identity.Dir == "" {
		return []string{identity.File}, nil
	}
	found, err := filepath.Glob(filepath.Join(c.Path(identity.Dir), rekey.Pattern))
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("identity %s: the folder has no file %s; `sealrelay agent enroll --dir` makes the first", identity.Dir, rekey.Pattern)
	}
	return found, err
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
