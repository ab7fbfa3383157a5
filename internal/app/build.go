package app

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/kinds"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/servercert"
)

// place names a destination.
type place struct{ agent, destination string }

// Built is what a configuration becomes. It does not change; a reload makes a
// new one.
type Built struct {
	Rules        *intake.Rules
	destinations map[place]deliver.Destination
	// rates are the deliveries a second of those that have a limit.
	rates map[place]float64
	// callers are the agents that may ask for their mail and send receipts.
	callers map[string]*mailbox.Agent
	// tokens are those of the admin API.
	tokens []httpapi.Token
	// stores are those of the configuration, by name.
	stores map[string]stores.Store
	// Jobs are those of the configuration, by name.
	Jobs map[string]jobs.Definition
	// azure is the account of the configuration.
	azure func() (*azure.Account, error)
	// asksClient says that some source or agent needs a TLS client certificate.
	asksClient bool
}

// Build reads what the configuration names (keys, credentials, authorities)
// and makes the rules and destinations of it. Its error joins everything that
// is wrong. A key that fails the policy is no error: see agentkeys.NewKey.
func Build(cfg *config.Config) (*Built, error) {
	b := &builder{cfg: cfg, destinations: map[place]deliver.Destination{}, rates: map[place]float64{}, places: map[string]place{}}
	opened := b.openStores()
	sources := b.sources()
	registry, escrow := b.registry(), b.escrow()
	callers, tokens, defined := b.callers(registry), b.tokens(), b.jobs()
	if err := errors.Join(b.errs...); err != nil {
		return nil, err
	}
	return &Built{
		Rules:        intake.NewRules(sources, registry, b.routes()).WithEscrow(escrow),
		destinations: b.destinations,
		rates:        b.rates,
		callers:      callers,
		tokens:       tokens,
		stores:       opened,
		Jobs:         defined,
		azure:        sync.OnceValues(b.azure),
		asksClient:   slices.ContainsFunc(sources, asksClient) || slices.ContainsFunc(slices.Collect(maps.Values(cfg.Agents)), agentAsksClient),
	}, nil
}

// asksClient says whether a source needs a TLS client certificate, beside its
// verifier or by it.
func asksClient(s *intake.Source) bool { return s.ClientRoots != nil || verifiesClient(s.Verifier) }

// agentAsksClient counts an agent that has not enrolled yet too: what it needs must
// not come up only when it has.
func agentAsksClient(a config.Agent) bool { return a.ClientCertificate != nil }

func verifiesClient(v hooks.Verifier) bool {
	asker, ok := v.(hooks.ClientCertificateAsker)
	return ok && asker.AsksClientCertificate()
}

type builder struct {
	cfg          *config.Config
	destinations map[place]deliver.Destination
	rates        map[place]float64
	// places are those that a destination has for itself.
	places map[string]place
	// account is that of Azure, nil until something needs it.
	account *azure.Account
	// stored are the keys that were read from stores, nil until one is needed.
	stored map[config.StoreKey]config.Stored
	errs   []error
}

func (b *builder) add(where string, err error) {
	if err != nil {
		b.errs = append(b.errs, fmt.Errorf("%s: %w", where, err))
	}
}

func (b *builder) sources() []*intake.Source {
	var out []*intake.Source
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Sources)) {
		out = append(out, b.source(name, b.cfg.Sources[name]))
	}
	return out
}

