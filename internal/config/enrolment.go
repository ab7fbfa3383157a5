package config

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"

	"github.com/bmatcuk/doublestar/v4"
)

// Enrolled are the keys of an agent that registered them: the public key to seal
// to, in text, and the one that its requests and receipts are signed with.
type Enrolled struct {
	Public  string
	Signing ed25519.PublicKey
	// Asked says that an operator asked the agent for other keys since.
	Asked bool
}

// Equal says whether they are the same keys, and both asked to be replaced or not.
func (e Enrolled) Equal(other Enrolled) bool {
	return e.Public == other.Public && e.Signing.Equal(other.Signing) && e.Asked == other.Asked
}

// WithEnrolled is the configuration with the keys of those agents that it lets
// enrol.
func (c *Config) WithEnrolled(enrolled map[string]Enrolled) *Config {
	with := *c
	with.Agents = maps.Clone(c.Agents)
	for name, agent := range with.Agents {
		if keys, ok := enrolled[name]; ok && agent.Enroll {
			agent.Enrolled = &keys
			with.Agents[name] = agent
		}
	}
	return &with
}

// Enrolls says whether some agent registers its keys itself.
func (c *Config) Enrolls() bool {
	for _, agent := range c.Agents {
		if agent.Enroll {
			return true
		}
	}
	return false
}

// Awaited says whether the agent's keys are to come: nothing can be done for it
// before.
func (a Agent) Awaited() bool { return a.Enroll && a.Enrolled == nil }

// EnrolmentRule is what is decided of the agent's requests; ok is false if the
// configuration does not let an agent of that name enrol.
func (c *Config) EnrolmentRule(agent string) (decide string, ok bool) {
	if !c.Agents[agent].Enroll {
		return "", false
	}
	for _, rule := range c.EnrolmentRules {
		matches := func(glob string) bool { return doublestar.MatchUnvalidated(glob, agent) }
		if slices.ContainsFunc(rule.Agents, matches) {
			return rule.Decide, true
		}
	}
	return "defer", true
}

func (c *Config) checkEnrolmentRules(ch *checker) {
	for i, rule := range c.EnrolmentRules {
		where := fmt.Sprintf("enrolment_rules: entry %d", i+1)
		ch.globsOf(where+": agents", "agents' names such as \"web-*\"", rule.Agents)
		if !slices.Contains([]string{"allow", "deny", "defer"}, rule.Decide) {
			ch.add("%s: decide is none of allow, deny, defer", where)
		}
	}
}
