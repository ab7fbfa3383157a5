// Package ssh is the store that is the host keys of SSH servers, as a known_hosts file
// has them: somebody has approved them. It is read only.
package ssh

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// Config is the store's part of the configuration.
type Config struct {
	// KnownHosts is the file, in the form of OpenSSH. An alias is a host as it stands
	// there, a space, and the key's type: "web.example ssh-ed25519". A hashed name
	// stands for itself. Required.
	KnownHosts string `yaml:"known_hosts"`
}

// maxFile is the largest file that is read, in bytes.
const maxFile = 16 << 20

// Store is a known_hosts file. It is safe for concurrent use.
type Store struct{ file string }

// New makes the store.
func New(config Config) (*Store, error) {
	if config.KnownHosts == "" {
		return nil, errors.New("known_hosts is required")
	}
	return &Store{config.KnownHosts}, nil
}

// Inventory implements stores.Store. A key that was revoked is disabled; a line that
// cannot be read is yielded with its problem.
func (s *Store) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return func(yield func(stores.Entry, error) bool) {
		data, err := s.read(ctx)
		if err != nil {
			yield(stores.Entry{}, err)
			return
		}
		for _, entry := range Parse(data) {
			if !yield(entry, nil) {
				return
			}
		}
	}
}

// Lookup implements stores.Store.
func (s *Store) Lookup(ctx context.Context, alias string) (stores.Entry, error) {
	data, err := s.read(ctx)
	if err != nil {
		return stores.Entry{}, err
	}
	for _, entry := range Parse(data) {
		if entry.Alias == alias {
			return entry, entry.Problem
		}
	}
	return stores.Entry{}, fmt.Errorf("%w: %s has no %q", stores.ErrNotFound, s.file, alias)
}

func (s *Store) read(ctx context.Context) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	file, err := os.Open(s.file)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("%w: %w", stores.ErrDenied, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil || len(data) > maxFile {
		return nil, errors.Join(fmt.Errorf("%w: %s has more than %d bytes or breaks off", stores.ErrUnreadable, s.file, maxFile), err)
	}
	return data, nil
}

// Parse reads a known_hosts file (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). Each alias is
// there once; of keys that are there twice the one that is revoked counts.
func Parse(data []byte) []stores.Entry {
	var entries []stores.Entry
	at := map[string]int{}
	for number, line := range bytes.Split(data, []byte("\n")) {
		if trimmed := bytes.TrimSpace(line); len(trimmed) == 0 || trimmed[0] == '#' {
			continue
		}
		for _, entry := range parseLine(number+1, line) {
			there, twice := at[entry.Alias]
			switch {
			case !twice:
				at[entry.Alias] = len(entries)
				entries = append(entries, entry)
			case entry.Disabled:
				entries[there] = entry
			}
		}
	}
	return entries
}

// parseLine returns the entries of a line, one for each host.
func parseLine(number int, line []byte) []stores.Entry {
	problem := func(format string, arguments ...any) []stores.Entry {
		return []stores.Entry{{Alias: fmt.Sprintf("line %d", number), Problem: fmt.Errorf("%w: "+format, append([]any{stores.ErrUnreadable}, arguments...)...)}}
	}
	marker, hosts, key, _, _, err := ssh.ParseKnownHosts(line)
	if err != nil {
		return problem("it is no line of a known_hosts file")
	}
	if marker == "cert-authority" {
		return problem("it is the key of an authority, not of a host")
	}
	public, err := keys.ParsePublic(ssh.MarshalAuthorizedKey(key))
	if err != nil {
		return problem("%w", err)
	}
	var entries []stores.Entry
	for _, host := range hosts {
		entries = append(entries, stores.Entry{Alias: host + " " + key.Type(), Key: public, Private: stores.PrivateNone, Disabled: marker == "revoked"})
	}
	return entries
}
