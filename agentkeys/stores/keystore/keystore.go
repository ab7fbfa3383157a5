// Package keystore is the certificate store that is a PKCS#12 or JKS file, as Java,
// browsers and Windows have it. A key in it has the keystore's password.
package keystore

import (
	"bytes"
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
	var entries []stores.Entry
	err = s.withPassword(func(password []byte) (err error) {
		entries, err = s.entries(data, password)
		return err
	})
	return entries, err
}

// withPassword does something with the password, nil if there is none.
func (s *Store) withPassword(do func(password []byte) error) error {
	if s.config.PasswordFile == "" {
		return do(nil)
	}
	file, err := os.Open(s.config.PasswordFile)
	if err != nil {
		return fmt.Errorf("%w: password_file: %w", stores.ErrUnreadable, err)
	}
	defer file.Close()
	password, err := secretbytes.ReadFrom(file, 1<<10)
	if err != nil {
		return fmt.Errorf("%w: password_file: %w", stores.ErrUnreadable, err)
	}
	defer password.Wipe()
	return password.Expose(func(plaintext []byte) error { return do(bytes.TrimRight(plaintext, "\r\n")) })
}

// classify tells what must not be read from what cannot be. Of a store that is not there
// nothing is known, least of all that it is empty.
func classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", stores.ErrDenied, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
}

func readFile(name string) ([]byte, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, classify(err)
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
	found, err := keys.Inspect(data, keys.Options{Password: password})
	if err != nil {
		if empty, emptyErr := keys.IsEmptyKeystore(data, password); empty && emptyErr == nil {
			return nil, nil
		}
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
