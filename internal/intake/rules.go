package intake

import (
	"crypto/x509"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/hooks"
)

// Rules are what a configuration says of sources, agents and routes. They do
// not change; a new configuration makes new ones.
type Rules struct {
	sources  map[string]*Source
	registry *agentkeys.Registry
	routes   []Route
	// escrow is the key that every value is sealed for as well; nil for none.
	escrow *agentkeys.Key
}

// NewRules takes ownership of the sources.
func NewRules(sources []*Source, registry *agentkeys.Registry, routes []Route) *Rules {
	rules := &Rules{sources: map[string]*Source{}, registry: registry, routes: routes}
	for _, source := range sources {
		source.rules = rules
		rules.sources[source.Name] = source
	}
	return rules
}

// WithEscrow has every value sealed for the key as well, so that it can be sealed
// anew without its sender. It is called before the rules are in force.
func (r *Rules) WithEscrow(key *agentkeys.Key) *Rules {
	r.escrow = key
	return r
}

// Escrow is the escrow key; nil if there is none.
func (r *Rules) Escrow() *agentkeys.Key { return r.escrow }

// Source is the source of that name, nil if there is none.
func (r *Rules) Source(name string) *Source { return r.sources[name] }

// Registry has the agents.
func (r *Rules) Registry() *agentkeys.Registry { return r.registry }

// Route says which agents get a secret.
type Route struct {
	// Secrets are globs of secret names; one must match.
	Secrets []string
	// Labels must all be on the source.
	Labels map[string]string
	// To is who gets it.
	To agentkeys.Selection
}

// Receivers are the targets of a secret of the source, in the order of
// agentkeys.Registry.Select. If there is no source of that name they are those
// of any source that may write the secret.
func (r *Rules) Receivers(source, secret string) []agentkeys.Target {
	if from := r.sources[source]; from != nil {
		return r.route(from, secret)
	}
	var selections []agentkeys.Selection
	for _, name := range slices.Sorted(maps.Keys(r.sources)) {
		if from := r.sources[name]; matchAny(from.MayWrite, secret) {
			selections = append(selections, r.selections(from, secret)...)
		}
	}
	return r.registry.Select(selections...)
}

// route returns the targets of all routes that match, each once.
func (r *Rules) route(source *Source, secret string) []agentkeys.Target {
	return r.registry.Select(r.selections(source, secret)...)
}

func (r *Rules) selections(source *Source, secret string) []agentkeys.Selection {
	var selections []agentkeys.Selection
	for _, route := range r.routes {
		if matchAny(route.Secrets, secret) && agentkeys.HasLabels(source.Labels, route.Labels) {
			selections = append(selections, route.To)
		}
	}
	return selections
}

func matchAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(glob string) bool { return doublestar.MatchUnvalidated(glob, name) })
}

// Source is one configured sender.
type Source struct {
	Name     string
	Verifier hooks.Verifier
	Adapter  hooks.Adapter
	// MayWrite are globs of secret names.
	MayWrite []string
	Labels   map[string]string
	// AllowFrom are the networks it may call from; empty means any.
	AllowFrom []netip.Prefix
	// ClientRoots are the authorities of its TLS client certificate; nil if it
	// needs none. ClientNames are the DNS names of which it must have one.
	ClientRoots *x509.CertPool
	ClientNames []string
	// Limiter bounds its authenticated requests.
	Limiter *rate.Limiter
	// MaxBody is the largest body in bytes.
	MaxBody int64
	// Strict refuses an event if any agent's key fails the policy.
	Strict bool
	// RepeatWindow is how long a signed body is remembered whose sender signs
	// no time and gives its events no ID.
	RepeatWindow time.Duration
	// AwaitWithin is how long the value of a changed secret may take to come.
	AwaitWithin time.Duration
	// RecipientsValidFor is how long a set of recipients is good that the source
	// seals for.
	RecipientsValidFor time.Duration

	rules *Rules
}

// Admit says whether a request may come from there at all, before its body is
// read. The error wraps ErrForbidden or hooks.ErrUnauthenticated.
func (s *Source) Admit(remote netip.Addr, chain []*x509.Certificate, now time.Time) error {
	address := remote.Unmap().WithZone("") // no Prefix contains an address with a zone
	from := func(network netip.Prefix) bool { return network.Contains(address) }
	if len(s.AllowFrom) > 0 && !slices.ContainsFunc(s.AllowFrom, from) {
		return fmt.Errorf("%w: address %s is not in the source's allow_from; add it there, or to trusted_proxies if it is a proxy's", ErrForbidden, remote)
	}
	if s.ClientRoots == nil {
		return nil
	}
	return s.checkClient(chain, now)
}

func (s *Source) checkClient(chain []*x509.Certificate, now time.Time) error {
	if len(chain) == 0 {
		return fmt.Errorf("%w: a TLS client certificate is required", hooks.ErrUnauthenticated)
	}
	intermediates := x509.NewCertPool()
	for _, certificate := range chain[1:] {
		intermediates.AddCert(certificate)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: s.ClientRoots, Intermediates: intermediates, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return fmt.Errorf("%w: the TLS client certificate is not accepted: it must be in date, for client authentication, and issued by the source's ca_file", hooks.ErrUnauthenticated)
	}
	named := func(name string) bool { return chain[0].VerifyHostname(name) == nil }
	if len(s.ClientNames) > 0 && !slices.ContainsFunc(s.ClientNames, named) {
		return fmt.Errorf("%w: the TLS client certificate has none of the source's names", hooks.ErrUnauthenticated)
	}
	return nil
}

// take counts a request against the source's rate.
func (s *Source) take(now time.Time) error {
	reservation := s.Limiter.ReserveN(now, 1)
	if !reservation.OK() {
		return &RateError{RetryAfter: time.Second}
	}
	if delay := reservation.DelayFrom(now); delay > 0 {
		reservation.CancelAt(now)
		return &RateError{RetryAfter: time.Duration(math.Ceil(delay.Seconds())) * time.Second}
	}
	return nil
}
