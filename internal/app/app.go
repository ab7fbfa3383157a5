// Package app puts the service together: New, Start, Reload, Stop. It handles
// no signals, so that a test or the demo can run the real service in a process
// of theirs.
package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
	"github.com/sealrelay/sealrelay/internal/servercert"
)

// Options are what is not in the configuration.
type Options struct {
	// InsecureLoopback serves hooks over plain HTTP, which is refused unless
	// the listener is on loopback; for a proxy that terminates TLS.
	InsecureLoopback bool
	// Version is shown in /metrics.
	Version string
	// Logs writes the last lines of the log, for jobs that fetch them; nil if none are
	// kept.
	Logs func(io.Writer) error
	Log  zerolog.Logger
}

// App is the running service. Its methods are to be called by one goroutine.
type App struct {
	cfg     *config.Config
	options Options
	log     zerolog.Logger

	store      *sqlite.Outbox
	intake     *intake.Intake
	recipients *recipientset.Signer
	built      atomic.Pointer[Built]
	// changing is held while another configuration, latest, or other enrolled
	// keys are put in force.
	changing    sync.Mutex
	latest      atomic.Pointer[config.Config]
	enrolled    map[string]config.Enrolled
	desk        *enrol.Desk
	certificate *servercert.Certificate
	observed    *observed
	dispatcher  *deliver.Dispatcher
	mailbox     *mailbox.Mailbox
	jobs        *jobs.Desk
	// changedByJobs are stores whose keys are to be read anew.
	changedByJobs chan string
	// quarantined are the agents that intake was told of; only one goroutine at a
	// time reads them anew.
	quarantined map[string]bool

	hooks, admin   *http.Server
	hooksListener  net.Listener
	adminListener  net.Listener
	stopBackground context.CancelFunc
	background     sync.WaitGroup
	failed         chan error
	// reloaded and replan have room for one signal.
	reloaded, replan chan struct{}
	// changedStores are stores whose keys are to be read anew.
	changedStores chan changedStore
}

// OutboxPath is where the configuration's outbox is.
func OutboxPath(cfg *config.Config) string {
	return filepath.Join(cfg.Path(cfg.DataDir), "outbox.db")
}

// New reads everything that the configuration names and opens the outbox. It
// listens to nothing yet. Close the App with Stop, whether it was started or
// not.
func New(ctx context.Context, cfg *config.Config, options Options) (*App, error) {
	cfg, err := readStoresFirst(ctx, cfg, options.Log)
	if err != nil {
		return nil, err
	}
	a := &App{cfg: cfg, options: options, log: options.Log, failed: make(chan error, 4), reloaded: make(chan struct{}, 1), replan: make(chan struct{}, 1), changedByJobs: make(chan string, changesWaiting), changedStores: make(chan changedStore), stopBackground: func() {}}
	built, err := a.build(cfg)
	if err != nil {
		return nil, err
	}
	a.built.Store(built)
	a.latest.Store(cfg)
	if err := a.loadCertificate(); err != nil {
		return nil, err
	}
	signer, err := readSigner(cfg)
	if err != nil {
		return nil, err
	}
	defer clear(signer.seed)
	warn := func(message string) { a.log.Warn().Msg(message) }
	a.store, err = sqlite.Open(ctx, OutboxPath(cfg), sqlite.Options{Warn: warn})
	if err != nil {
		return nil, fmt.Errorf("open outbox: %w", err)
	}
	a.intake = intake.New(a.store, signer.Signer, signer.seed, a.log, built.Rules)
	if err := a.readQuarantine(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("read who is in quarantine: %w", err), a.store.Close())
	}
	if err := a.dropEscrow(ctx, built.Rules); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	a.recipients = signer.recipients
	a.observed = newObserved(a.store, a.store, options.Version)
	a.jobs = jobs.NewDesk(jobs.DeskOptions{Jobs: a.store, Definitions: a.definitions, Changed: a.jobChanged, Log: a.log})
	a.mailbox, err = mailbox.New(mailbox.Options{Outbox: a.store, Agents: a.caller, Issuer: cfg.Issuer, Jobs: a.jobs.For, Log: a.log})
	if err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	if err := a.openDesk(ctx, signer.seed); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	if a.dispatcher, err = a.newDispatcher(); err != nil {
		return nil, errors.Join(err, a.store.Close())
	}
	reportKeys(a.log, a.built.Load().Rules.Registry(), time.Now())
	return a, nil
}

// build is Build for the way that this service is served. Over plain HTTP no
// client shows a certificate: a source that asks for one could never be called, and
// an agent that is known by one could never call.
func (a *App) build(cfg *config.Config) (*Built, error) {
	built, err := Build(cfg.WithEnrolled(a.enrolled))
	if err == nil && a.options.InsecureLoopback && built.asksClient {
		return nil, errors.New("a source or an agent has client_certificate, or a source verifies by client-certificate, which --insecure-loopback can never see; let the proxy ask for it and remove the setting, or serve TLS here")
	}
	return built, err
}

