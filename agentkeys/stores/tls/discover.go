package tls

import (
	"context"
	"iter"
	"net"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/sweep"
)

// Discoverer finds TLS endpoints.
type Discoverer struct{ sweep *sweep.Sweep }

// NewDiscoverer makes one that looks at the addresses of the sweep.
func NewDiscoverer(s *sweep.Sweep) Discoverer { return Discoverer{s} }

// Discover implements stores.Discoverer. What answers and makes no handshake is yielded
// with its problem.
func (d Discoverer) Discover(ctx context.Context) iter.Seq2[stores.Found, error] {
	return d.sweep.Each(ctx, "tls", func(ctx context.Context, address string, dial sweep.Dialer) ([]stores.Found, error) {
		connection, err := dial(ctx)
		if err != nil {
			return nil, err
		}
		defer connection.Close()
		name, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		entry, err := shake(ctx, connection, address, name)
		if err != nil {
			return nil, err
		}
		about := map[string]string{"key": entry.Key.Kind()}
		if certificate := entry.Key.Certificate; certificate != nil {
			about["subject"] = certificate.Subject.String()
			about["issuer"] = certificate.Issuer.String()
			about["expires"] = certificate.NotAfter.UTC().Format(time.RFC3339)
			about["intermediates"] = strconv.Itoa(len(entry.Key.Intermediates))
		}
		return []stores.Found{{Kind: "tls", Path: address, About: about}}, nil
	})
}
