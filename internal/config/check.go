package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
)

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
	c.checkStoreKeys(ch)
	c.checkJobs(ch)
	return errors.Join(ch.errs...)
}

func (c *Config) checkService(ch *checker) {
	if c.SigningKeyFile == "" {
		ch.add("signing_key_file is missing; make one with `sealrelay keys generate ed25519 --out service.key`")
	}
	if (c.Server.CertFile == "") != (c.Server.KeyFile == "") {
		ch.add("server: cert_file and key_file go together")
	}
	for i, network := range c.Server.TrustedProxies {
		if _, err := netip.ParsePrefix(network); err != nil {
			ch.add("server: trusted_proxies: entry %d is not a network such as 10.0.0.0/8", i+1)
		}
	}
	if c.Server.MaxInFlight < 1 {
		ch.add("server: max_in_flight must be at least 1")
	}
	if _, _, err := net.SplitHostPort(c.Server.Listen); err != nil {
		ch.add("server: listen is not host:port")
	}
	if c.Admin.Listen != "off" && !Loopback(c.Admin.Listen) {
		ch.add("admin: listen is neither a loopback address such as 127.0.0.1:9443 nor \"off\"")
	}
	c.checkAdminTokens(ch)
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		ch.add("log: level is none of debug, info, warn, error")
	}
	if c.Escrow != nil && c.Escrow.File == "" {
		ch.add("escrow: file is missing; it names the public key, or leave escrow out")
	}
	c.checkEnrolmentRules(ch)
	c.checkTimes(ch)
	if len(c.Sources) == 0 {
		ch.add("sources is empty; without one nobody can send a secret")
	}
	if len(c.Routes) == 0 {
		ch.add("routes is empty; without one every secret is refused")
	}
}

func (c *Config) checkAdminTokens(ch *checker) {
	for _, name := range slices.Sorted(maps.Keys(c.Admin.Tokens)) {
		token, where := c.Admin.Tokens[name], ch.name("admin: token", name)
		if token.File == "" {
			ch.add("%s: file is missing; make one with `openssl rand -hex 32`", where)
		}
		if token.Role != "viewer" && token.Role != "operator" {
			ch.add("%s: role is neither viewer nor operator", where)
		}
	}
}

