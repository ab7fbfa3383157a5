// Package daemon wires an agent's parts together and runs them.
package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/poller"
	"github.com/sealrelay/sealrelay/internal/agent/program"
	"github.com/sealrelay/sealrelay/internal/agent/receiver"
	"github.com/sealrelay/sealrelay/internal/agent/work"
	shared "github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/mailbox/client"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// stopWithin bounds how long requests may go on when the agent stops.
const stopWithin = 10 * time.Second

// Options are what the program gives its agent.
type Options struct {
	Azure Azure
	// Logs writes the last lines of the log, for jobs that fetch them; nil if none are
	// kept.
	Logs func(io.Writer) error
	Log  zerolog.Logger
}

// Azure is what an agent does in Azure, for which not every program has the SDK.
type Azure struct {
	// Vaults makes what reads the vaults of the configuration.
	Vaults Vaults
	// Jobs is what jobs do there; nil for nothing.
	Jobs func(c *config.Config) work.Azure
}

// Run runs the agent until ctx ends, which is no error. It logs "agent is ready"
// with the address once it takes deliveries.
func Run(ctx context.Context, c *config.Config, o Options) (err error) {
	log := o.Log
	if c.Receive == nil && c.Mailbox == nil && len(c.Vaults) == 0 {
		return errors.New("neither receive, mailbox nor vaults is set: nothing would ever come")
	}
	agent, err := program.New(c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, agent.Close()) }()
	parts, ready, err := connect(c, agent, o)
	if err != nil {
		return err
	}
	readers, err := o.Azure.Vaults(c, agent.Accept, log)
	if err != nil {
		return err
	}
	parts = append(parts, readers...)
	running, ctx := errgroup.WithContext(ctx)
	for _, part := range append(parts, agent.Run) {
		running.Go(func() error { return part(ctx) })
	}
	ready.Str("agent", c.Name).Msg("agent is ready")
	return running.Wait()
}

// Part runs until its context ends.
type Part = func(context.Context) error

// Accept takes a delivery and returns the agent's receipt.
type Accept = func(ctx context.Context, delivery wire.Delivery) (receipt string, err error)

// Vaults makes what reads the vaults of the configuration; nothing if it has none.
type Vaults func(c *config.Config, accept Accept, log zerolog.Logger) ([]Part, error)

// connect makes what brings deliveries, and the log event that tells of it.
func connect(c *config.Config, agent *program.Agent, o Options) (parts []Part, ready *zerolog.Event, err error) {
	log := o.Log
	ready = log.Info()
	if c.Mailbox != nil {
		asked := make(chan struct{}, 1)
		mailbox, err := newMailbox(c, asked)
		if err != nil {
			return nil, nil, fmt.Errorf("mailbox: %w", err)
		}
		parts = append(parts, func(ctx context.Context) error { rekeyWhenAsked(ctx, c, asked, log); return nil })
		poll := &poller.Poller{Mailbox: mailbox, Accept: agent.Accept, Log: log}
		parts = append(parts, func(ctx context.Context) error { poll.Run(ctx); return nil })
		ready.Str("mailbox", c.Mailbox.URL)
		if c.Jobs != nil {
			runner, err := newRunner(c, mailbox, o)
			if err != nil {
				return nil, nil, fmt.Errorf("jobs: %w", err)
			}
			parts = append(parts, func(ctx context.Context) error { runner.Run(ctx); return nil })
			ready.Strs("jobs", c.Jobs.Kinds)
		}
	}
	if c.Receive != nil {
		server, err := receiver.NewServer(c, agent.Accept, log)
		if err != nil {
			return nil, nil, err
		}
		listener, err := net.Listen("tcp", c.Receive.Listen)
		if err != nil {
			return nil, nil, fmt.Errorf("receive: %w", err)
		}
		parts = append(parts, func(ctx context.Context) error { return serve(ctx, server, listener) })
		ready.Stringer("receive", listener.Addr())
	}
	return parts, ready, nil
}

// newRunner makes what does jobs of the service.
func newRunner(c *config.Config, mailbox *client.Client, o Options) (*jobs.Runner, error) {
	options := work.Options{Work: client.NewJobs(mailbox, o.Log), Logs: o.Logs, Log: o.Log}
	if o.Azure.Jobs != nil {
		options.Azure = o.Azure.Jobs(c)
	}
	return work.New(c, options)
}

// serve serves until ctx ends, and then finishes the requests that are there.
func serve(ctx context.Context, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	select {
	case err := <-failed:
		return fmt.Errorf("receive: %w", err)
	case <-ctx.Done():
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := server.Shutdown(within); err != nil {
		_ = server.Close()
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("receive: %w", err)
	}
	return nil
}

func newMailbox(c *config.Config, asked chan<- struct{}) (*client.Client, error) {
	options := client.Options{URL: c.Mailbox.URL, Agent: c.Name, AskedKeys: func() {
		select {
		case asked <- struct{}{}:
		default:
		}
	}}
	var err error
	if c.Mailbox.CertFile == "" {
		if options.SigningKey, err = c.SigningKey(); err != nil {
			return nil, err
		}
	}
	if options.HTTP, err = httpClient(c); err != nil {
		return nil, err
	}
	return client.New(options)
}

// httpClient connects to the service, as the mailbox's settings say.
func httpClient(c *config.Config) (*http.Client, error) {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.Mailbox.CAFile != "" {
		data, err := shared.ReadBounded(c.Path(c.Mailbox.CAFile))
		if err != nil {
			return nil, err
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(data) {
			return nil, errors.New("ca_file has no PEM certificate")
		}
	}
	if c.Mailbox.CertFile != "" {
		// Read anew for each connection: certificates are renewed.
		certFile, keyFile := c.Path(c.Mailbox.CertFile), c.Path(c.Mailbox.KeyFile)
		secure.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			pair, err := tls.LoadX509KeyPair(certFile, keyFile)
			return &pair, err
		}
		if _, err := secure.GetClientCertificate(nil); err != nil {
			return nil, err
		}
	}
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: secure, ForceAttemptHTTP2: true, Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second,
	}}, nil
}