// signer signs statements and recipient sets. The seed of its key also keys the
// digests of intake, under labels of their own.
type signer struct {
	*statement.Signer
	recipients *recipientset.Signer
	seed       []byte
}

func readSigner(cfg *config.Config) (*signer, error) {
	data, err := cfg.ReadFile(cfg.SigningKeyFile)
	if err != nil {
		return nil, fmt.Errorf("signing_key_file: %w; make one with `sealrelay keys generate ed25519 --out FILE`", err)
	}
	defer clear(data)
	key, err := keys.ParseSigning(data)
	if err != nil {
		return nil, fmt.Errorf("signing_key_file: %w", err)
	}
	statements, err := statement.NewSigner(key, cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	recipients, err := recipientset.NewSigner(key, cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer: %w", err)
	}
	return &signer{statements, recipients, key.Seed()}, nil
}

func (a *App) loadCertificate() error {
	server := a.cfg.Server
	switch {
	case a.options.InsecureLoopback && !config.Loopback(server.Listen):
		return fmt.Errorf("--insecure-loopback serves plain HTTP, and server.listen %q is not on loopback; use 127.0.0.1:PORT, or TLS", server.Listen)
	case a.options.InsecureLoopback:
		return nil
	case server.CertFile == "":
		return errors.New("server: cert_file and key_file are missing; to serve plain HTTP to a proxy on this machine use --insecure-loopback")
	}
	var err error
	a.certificate, err = servercert.Load(a.cfg.Path(server.CertFile), a.cfg.Path(server.KeyFile), a.log)
	return err
}

func (a *App) newDispatcher() (*deliver.Dispatcher, error) {
	d := a.cfg.Delivery
	schedule := deliver.DefaultSchedule
	schedule.First, schedule.Max, schedule.GiveUpAfter = d.RetryFirst, d.RetryMax, d.GiveUpAfter
	return deliver.New(deliver.Options{
		Outbox: a.store,
		Resolve: func(agent, destination string) (deliver.Destination, error) {
			return a.built.Load().Destination(agent, destination)
		},
		Workers:        d.Workers,
		PerDestination: d.PerDestination,
		Rate:           func(at outbox.Destination) float64 { return a.built.Load().rates[place{at.Agent, at.Destination}] },
		BreakAfter:     d.BreakAfter,
		Lease:          d.Timeout * 3 / 2, // the dispatcher gives an attempt two thirds of it
		Drain:          a.cfg.Server.ShutdownTimeout,
		Schedule:       schedule,
		Log:            a.log,
		Observe:        a.attempted,
	})
}

// Start listens and delivers. What fails later comes out of Failed.
func (a *App) Start() error {
	if err := a.listen(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.stopBackground = cancel
	a.background.Go(func() { a.dispatcher.Run(ctx) })
	a.background.Go(func() { a.forget(ctx) })
	a.background.Go(func() { a.alert(ctx) })
	a.background.Go(func() { a.watchAgents(ctx) })
	a.background.Go(func() { a.watchNeeds(ctx) })
	a.background.Go(func() { a.watchStores(ctx) })
	a.background.Go(func() { a.watchStoreEntries(ctx) })
	a.startJobs(ctx)
	a.background.Go(func() { a.watch(ctx, a.store.Failed()) })
	a.serve(a.hooks, a.hooksListener)
	if a.admin != nil {
		a.serve(a.admin, a.adminListener)
	}
	a.log.Info().Str("hooks", a.Address()).Str("admin", a.AdminAddress()).Bool("tls", a.certificate != nil).Msg("sealrelay is ready")
	return nil
}

func (a *App) listen() error {
	var err error
	if a.hooksListener, err = net.Listen("tcp", a.cfg.Server.Listen); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	proxies := make([]netip.Prefix, 0, len(a.cfg.Server.TrustedProxies))
	for _, network := range a.cfg.Server.TrustedProxies {
		proxies = append(proxies, netip.MustParsePrefix(network)) // checked by package config
	}
	handler := httpapi.New(httpapi.Options{
		Intake: a.intake, TrustedProxies: proxies, MaxInFlight: a.cfg.Server.MaxInFlight,
		Recipients: a.recipients, Mailbox: a.mailbox, Enrolments: a.desk, Observer: a.observed, Log: a.log,
	})
	var tlsConfig *tls.Config
	if a.certificate != nil {
		tlsConfig = a.certificate.AskingTLSConfig(func() bool { return a.built.Load().asksClient })
	}
	a.hooks = httpapi.NewServer(handler, tlsConfig, a.log)
	a.hooks.RegisterOnShutdown(a.mailbox.Close) // agents that wait do not hold up the stop
	a.hooks.RegisterOnShutdown(a.jobs.Close)
	if a.cfg.Admin.Listen == "off" {
		return nil
	}
	if a.adminListener, err = net.Listen("tcp", a.cfg.Admin.Listen); err != nil {
		return errors.Join(fmt.Errorf("admin: %w", err), a.hooksListener.Close())
	}
	a.admin = httpapi.NewServer(httpapi.NewAdmin(a.adminOptions()), nil, a.log)
	return nil
}

func (a *App) serve(server *http.Server, listener net.Listener) {
	a.background.Go(func() {
		var err error
		if server.TLSConfig != nil {
			err = server.ServeTLS(listener, "", "")
		} else {
			err = server.Serve(listener)
		}
		if !errors.Is(err, http.ErrServerClosed) {
			a.failed <- fmt.Errorf("listener %s: %w", listener.Addr(), err)
		}
	})
}

// Address is where hooks are received, host:port; empty before Start.
func (a *App) Address() string { return address(a.hooksListener) }

// AdminAddress is where the admin listener is; empty before Start or if off.
func (a *App) AdminAddress() string { return address(a.adminListener) }

func address(listener net.Listener) string {
	if listener == nil {
		return ""
	}
	return listener.Addr().String()
}

// Failed gives an error when the service cannot go on: a listener broke, or
// the outbox cannot trust its disk. The process should stop and be started
// again, which recovers.
func (a *App) Failed() <-chan error { return a.failed }

// Reload puts another configuration in force: sources, agents, groups, routes
// and the server's certificate. If anything in it is bad, nothing changes.
// What needs a restart is reported and ignored.
func (a *App) Reload(cfg *config.Config) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	cfg, err := readStoresFirst(context.Background(), cfg, a.log)
	if err != nil {
		return err
	}
	built, err := a.build(cfg)
	if err != nil {
		return err
	}
	if a.certificate != nil {
		if err := a.certificate.Reload(); err != nil {
			return err
		}
	}
	for _, setting := range needRestart(a.cfg, cfg) {
		a.log.Warn().Str("setting", setting).Msg("this change takes effect at the next start")
	}
	a.latest.Store(cfg)
	a.putInForce(built)
	if err := a.dropEscrow(context.Background(), built.Rules); err != nil {
		a.log.Error().Err(err).Msg("the next start tries again")
	}
	reportKeys(a.log, built.Rules.Registry(), time.Now())
	a.log.Info().Msg("configuration reloaded")
	return nil
}

func (a *App) putInForce(built *Built) {
	a.built.Store(built)
	a.intake.SetRules(built.Rules)
	a.mailbox.Reloaded()
	for _, tell := range []chan struct{}{a.reloaded, a.replan} {
		select {
		case tell <- struct{}{}:
		default:
		}
	}
}

// Stop takes no more hooks, finishes those accepted and the deliveries in
// flight, each for the configured shutdown time at most, and closes the
// outbox. What is not delivered by then is delivered after the next start. A
// second call does no harm.
func (a *App) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.Server.ShutdownTimeout)
	defer cancel()
	var errs []error
	for _, server := range []*http.Server{a.hooks, a.admin} {
		if server == nil {
			continue
		}
		if err := server.Shutdown(ctx); err != nil {
			err = fmt.Errorf("requests were cut off %s after the stop (%s); raise server.shutdown_timeout if senders need longer", a.cfg.Server.ShutdownTimeout, err.Error())
			errs = append(errs, err, server.Close())
		}
	}
	a.stopBackground()
	a.background.Wait()
	errs = append(errs, a.store.Close())
	return errors.Join(errs...)
}

// ready are the checks of /readyz.
func (a *App) ready(ctx context.Context) map[string]error {
	return map[string]error{
		"outbox": a.store.Probe(ctx),
		"keys":   usableKeys(a.built.Load().Rules.Registry(), time.Now()),
	}
}

// watch ends the service when the outbox cannot trust its disk any more.
func (a *App) watch(ctx context.Context, storeFailed <-chan struct{}) {
	select {
	case <-storeFailed:
		a.failed <- fmt.Errorf("outbox failed and must be opened anew: %w", outbox.ErrUnavailable)
	case <-ctx.Done():
	}
}

// forgetEvery is how often old events are forgotten.
const forgetEvery = time.Hour

func (a *App) forget(ctx context.Context) {
	ticker := time.NewTicker(forgetEvery)
	defer ticker.Stop()
	for {
		n, err := a.store.Forget(ctx, time.Now().Add(-a.cfg.Outbox.EventRetention))
		if err != nil && ctx.Err() == nil {
			a.log.Error().Err(err).Msg("old events could not be forgotten; trying again in an hour")
		} else if n > 0 {
			a.log.Info().Int("events", n).Msg("old events forgotten")
		}
		a.forgetRuns(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
