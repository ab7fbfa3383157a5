package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/rs/zerolog"
)

// nameRule is what sources, agents, groups, keys and destinations are called:
// the names stand in URLs, file names and logs.
var nameRule = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$`)

// checker collects what is wrong.
type checker struct{ errs []error }

func (ch *checker) add(format string, args ...any) {
	ch.errs = append(ch.errs, fmt.Errorf(format, args...))
}

// check says everything that is wrong within the file itself; what the files
// that it names hold is checked by those who read them.
func (c *Config) check() error {
	ch := &checker{}
	c.checkService(ch)
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		c.Sources[name].check(ch, name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Agents)) {
		c.Agents[name].check(ch, name)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Groups)) {
		c.checkGroup(ch, name)
	}
	for i := range c.Routes {
		c.checkRoute(ch, i)
	}
	return errors.Join(ch.errs...)
}

func (c *Config) checkService(ch *checker) {
	if c.SigningKeyFile == "" {
		ch.add("signing_key_file is missing; make one with `sealrelay keys generate ed25519 --out service.key`")
	}
	if (c.Server.CertFile == "") != (c.Server.KeyFile == "") {
		ch.add("server: cert_file and key_file go together")
	}
	for _, network := range c.Server.TrustedProxies {
		if _, err := netip.ParsePrefix(network); err != nil {
			ch.add("server: trusted_proxies: %q is not a network such as 10.0.0.0/8", network)
		}
	}
	if c.Server.MaxInFlight < 1 {
		ch.add("server: max_in_flight must be at least 1")
	}
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		ch.add("server: listen: %q is not host:port", c.Server.Listen)
	}
	if c.Admin.Listen != "off" && !Loopback(c.Admin.Listen) {
		ch.add("admin: listen: %q is not a loopback address such as 127.0.0.1:9443, nor \"off\"", c.Admin.Listen)
	}
	if _, err := zerolog.ParseLevel(c.Log.Level); err != nil || !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		ch.add("log: level: %q is none of debug, info, warn, error", c.Log.Level)
	}
	c.checkTimes(ch)
	if len(c.Sources) == 0 {
		ch.add("sources is empty; without one nobody can send a secret")
	}
	if len(c.Routes) == 0 {
		ch.add("routes is empty; without one every secret is refused")
	}
}

func (c *Config) checkTimes(ch *checker) {
	if c.Outbox.EventRetention < time.Hour {
		ch.add("outbox: event_retention must be at least 1h")
	}
	if c.Delivery.Workers < 1 || c.Delivery.Workers > 1024 {
		ch.add("delivery: workers must be 1 to 1024")
	}
	for name, value := range map[string]time.Duration{
		"server: shutdown_timeout": c.Server.ShutdownTimeout,
		"delivery: timeout":        c.Delivery.Timeout,
		"delivery: retry_first":    c.Delivery.RetryFirst,
		"delivery: retry_max":      c.Delivery.RetryMax,
		"delivery: give_up_after":  c.Delivery.GiveUpAfter,
	} {
		if value < 0 {
			ch.add("%s must not be negative", name)
		}
	}
	if c.Delivery.RetryFirst > c.Delivery.RetryMax {
		ch.add("delivery: retry_first is longer than retry_max")
	}
}

// Loopback says whether a host:port is on loopback only.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}

func (ch *checker) name(what, name string) {
	if !nameRule.MatchString(name) {
		ch.add("%s %q: a name has 1 to 64 letters, digits, dots, dashes and underscores", what, name)
	}
}

func (ch *checker) globs(where string, globs []string) {
	if len(globs) == 0 {
		ch.add("%s is missing; it takes globs of secret names such as \"prod/**\"", where)
	}
	for _, glob := range globs {
		if !doublestar.ValidatePattern(glob) {
			ch.add("%s: %q is not a glob", where, glob)
		}
	}
}

func (s Source) check(ch *checker, name string) {
	where := "source " + name
	ch.name("source", name)
	if _, _, err := s.Scheme(); err != nil {
		ch.add("%s: %w", where, err)
	}
	if _, _, err := s.Product(); err != nil {
		ch.add("%s: %w", where, err)
	}
	ch.globs(where+": may_write", s.MayWrite)
	if _, err := Networks(s.AllowFrom); err != nil {
		ch.add("%s: allow_from: %w", where, err)
	}
	if s.RatePerSecond < 0 || s.RateBurst < 1 {
		ch.add("%s: rate_per_second must be positive and rate_burst at least 1", where)
	}
	if s.MaxBodyBytes < 1 || s.MaxBodyBytes > 16<<20 {
		ch.add("%s: max_body_bytes must be 1 to %d", where, 16<<20)
	}
	if s.RepeatWindow < 0 {
		ch.add("%s: repeat_window must not be negative", where)
	}
	if s.ClientCertificate != nil && s.ClientCertificate.CAFile == "" {
		ch.add("%s: client_certificate: ca_file is missing", where)
	}
}

// Networks reads networks and single addresses.
func Networks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range texts {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			out = append(out, prefix)
		} else if address, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(address, address.BitLen()))
		} else {
			return nil, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/8", text)
		}
	}
	return out, nil
}

func (a Agent) check(ch *checker, name string) {
	where := "agent " + name
	ch.name("agent", name)
	for _, key := range slices.Sorted(maps.Keys(a.Keys)) {
		ch.name(where+": key", key)
		a.Keys[key].check(ch, where+": key "+key)
	}
	if len(a.Destinations) == 0 {
		ch.add("%s: destinations is empty", where)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Destinations)) {
		destination := a.Destinations[name]
		ch.name(where+": destination", name)
		if _, _, err := destination.Place(); err != nil {
			ch.add("%s: destination %s: %w", where, name, err)
		}
		if _, ok := a.Keys[destination.Key]; !ok && destination.Key != "" {
			ch.add("%s: destination %s: the agent has no key named %q", where, name, destination.Key)
		}
		if destination.Key == "" && len(a.Keys) > 1 {
			ch.add("%s: destination %s: the agent has %d keys; name one with `key:`", where, name, len(a.Keys))
		}
	}
}

func (k Key) check(ch *checker, where string) {
	if (k.File == "") == (k.Inline == "") {
		ch.add("%s: needs either file or inline", where)
	}
}

func (c *Config) checkGroup(ch *checker, name string) {
	group := c.Groups[name]
	ch.name("group", name)
	if len(group.Agents) == 0 {
		ch.add("group %s: agents is empty", name)
	}
	for _, agent := range group.Agents {
		if _, ok := c.Agents[agent]; !ok {
			ch.add("group %s: there is no agent %q", name, agent)
		}
	}
	if group.Key != nil {
		group.Key.check(ch, "group "+name+": key")
	}
}

func (c *Config) checkRoute(ch *checker, i int) {
	route, where := c.Routes[i], fmt.Sprintf("route %d", i+1)
	ch.globs(where+": secrets", route.Secrets)
	if len(route.Agents)+len(route.Groups)+len(route.AgentLabels) == 0 {
		ch.add("%s: names no agents, groups or agent_labels", where)
	}
	for _, agent := range route.Agents {
		if a, ok := c.Agents[agent]; !ok {
			ch.add("%s: there is no agent %q", where, agent)
		} else if len(a.Keys) == 0 {
			ch.add("%s: agent %q has no key of its own; route to a group with a key instead", where, agent)
		}
	}
	for _, group := range route.Groups {
		if _, ok := c.Groups[group]; !ok {
			ch.add("%s: there is no group %q", where, group)
		}
	}
}
