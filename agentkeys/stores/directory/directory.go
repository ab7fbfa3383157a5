// Package directory is the certificate store that is a folder of PEM files: each has a
// certificate, those that it was issued by, and its private key if the folder keeps
// that. The alias is the file's name.
package directory

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// Config is the store's part of the configuration.
type Config struct {
	// Dir is the folder. Its own files count, those of folders in it do not. Required.
	Dir string `yaml:"dir"`
}

// Extensions are those of the files that count, in lower case.
var Extensions = []string{".pem", ".crt", ".cer"}

// maxFile is the largest file that is read, in bytes.
const maxFile = 1 << 20

// Store is a folder. It is safe for concurrent use, also by several processes: each
// change replaces one file whole.
type Store struct{ dir string }

// New makes the store; the folder need not be there yet.
func New(config Config) (*Store, error) {
	if config.Dir == "" {
		return nil, errors.New("dir is required")
	}
	return &Store{config.Dir}, nil
}

// Inventory implements stores.Store.
func (s *Store) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return func(yield func(stores.Entry, error) bool) {
		files, err := os.ReadDir(s.dir)
		if err != nil {
			yield(stores.Entry{}, classify(err))
			return
		}
		for _, file := range files {
			if ctx.Err() != nil {
				yield(stores.Entry{}, ctx.Err())
				return
			}
			if file.IsDir() || !Counts(file.Name()) {
				continue
			}
			entry, err := s.Lookup(ctx, file.Name())
			if errors.Is(err, stores.ErrNotFound) {
				continue // It went away meanwhile.
			}
			if err != nil {
				entry = stores.Entry{Alias: file.Name(), Problem: err}
			}
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// Counts reports whether a file of that name in the folder is one of the store.
func Counts(name string) bool {
	return slices.Contains(Extensions, strings.ToLower(filepath.Ext(name))) && !strings.HasPrefix(name, ".")
}

// Lookup implements stores.Store.
func (s *Store) Lookup(ctx context.Context, alias string) (stores.Entry, error) {
	if err := checkAlias(alias); err != nil {
		return stores.Entry{}, err
	}
	if err := ctx.Err(); err != nil {
		return stores.Entry{}, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return stores.Entry{}, classify(err)
	}
	defer root.Close()
	file, err := root.Open(alias)
	if err != nil {
		return stores.Entry{}, classify(err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	defer clear(data)
	switch {
	case err != nil:
		return stores.Entry{}, classify(err)
	case len(data) > maxFile:
		return stores.Entry{}, fmt.Errorf("%w: %s has more than %d bytes", stores.ErrUnreadable, alias, maxFile)
	}
	return parse(alias, data)
}

func parse(alias string, data []byte) (stores.Entry, error) {
	public, err := keys.ParsePublic(data)
	if err != nil {
		return stores.Entry{}, fmt.Errorf("%w: %s: %w", stores.ErrUnreadable, alias, err)
	}
	entry := stores.Entry{Alias: alias, Key: public, Private: stores.PrivateNone}
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		entry.Private = stores.PrivateExportable
	}
	return entry, nil
}

// classify tells what is not there from what cannot be read.
func classify(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", stores.ErrNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %w", stores.ErrDenied, err)
	}
	return fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
}

func checkAlias(alias string) error {
	if alias == "" || strings.ContainsAny(alias, `/\`) || alias != filepath.Base(alias) || !Counts(alias) {
		return fmt.Errorf("%w: alias %q is no name of a file that ends in %s", stores.ErrInvalid, alias, strings.Join(Extensions, ", "))
	}
	return nil
}

// Add implements stores.Adder. Key and certificates are one file, so that no reader
// finds the one without the other; it can be read by the user only if it has a key.
func (s *Store) Add(ctx context.Context, addition stores.Addition) (stores.Outcome, error) {
	if err := stores.CheckAddition(addition); err != nil {
		return stores.Outcome{}, err
	}
	if len(addition.Tags) > 0 || addition.NotExportable {
		return stores.Outcome{}, fmt.Errorf("%w: a folder has no tags, and keys that are in it can be read", stores.ErrInvalid)
	}
	there, err := s.Lookup(ctx, addition.Alias)
	absent := errors.Is(err, stores.ErrNotFound)
	if err != nil && !absent {
		return stores.Outcome{}, err
	}
	data, err := encode(addition)
	if err != nil {
		return stores.Outcome{}, err
	}
	defer clear(data)
	wanted, err := parse(addition.Alias, data)
	if err != nil {
		return stores.Outcome{}, err
	}
	outcome, err := stores.Decide(there, absent, wanted, addition)
	if err != nil || outcome.Did == stores.DidNothing || addition.DryRun {
		return outcome, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return stores.Outcome{}, classify(err)
	}
	defer root.Close()
	mode := fs.FileMode(0o644)
	if addition.Private != nil {
		mode = 0o600
	}
	return outcome, durable.WriteFile(root, addition.Alias, data, durable.Options{Mode: mode})
}

// encode is a file with the private key, if there is one, and the certificates.
func encode(addition stores.Addition) ([]byte, error) {
	if addition.Private == nil {
		return certificatesOnly(addition.Certificates), nil
	}
	private, err := keys.MarshalPrivate(addition.Private, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", stores.ErrInvalid, err)
	}
	return append(private, certificatesOnly(addition.Certificates)...), nil
}

// certificatesOnly leaves out what stands beside certificates in a PEM file.
func certificatesOnly(data []byte) []byte {
	var out []byte
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return out
		}
		if block.Type == "CERTIFICATE" {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		}
	}
}

// Remove implements stores.Remover. Nothing is kept for recovery.
func (s *Store) Remove(_ context.Context, removal stores.Removal) (stores.Outcome, error) {
	if err := checkAlias(removal.Alias); err != nil {
		return stores.Outcome{}, err
	}
	root, err := os.OpenRoot(s.dir)
	if err != nil {
		return stores.Outcome{}, classify(err)
	}
	defer root.Close()
	if _, err := root.Lstat(removal.Alias); err != nil {
		return stores.Outcome{}, classify(err)
	}
	if removal.DryRun {
		return stores.Outcome{Did: stores.DidRemove}, nil
	}
	return stores.Outcome{Did: stores.DidRemove}, durable.Remove(root, removal.Alias)
}

// Create implements stores.Creator. The folder's parent must be there.
func (s *Store) Create(_ context.Context, dryRun bool) (stores.Outcome, error) {
	parent, name := filepath.Split(filepath.Clean(s.dir))
	root, err := os.OpenRoot(filepath.Clean(parent + "."))
	if err != nil {
		return stores.Outcome{}, classify(err)
	}
	defer root.Close()
	switch _, err := root.Lstat(name); {
	case err == nil:
		return stores.Outcome{}, fmt.Errorf("%w: %s", stores.ErrExists, s.dir)
	case !errors.Is(err, fs.ErrNotExist):
		return stores.Outcome{}, classify(err)
	case dryRun:
		return stores.Outcome{Did: stores.DidCreate}, nil
	}
	return stores.Outcome{Did: stores.DidCreate}, durable.MkdirAll(root, name, durable.Options{Mode: 0o700})
}
