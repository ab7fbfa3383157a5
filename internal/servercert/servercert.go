// Package servercert is a TLS server's certificate, which is read again when its
// files change.
package servercert

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// checkEvery is how often, at most, the files are looked at.
const checkEvery = time.Second

// Certificate is the server's certificate, read again when its files change.
// It is safe for concurrent use.
type Certificate struct {
	certFile, keyFile string
	log               zerolog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]stamp
	checked time.Time
}

// stamp is what tells one state of a file from another.
type stamp struct {
	modified time.Time
	size     int64
}

// Load reads the PEM files.
func Load(certFile, keyFile string, log zerolog.Logger) (*Certificate, error) {
	c := &Certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(time.Now()); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads the files now. On an error the old certificate stays.
func (c *Certificate) Reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.load(time.Now())
}

// get is tls.Config.GetCertificate.
func (c *Certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Sub(c.checked) < checkEvery {
		return c.current, nil
	}
	c.checked = now
	if c.stamps() == c.seen {
		return c.current, nil
	}
	if err := c.load(now); err != nil {
		c.log.Error().Err(err).Msg("the server's new certificate is not usable, the old one is kept")
	}
	return c.current, nil
}

func (c *Certificate) stamps() [2]stamp {
	var out [2]stamp
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			out[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return out
}

// load remembers the state of the files even when they are bad, so that each
// bad state is reported once.
func (c *Certificate) load(now time.Time) error {
	c.checked, c.seen = now, c.stamps()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("server certificate: %w", err)
	}
	if now.After(pair.Leaf.NotAfter) {
		return fmt.Errorf("server certificate: %s expired at %s", c.certFile, pair.Leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	if now.Before(pair.Leaf.NotBefore) {
		return fmt.Errorf("server certificate: %s is not valid before %s", c.certFile, pair.Leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	c.current = &pair
	c.log.Info().Str("subject", pair.Leaf.Subject.String()).Time("not_after", pair.Leaf.NotAfter).Msg("server certificate loaded")
	return nil
}

// TLSConfig makes a server's configuration: TLS 1.2 or newer, and no client is
// asked for a certificate.
func (c *Certificate) TLSConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"h2", "http/1.1"},
		GetCertificate: c.get,
	}
}

// AskingTLSConfig is TLSConfig for a server that asks a client for a certificate
// only while askClient says so; whether it is good is decided by source.
func (c *Certificate) AskingTLSConfig(askClient func() bool) *tls.Config {
	plain := c.TLSConfig()
	// Both are made once, so that session tickets stay good between handshakes.
	asking := plain.Clone()
	asking.ClientAuth = tls.RequestClientCert
	config := plain.Clone()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if askClient() {
			return asking, nil
		}
		return plain, nil
	}
	return config
}
