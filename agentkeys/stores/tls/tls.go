// Package tls is the certificate store that is what TLS endpoints serve. It is read
// only: a handshake is made with each, and nothing else is sent.
package tls

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"iter"
	"net"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/gather"
)

// Config is the store's part of the configuration.
type Config struct {
	// Endpoints are the addresses, each host:port; it is the alias. Required.
	Endpoints []string `yaml:"endpoints"`
	// ServerName is the name that is asked for. Default: the endpoint's host
	ServerName string `yaml:"server_name"`
	// Timeout bounds connection and handshake with one endpoint. At most 1m.
	// Default: 10s
	Timeout time.Duration `yaml:"timeout"`
}

// together is how many endpoints are connected to at once.
const together = 16

// Store is a list of endpoints. It is safe for concurrent use.
type Store struct{ config Config }

// New makes the store.
func New(config Config) (*Store, error) {
	if len(config.Endpoints) == 0 {
		return nil, errors.New("endpoints is required")
	}
	for _, endpoint := range config.Endpoints {
		if host, port, err := net.SplitHostPort(endpoint); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("endpoints: %q is no host:port", endpoint)
		}
	}
	if config.Timeout == 0 {
		config.Timeout = 10 * time.Second
	}
	if config.Timeout < time.Millisecond || config.Timeout > time.Minute {
		return nil, errors.New("timeout is not 1ms to 1m")
	}
	return &Store{config}, nil
}

// Inventory implements stores.Store. An endpoint that cannot be reached is yielded with
// its problem.
func (s *Store) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return gather.Each(ctx, func(ctx context.Context, send func(stores.Entry)) error {
		var group errgroup.Group
		group.SetLimit(together)
		for _, endpoint := range s.config.Endpoints {
			group.Go(func() error {
				entry, err := s.Lookup(ctx, endpoint)
				if err != nil {
					entry = stores.Entry{Alias: endpoint, Problem: err}
				}
				send(entry)
				return nil
			})
		}
		return group.Wait()
	})
}

// Lookup implements stores.Store: the certificate that the endpoint serves now. The
// alias is one of the endpoints.
func (s *Store) Lookup(ctx context.Context, alias string) (stores.Entry, error) {
	listed := false
	for _, endpoint := range s.config.Endpoints {
		listed = listed || endpoint == alias
	}
	if !listed {
		return stores.Entry{}, fmt.Errorf("%w: %q is none of the endpoints", stores.ErrNotFound, alias)
	}
	name := s.config.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(alias)
	}
	return Serves(ctx, alias, name, s.config.Timeout)
}

// Serves returns what an address, host:port, serves to who asks for the name.
func Serves(ctx context.Context, address, name string, timeout time.Duration) (stores.Entry, error) {
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(within, "tcp", address)
	if err == nil {
		defer connection.Close()
		var entry stores.Entry
		if entry, err = shake(within, connection, address, name); err == nil {
			return entry, nil
		}
	}
	if ctx.Err() != nil {
		return stores.Entry{}, ctx.Err()
	}
	return stores.Entry{}, fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
}

// shake makes the handshake, within ctx.
func shake(ctx context.Context, connection net.Conn, address, name string) (stores.Entry, error) {
	secure := tls.Client(connection, &tls.Config{
		ServerName: name,
		// What is served is to be seen, expired or issued by whomever; it is not
		// trusted, and nothing is said to who serves it.
		InsecureSkipVerify: true,             //nolint:gosec // See above.
		MinVersion:         tls.VersionTLS10, //nolint:gosec // And by whatever version.
	})
	if err := secure.HandshakeContext(ctx); err != nil {
		return stores.Entry{}, err
	}
	var chain []byte
	for _, certificate := range secure.ConnectionState().PeerCertificates {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...)
	}
	public, err := keys.ParsePublic(chain)
	if err != nil {
		return stores.Entry{}, err
	}
	return stores.Entry{Alias: address, Key: public, Private: stores.PrivateNone}, nil
}