func (b *builder) source(name string, from config.Source) *intake.Source {
	where := "source " + name
	source := &intake.Source{
		Name: name, MayWrite: from.MayWrite, Labels: from.Labels, MaxBody: from.MaxBodyBytes,
		Strict: from.Strict, RepeatWindow: from.RepeatWindow, AwaitWithin: from.AwaitWithin,
		RecipientsValidFor: from.RecipientsValidFor,
		Limiter:            rate.NewLimiter(rate.Limit(from.RatePerSecond), from.RateBurst),
	}
	var err error
	scheme, settings, _ := from.Scheme()
	source.Verifier, err = make1(verify.Table, "verify", scheme, b.hookSettings(settings))
	b.add(where, err)
	product, settings, _ := from.Product()
	source.Adapter, err = make1(adapters.Table, "adapter", product, b.hookSettings(settings))
	b.add(where, err)
	source.AllowFrom, err = config.Networks(from.AllowFrom)
	b.add(where, err)
	if from.ClientCertificate != nil {
		source.ClientNames = from.ClientCertificate.Names
		source.ClientRoots, err = b.pool(from.ClientCertificate.CAFile)
		b.add(where+": client_certificate", err)
	}
	return source
}

// make1 makes what the table has under the name.
func make1[S, T any](table map[string]func(S) (T, error), what, name string, settings S) (T, error) {
	construct, ok := table[name]
	if !ok {
		var none T
		return none, fmt.Errorf("there is no %s %q; there are %q", what, name, slices.Sorted(maps.Keys(table)))
	}
	made, err := construct(settings)
	if err != nil {
		return made, fmt.Errorf("%s %s: %w", what, name, err)
	}
	return made, nil
}

func (b *builder) hookSettings(settings config.Settings) hooks.Settings {
	return hooks.Settings{Decode: settings.Decode, ReadSecret: b.cfg.ReadSecret}
}

func (b *builder) pool(file string) (*x509.CertPool, error) {
	data, err := b.cfg.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("ca_file: %s has no PEM certificate", file)
	}
	return pool, nil
}

func (b *builder) registry() *agentkeys.Registry {
	var agents []*agentkeys.Agent
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Agents)) {
		agents = append(agents, b.agent(name, b.cfg.Agents[name]))
	}
	var groups []*agentkeys.Group
	for _, name := range slices.Sorted(maps.Keys(b.cfg.Groups)) {
		from := b.cfg.Groups[name]
		group := &agentkeys.Group{Name: name, Agents: from.Agents}
		if from.Key != nil {
			group.Key = b.key("group "+name+": key", *from.Key)
		}
		groups = append(groups, group)
	}
	registry, err := agentkeys.NewRegistry(agents, groups)
	b.add("configuration", err)
	return registry
}

func (b *builder) agent(name string, from config.Agent) *agentkeys.Agent {
	where := "agent " + name
	agent := &agentkeys.Agent{Name: name, Labels: from.Labels}
	if from.Awaited() {
		return agent
	}
	for _, file := range from.SigningKeyFiles {
		key, err := b.signingKey(file)
		b.add(where+": signing_key_files", err)
		agent.SigningKeys = append(agent.SigningKeys, key)
	}
	own := map[string]*agentkeys.Key{}
	for _, key := range slices.Sorted(maps.Keys(from.Keys)) {
		own[key] = b.key(where+": key "+key, from.Keys[key])
	}
	if from.Enrolled != nil {
		own["enrolled"] = b.key(where+": enrolled key", config.Key{Inline: from.Enrolled.Public})
		agent.SigningKeys = []ed25519.PublicKey{from.Enrolled.Signing}
	}
	for _, destination := range slices.Sorted(maps.Keys(from.Destinations)) {
		settings := from.Destinations[destination]
		key := own[settings.Key]
		if settings.Key == "" {
			for _, only := range own {
				key = only
			}
		}
		agent.Destinations = append(agent.Destinations, agentkeys.Destination{Name: destination, Key: key})
		b.destination(where, agent, destination, settings)
	}
	return agent
}

func (b *builder) signingKey(file string) (ed25519.PublicKey, error) {
	data, err := b.cfg.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return keys.ParseVerifying(data)
}

