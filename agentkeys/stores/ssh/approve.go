package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// open returns what says whether a key is in a known_hosts file; a file that is not
// there approves none.
func open(file string) (ssh.HostKeyCallback, error) {
	callback, err := knownhosts.New(file)
	if errors.Is(err, fs.ErrNotExist) {
		return knownhosts.New()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	}
	return callback, nil
}

// Approve adds to known_hosts, durably and all at once, those of the keys that have one
// of the fingerprints, and returns them. What is there already is not added again. The
// error wraps stores.ErrNotFound if a fingerprint is none of the keys, and
// stores.ErrInvalid if the file has another key of that type for the host or revokes
// it; nothing is written then. Nobody else may change the file meanwhile.
func Approve(ctx context.Context, file string, seen []HostKey, fingerprints []string) ([]HostKey, error) {
	approved, err := open(file)
	if err != nil {
		return nil, err
	}
	var added []HostKey
	for _, fingerprint := range fingerprints {
		known := false
		for _, k := range seen {
			if k.Fingerprint() != fingerprint {
				continue
			}
			known = true
			problem := check(approved, k)
			if problem != nil && !errors.Is(problem, errNew) {
				return nil, fmt.Errorf("%w: %s: %w", stores.ErrInvalid, k.Address, problem)
			}
			twice := slices.ContainsFunc(added, func(a HostKey) bool { return a.Address == k.Address && a.Fingerprint() == fingerprint })
			if problem != nil && !twice {
				added = append(added, k)
			}
		}
		if !known {
			return nil, fmt.Errorf("%w: no host that answered has the key %s", stores.ErrNotFound, fingerprint)
		}
	}
	if len(added) == 0 {
		return nil, nil
	}
	return added, write(ctx, file, added)
}

func write(ctx context.Context, file string, added []HostKey) error {
	mode := fs.FileMode(0o644)
	var data []byte
	info, err := os.Stat(file)
	switch {
	case err == nil:
		mode = info.Mode().Perm()
		if data, err = (&Store{file}).read(ctx); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	}
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		data = append(data, '\n')
	}
	for _, k := range added {
		data = append(data, knownhosts.Line([]string{k.Address}, k.Key)+"\n"...)
	}
	if len(data) > maxFile {
		return fmt.Errorf("%w: %s would have more than %d bytes", stores.ErrInvalid, file, maxFile)
	}
	return durable.WritePath(file, data, durable.Options{Mode: mode})
}