func (c *Config) checkTimes(ch *checker) {
	if c.Outbox.EventRetention < time.Hour {
		ch.add("outbox: event_retention must be at least 1h")
	}
	if c.Delivery.Workers < 1 || c.Delivery.Workers > 1024 {
		ch.add("delivery: workers must be 1 to 1024")
	}
	if c.Delivery.PerDestination < 1 {
		ch.add("delivery: per_destination must be at least 1")
	}
	if c.Delivery.BreakAfter < 1 {
		ch.add("delivery: break_after must be at least 1")
	}
	for _, limit := range []struct {
		name         string
		value, least time.Duration
	}{
		{"server: shutdown_timeout", c.Server.ShutdownTimeout, time.Second},
		{"delivery: timeout", c.Delivery.Timeout, time.Second},
		{"delivery: retry_first", c.Delivery.RetryFirst, time.Millisecond},
		{"delivery: retry_max", c.Delivery.RetryMax, time.Millisecond},
		{"delivery: give_up_after", c.Delivery.GiveUpAfter, time.Millisecond},
	} {
		if limit.value < limit.least {
			ch.add("%s must be at least %s", limit.name, limit.least)
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

// name checks a name and returns the words by which errors call what has it.
func (ch *checker) name(what, name string) string {
	if nameRule().MatchString(name) {
		return what + " " + name
	}
	ch.add("%s: one has a bad name; a name has 1 to 64 letters, digits, dots, dashes and underscores, the first a letter or digit", what)
	return what + " with a bad name"
}

func (ch *checker) globs(where string, globs []string) {
	ch.globsOf(where, "secret names such as \"prod/**\"", globs)
}

func (ch *checker) globsOf(where, what string, globs []string) {
	if len(globs) == 0 {
		ch.add("%s is missing; it takes globs of %s", where, what)
	}
	for i, glob := range globs {
		if !doublestar.ValidatePattern(glob) {
			ch.add("%s: entry %d is not a glob", where, i+1)
		}
	}
}

func (s Source) check(ch *checker, name string) {
	where := ch.name("source", name)
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
	if !(s.RatePerSecond > 0) || s.RateBurst < 1 { // NaN as well
		ch.add("%s: rate_per_second must be positive and rate_burst at least 1", where)
	}
	if s.MaxBodyBytes < 1 || s.MaxBodyBytes > 16<<20 {
		ch.add("%s: max_body_bytes must be 1 to %d", where, 16<<20)
	}
	if s.RepeatWindow < 0 {
		ch.add("%s: repeat_window must not be negative", where)
	}
	if s.AwaitWithin < time.Second {
		ch.add("%s: await_within must be at least 1s", where)
	}
	if s.RecipientsValidFor < time.Minute || s.RecipientsValidFor > recipientset.MaxValidity {
		ch.add("%s: recipients_valid_for must be 1m to 744h", where)
	}
	if len(s.RepushCommand) > 0 && (s.RepushCommand[0] == "" || strings.Contains(s.RepushCommand[0], "{secret}")) {
		ch.add("%s: repush_command must begin with a program, which {secret} cannot be", where)
	}
	if s.ClientCertificate != nil && s.ClientCertificate.CAFile == "" {
		ch.add("%s: client_certificate: ca_file is missing", where)
	}
}

// Networks reads networks and single addresses.
func Networks(texts []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for i, text := range texts {
		if prefix, err := netip.ParsePrefix(text); err == nil {
			out = append(out, prefix)
		} else if address, err := netip.ParseAddr(text); err == nil {
			out = append(out, netip.PrefixFrom(address, address.BitLen()))
		} else {
			return nil, fmt.Errorf("entry %d is neither an address nor a network such as 10.0.0.0/8", i+1)
		}
	}
	return out, nil
}

func (a Agent) check(ch *checker, name string) {
	where := ch.name("agent", name)
	for _, key := range slices.Sorted(maps.Keys(a.Keys)) {
		a.Keys[key].check(ch, ch.name(where+": key", key))
	}
	if a.Enroll && len(a.Keys)+len(a.SigningKeyFiles) > 0 {
		ch.add("%s: enroll is for an agent that registers its keys itself; leave out keys and signing_key_files, or enroll", where)
	}
	if len(a.Destinations) == 0 {
		ch.add("%s: destinations is empty", where)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Destinations)) {
		a.Destinations[name].check(ch, ch.name(where+": destination", name), a.Keys)
	}
}

func (d Destination) check(ch *checker, where string, keys map[string]Key) {
	if _, _, err := d.Place(); err != nil {
		ch.add("%s: %w", where, err)
	}
	if _, ok := keys[d.Key]; !ok && d.Key != "" {
		ch.add("%s: the agent has no key %s", where, shown(d.Key, nameRule))
	}
	if !(d.RatePerSecond >= 0) { // NaN as well
		ch.add("%s: rate_per_second must not be negative", where)
	}
	if d.Key == "" && len(keys) > 1 {
		ch.add("%s: the agent has %d keys; name one with `key:`", where, len(keys))
	}
}

func (k Key) check(ch *checker, where string) {
	given := 0
	for _, place := range []string{k.File, k.Inline, k.Store} {
		if place != "" {
			given++
		}
	}
	if given != 1 {
		ch.add("%s: needs either file, inline or store", where)
	}
	if (k.Store == "") != (k.Alias == "") {
		ch.add("%s: store and alias go together", where)
	}
}

func (c *Config) checkGroup(ch *checker, name string) {
	group, where := c.Groups[name], ch.name("group", name)
	if len(group.Agents) == 0 {
		ch.add("%s: agents is empty", where)
	}
	for _, agent := range group.Agents {
		if _, ok := c.Agents[agent]; !ok {
			ch.add("%s: there is no agent %s", where, shown(agent, nameRule))
		}
	}
	if group.Key != nil {
		group.Key.check(ch, where+": key")
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
			ch.add("%s: there is no agent %s", where, shown(agent, nameRule))
		} else if len(a.Keys) == 0 && !a.Enroll {
			ch.add("%s: agent %s has no key of its own; route to a group with a key instead", where, shown(agent, nameRule))
		}
	}
	for _, group := range route.Groups {
		if _, ok := c.Groups[group]; !ok {
			ch.add("%s: there is no group %s", where, shown(group, nameRule))
		}
	}
}
