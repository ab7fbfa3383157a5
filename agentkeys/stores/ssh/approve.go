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
	"github.com/sealrelay/sealrelay/internal/filelock"
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

// lockSuffix follows the file's name in that of the file by whose lock those who approve
// take turns. It stays.
const lockSuffix = ".lock"

// Approve adds to known_hosts, durably and all at once, those of the keys that have one
// of the fingerprints, and returns them. What is there already is not added again. The
// error wraps stores.ErrNotFound if a fingerprint is none of the keys, and
// stores.ErrInvalid if the file has another key of that type for the host or revokes
// it; nothing is written then. Those who approve at the same time, in other processes
// too, take turns until ctx ends; other programs that write the file know nothing of
// that.
func Approve(ctx context.Context, file string, seen []HostKey, fingerprints []string) ([]HostKey, error) {
	named, err := pick(seen, fingerprints)
	if err != nil {
		return nil, err
	}
	lock, err := filelock.Wait(ctx, file+lockSuffix)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: %w", stores.ErrDenied, err)
	case err != nil:
		return nil, fmt.Errorf("waiting for the turn to change %s: %w", file, err)
	}
	defer lock.Close()
	added, err := missing(file, named)
	if err != nil || len(added) == 0 {
		return nil, err
	}
	return added, write(ctx, file, added)
}

// pick returns the keys that have one of the fingerprints, each once for an address.
func pick(seen []HostKey, fingerprints []string) ([]HostKey, error) {
	var named []HostKey
	for _, fingerprint := range fingerprints {
		known := false
		for _, k := range seen {
			if k.Fingerprint() != fingerprint {
				continue
			}
			known = true
			if !slices.ContainsFunc(named, func(n HostKey) bool { return n.Address == k.Address && n.Fingerprint() == fingerprint }) {
				named = append(named, k)
			}
		}
		if !known {
			return nil, fmt.Errorf("%w: no host that answered has the key %s", stores.ErrNotFound, fingerprint)
		}
	}
	return named, nil
}

// missing returns the keys that the file does not have, if all of them may be there.
func missing(file string, named []HostKey) ([]HostKey, error) {
	approved, err := open(file)
	if err != nil {
		return nil, err
	}
	var added []HostKey
	for _, k := range named {
		switch problem := check(approved, k); {
		case errors.Is(problem, errNew):
			added = append(added, k)
		case problem != nil:
			return nil, fmt.Errorf("%w: %s: %w", stores.ErrInvalid, k.Address, problem)
		}
	}
	return added, nil
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
