package ssh

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/sweep"
)

// ErrNotApproved is the problem of a host key that known_hosts does not have.
var ErrNotApproved = errors.New("not approved")

// Discoverer finds SSH servers and their host keys, and says which are approved. It is
// safe for concurrent use.
type Discoverer struct {
	sweep *sweep.Sweep
	file  string
	mu    sync.Mutex
	seen  []HostKey
}

// HostKey is a key that a server has proved to have.
type HostKey struct {
	// Address is host:port.
	Address string
	Key     ssh.PublicKey
}

// Fingerprint is the key's as ssh-keygen -l prints it.
func (k HostKey) Fingerprint() string { return ssh.FingerprintSHA256(k.Key) }

// NewDiscoverer makes one that compares with the file known_hosts, which need not be
// there yet.
func NewDiscoverer(s *sweep.Sweep, knownHosts string) *Discoverer {
	return &Discoverer{sweep: s, file: knownHosts}
}

// kinds are the types of host key, each with the algorithms that ask a server for it.
var kinds = [][]string{
	{ssh.KeyAlgoED25519},
	{ssh.KeyAlgoECDSA256},
	{ssh.KeyAlgoECDSA384},
	{ssh.KeyAlgoECDSA521},
	{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
}

// Discover implements stores.Discoverer: each key of each host, of which it asks for one
// type after the other. No login is tried. A key that is not in known_hosts, or is
// another there, is yielded with its problem. An error of known_hosts ends the sequence
// before anything is connected to.
func (d *Discoverer) Discover(ctx context.Context) iter.Seq2[stores.Found, error] {
	return func(yield func(stores.Found, error) bool) {
		approved, err := open(d.file)
		if err != nil {
			yield(stores.Found{}, err)
			return
		}
		for found, err := range d.sweep.Each(ctx, "ssh", func(ctx context.Context, address string, dial sweep.Dialer) ([]stores.Found, error) {
			return d.look(ctx, address, dial, approved)
		}) {
			if !yield(found, err) {
				return
			}
		}
	}
}

// Seen returns the keys that were found up to now, whether they are approved or not.
func (d *Discoverer) Seen() []HostKey {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]HostKey(nil), d.seen...)
}

func (d *Discoverer) look(ctx context.Context, address string, dial sweep.Dialer, approved ssh.HostKeyCallback) ([]stores.Found, error) {
	var found []stores.Found
	for _, algorithms := range kinds {
		connection, err := dial(ctx)
		if err != nil {
			return found, err
		}
		key, err := hostKey(connection, address, algorithms)
		_ = connection.Close() // What was to be seen, was.
		if ctx.Err() != nil {
			return found, ctx.Err()
		}
		if none := (*ssh.AlgorithmNegotiationError)(nil); errors.As(err, &none) {
			continue
		}
		if err != nil {
			return found, err
		}
		this := HostKey{address, key}
		d.mu.Lock()
		d.seen = append(d.seen, this)
		d.mu.Unlock()
		found = append(found, stores.Found{
			Kind:    "ssh",
			Path:    knownhosts.Normalize(address) + " " + key.Type(),
			About:   map[string]string{"fingerprint": this.Fingerprint()},
			Problem: check(approved, this),
		})
	}
	if len(found) == 0 {
		return nil, errors.New("it has no host key of a type that is known here")
	}
	return found, nil
}

// errSeen ends a handshake when the key has been seen.
var errSeen = errors.New("the host key was seen")

// hostKey returns the server's key of the algorithms. The server has signed the key
// exchange with it by then; nothing that is secret was sent, no user named.
func hostKey(connection net.Conn, address string, algorithms []string) (ssh.PublicKey, error) {
	var seen ssh.PublicKey
	_, _, _, err := ssh.NewClientConn(connection, address, &ssh.ClientConfig{
		HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			seen = key
			return errSeen
		},
	})
	if seen != nil {
		return seen, nil
	}
	return nil, err
}

// check says whether a key is approved.
func check(approved ssh.HostKeyCallback, k HostKey) error {
	err := approved(k.Address, place(k.Address), k.Key)
	var known *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return fmt.Errorf("%w: %s is revoked in line %d of known_hosts", ErrNotApproved, k.Fingerprint(), revoked.Revoked.Line)
	case !errors.As(err, &known):
		return fmt.Errorf("%w: %w", ErrNotApproved, err)
	}
	for _, other := range known.Want {
		if other.Key.Type() == k.Key.Type() {
			return fmt.Errorf("%w: %s is not the key in line %d of known_hosts; see why it changed, take the old one out with ssh-keygen -R, then approve this", ErrNotApproved, k.Fingerprint(), other.Line)
		}
	}
	return fmt.Errorf("%w: compare it with the host's own, then: --approve %s", errNew, k.Fingerprint())
}

// errNew is ErrNotApproved of a key that may be added.
var errNew = fmt.Errorf("%w", ErrNotApproved)

// place is the address as knownhosts wants it beside the name; the name alone counts.
type place string

func (place) Network() string  { return "tcp" }
func (p place) String() string { return string(p) }