func (b *builder) destination(where string, agent *agentkeys.Agent, name string, from config.Destination) {
	if b.destinations == nil { // only the keys are wanted
		return
	}
	at := place{agent.Name, name}
	kind, settings, _ := from.Place()
	made, err := kinds.New(kind, kinds.Settings{Azure: b.azure, Settings: deliver.Settings{
		Decode: settings.Decode, Path: b.cfg.Path, ReadSecret: b.cfg.ReadSecret,
		Agent:   deliver.Agent{Name: agent.Name, SigningKeys: agent.SigningKeys},
		Service: func() (deliver.Service, error) { return Service(b.cfg) },
	}})
	if placed, ok := made.(deliver.Placed); ok && err == nil {
		if other, taken := b.places[placed.Place()]; taken {
			err = fmt.Errorf("%s is that of agent %s: destination %s already; give each a place of its own", placed.Place(), other.agent, other.destination)
		}
		b.places[placed.Place()] = at
	}
	b.add(where+": destination "+at.destination, err)
	b.destinations[at] = made
	if from.RatePerSecond > 0 {
		b.rates[at] = from.RatePerSecond
	}
}

// azure is the one account of the configuration, made when first something needs it.
func (b *builder) azure() (*azure.Account, error) {
	if b.cfg.Azure == nil {
		return nil, errors.New("it needs `azure` in the configuration, which says how to sign in; see docs/azure.md")
	}
	if b.account == nil {
		settings := azure.Settings{Path: b.cfg.Path, ReadSecret: b.cfg.ReadSecret}
		if err := b.cfg.Azure.Decode(&settings.Config); err != nil {
			return nil, fmt.Errorf("azure: %w", err)
		}
		account, err := azure.New(settings)
		if err != nil {
			return nil, fmt.Errorf("azure: %w", err)
		}
		b.account = account
	}
	return b.account, nil
}

// Service reads what is shown of the service beyond statements: its name and key.
func Service(cfg *config.Config) (deliver.Service, error) {
	signer, err := readSigner(cfg)
	if err != nil {
		return deliver.Service{}, err
	}
	defer clear(signer.seed)
	return deliver.Service{Issuer: cfg.Issuer, Key: ed25519.NewKeyFromSeed(signer.seed)}, nil
}

func (b *builder) key(where string, from config.Key) *agentkeys.Key {
	data := []byte(from.Inline)
	require := agentkeys.Requirements{Format: from.Format, Pin: from.Pin, NoLegacy: b.cfg.KeyPolicy.NoLegacy}
	var err error
	switch {
	case from.File != "":
		data, err = b.cfg.ReadFile(from.File)
	case from.Store != "":
		var stored config.Stored
		stored, err = b.storedKey(from)
		data, require.Refuse = []byte(stored.Public), stored.Refused
	}
	if err != nil {
		b.add(where, err)
		return nil
	}
	if from.CAFile != "" {
		var err error
		require.Roots, err = b.pool(from.CAFile)
		b.add(where, err)
	}
	key, err := agentkeys.NewKey(data, require)
	b.add(where, err)
	return key
}

func (b *builder) routes() []intake.Route {
	var out []intake.Route
	for _, from := range b.cfg.Routes {
		out = append(out, intake.Route{
			Secrets: from.Secrets, Labels: from.Labels,
			To: agentkeys.Selection{Agents: from.Agents, Groups: from.Groups, Labels: from.AgentLabels},
		})
	}
	return out
}

// Destination finds the destination of a delivery.
func (b *Built) Destination(agent, destination string) (deliver.Destination, error) {
	found, ok := b.destinations[place{agent, destination}]
	if !ok {
		return nil, fmt.Errorf("the configuration has no destination %q of agent %q; add it again and retry, or leave it dead", destination, agent)
	}
	return found, nil
}

// Check is Build together with the other files that the configuration names:
// all that could keep the service from starting, short of the ports.
func Check(cfg *config.Config) (*Built, error) {
	built, err := Build(cfg)
	errs := []error{err}
	if _, err := readSigner(cfg); err != nil {
		errs = append(errs, err)
	}
	if server := cfg.Server; server.CertFile != "" {
		_, err := servercert.Load(cfg.Path(server.CertFile), cfg.Path(server.KeyFile), zerolog.Nop())
		errs = append(errs, err)
	}
	return built, errors.Join(errs...)
}
