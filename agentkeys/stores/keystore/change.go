package keystore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/filelock"
)

// lockSuffix follows the keystore's name in that of the file by whose lock those who
// change it take turns. It stays.
const lockSuffix = ".lock"

// Add implements stores.Adder. The keystore is replaced in one step; its other entries
// stay as they are. One that cannot be read is not replaced.
func (s *Store) Add(ctx context.Context, addition stores.Addition) (outcome stores.Outcome, err error) {
	if addition.Alias == "" {
		return stores.Outcome{}, fmt.Errorf("%w: there is no alias", stores.ErrInvalid)
	}
	if len(addition.Tags) > 0 || addition.NotExportable {
		return stores.Outcome{}, fmt.Errorf("%w: a keystore has no tags, and keys that are in it can be read", stores.ErrInvalid)
	}
	if err := stores.CheckAddition(addition); err != nil {
		return stores.Outcome{}, err
	}
	wanted, err := wantedEntry(addition)
	if err != nil {
		return stores.Outcome{}, err
	}
	change := keys.KeystoreChange{Alias: addition.Alias, Private: addition.Private, Certificates: addition.Certificates}
	err = s.changeIn(ctx, change, func(there stores.Entry, absent bool) (write bool, err error) {
		outcome, err = stores.Decide(there, absent, wanted, addition)
		return err == nil && outcome.Did != stores.DidNothing && !addition.DryRun, err
	})
	return outcome, err
}

// wantedEntry is the entry that the keystore then has: of a certificate that is trusted,
// that alone.
func wantedEntry(addition stores.Addition) (stores.Entry, error) {
	public, err := keys.ParsePublic(addition.Certificates)
	if err != nil {
		return stores.Entry{}, fmt.Errorf("%w: %w", stores.ErrInvalid, err)
	}
	entry := stores.Entry{Alias: addition.Alias, Key: public, Private: stores.PrivateExportable}
	if addition.Private == nil {
		entry.Private = stores.PrivateNone
		public.Intermediates = nil
	}
	return entry, nil
}

// Remove implements stores.Remover. Nothing is kept for recovery.
func (s *Store) Remove(ctx context.Context, removal stores.Removal) (stores.Outcome, error) {
	err := s.changeIn(ctx, keys.KeystoreChange{Alias: removal.Alias}, func(_ stores.Entry, absent bool) (write bool, err error) {
		if absent {
			return false, fmt.Errorf("%w: %s has no entry %q", stores.ErrNotFound, s.config.File, removal.Alias)
		}
		return !removal.DryRun, nil
	})
	if err != nil {
		return stores.Outcome{}, err
	}
	return stores.Outcome{Did: stores.DidRemove}, nil
}

// changeIn makes a change, if decide says so of what is there, in turn with all others
// that change the keystore.
func (s *Store) changeIn(ctx context.Context, change keys.KeystoreChange, decide func(there stores.Entry, absent bool) (write bool, err error)) error {
	lock, err := filelock.Wait(ctx, s.config.File+lockSuffix)
	if err != nil {
		return classify(err)
	}
	defer lock.Close()
	there, err := s.Lookup(ctx, change.Alias)
	absent := errors.Is(err, stores.ErrNotFound)
	if err != nil && !absent {
		return err
	}
	if write, err := decide(there, absent); err != nil || !write {
		return err
	}
	data, err := readFile(s.config.File)
	if err != nil {
		return err
	}
	defer clear(data)
	return s.withPassword(func(password []byte) error {
		changed, err := keys.ChangeKeystore(data, password, change)
		if err != nil {
			return fmt.Errorf("%w: %w", stores.ErrInvalid, err)
		}
		return s.write(changed)
	})
}

// write replaces the keystore in one step, with the mode that it has.
func (s *Store) write(data []byte) error {
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(s.config.File); err == nil {
		mode = info.Mode().Perm()
	}
	return durable.WritePath(s.config.File, data, durable.Options{Mode: mode})
}

// Create implements stores.Creator: a keystore without entries.
func (s *Store) Create(ctx context.Context, dryRun bool) (stores.Outcome, error) {
	lock, err := filelock.Wait(ctx, s.config.File+lockSuffix)
	if err != nil {
		return stores.Outcome{}, classify(err)
	}
	defer lock.Close()
	switch _, err := os.Lstat(s.config.File); {
	case err == nil:
		return stores.Outcome{}, fmt.Errorf("%w: %s", stores.ErrExists, s.config.File)
	case !errors.Is(err, fs.ErrNotExist):
		return stores.Outcome{}, classify(err)
	}
	err = s.withPassword(func(password []byte) error {
		data, err := keys.NewKeystore(s.format, password)
		switch {
		case err != nil:
			return fmt.Errorf("%w: %w", stores.ErrInvalid, err)
		case dryRun:
			return nil
		}
		return s.write(data)
	})
	return stores.Outcome{Did: stores.DidCreate}, err
}
