// Package keystore is the certificate store that is a PKCS#12 or JKS file, as Java,
// browsers and Windows have it. It is read only.
package keystore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Config is the store's part of the configuration.
type Config struct {
	// File is the keystore. Required.
	File string `yaml:"file"`
	// PasswordFile has its password, a newline at its end left out. It is read each
	// time. Default: none, which reads the certificates of a JKS keystore, unchecked,
	// and of a PKCS#12 keystore that has none
	PasswordFile string `yaml:"password_file"`
}

// The formats.
const (
	PKCS12 = "PKCS#12"
	JKS    = "JKS"
)

// maxFile is the largest keystore that is read, in bytes.
const maxFile = 16 << 20

// Store is a keystore. It is safe for concurrent use.
type Store struct {
	config Config
	format string
}

// New makes the store for a keystore of the format; the file need not be there yet.
func New(config Config, format string) (*Store, error) {
	if config.File == "" {
		return nil, errors.New("file is required")
	}
	return &Store{config, format}, nil
}

// Inventory implements stores.Store.
func (s *Store) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return func(yield func(stores.Entry, error) bool) {
		entries, err := s.read(ctx)
		if err != nil {
			yield(stores.Entry{}, err)
			return
		}
		for _, entry := range entries {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// Lookup implements stores.Store. An alias is found in upper or lower case, as keytool
// has it.
func (s *Store) Lookup(ctx context.Context, alias string) (stores.Entry, error) {
	entries, err := s.read(ctx)
	if err != nil {
		return stores.Entry{}, err
	}
	for _, entry := range entries {
		if strings.EqualFold(entry.Alias, alias) {
			return entry, nil
		}
	}
	return stores.Entry{}, fmt.Errorf("%w: %s has no entry %q", stores.ErrNotFound, s.config.File, alias)
}

func (s *Store) read(ctx context.Context) ([]stores.Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	data, err := readFile(s.config.File)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	if s.config.PasswordFile == "" {
		return s.entries(data, nil)
	}
	file, err := os.Open(s.config.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("%w: password_file: %w", stores.ErrUnreadable, err)
	}
	defer file.Close()
	password, err := secretbytes.ReadFrom(file, 1<<10)
	if err != nil {
		return nil, fmt.Errorf("%w: password_file: %w", stores.ErrUnreadable, err)
	}
	defer password.Wipe()
	var entries []stores.Entry
	err = password.Expose(func(plaintext []byte) (err error) {
		entries, err = s.entries(data, []byte(strings.TrimRight(string(plaintext), "\r\n")))
		return err
	})
	return entries, err
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// Of a store that is not there nothing is known, least of all that it is empty.
		return nil, fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: %w", stores.ErrDenied, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", stores.ErrUnreadable, name, maxFile)
	}
	return data, nil
}

func (s *Store) entries(data, password []byte) ([]stores.Entry, error) {
	defer clear(password)
	found, err := keys.Inspect(data, keys.Options{Password: password})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", stores.ErrUnreadable, s.config.File, err)
	}
	entries := make([]stores.Entry, 0, len(found))
	for _, f := range found {
		if f.Keystore != s.format {
			return nil, fmt.Errorf("%w: %s is no %s keystore", stores.ErrUnreadable, s.config.File, s.format)
		}
		entry := stores.Entry{Alias: f.Alias, Key: f.Public, Private: stores.PrivateNone}
		if f.Private {
			entry.Private = stores.PrivateExportable
		}
		entries = append(entries, entry)
	}
	return entries, nil
}
