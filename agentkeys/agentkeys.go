// Package agentkeys is who receives: agents, groups, their keys, and the policy
// that a key must pass before a secret is sealed to it.
package agentkeys

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ErrQuarantined is wrapped by the error that says an agent is in quarantine.
var ErrQuarantined = errors.New("agent is in quarantine")

// Agent is one receiver. It is not changed once it is in a Registry.
type Agent struct {
	Name string
	// Labels can be asked for by routes.
	Labels map[string]string
	// SigningKeys are those that the agent signs receipts and requests with.
	// Nothing is sealed to them.
	SigningKeys []ed25519.PublicKey
	// Destinations are where its envelopes go, and with which of its keys.
	Destinations []Destination
}

// Destination is one place where an agent's envelopes go.
type Destination struct {
	Name string
	// Key is the agent's own key used there; nil if it has none, and gets only
	// what is sealed for a group's key.
	Key *Key
}

// Group is a set of agents, with a shared key or without.
type Group struct {
	Name string
	// Agents are the members' names.
	Agents []string
	// Key is shared by the members; nil if each uses its own.
	Key *Key
}

// Target is one envelope to make: for a destination of an agent, with a key.
type Target struct {
	Agent       string
	Destination string
	Key         *Key
	// Quarantined says that nothing may be sealed for the agent, whatever its
	// key is like.
	Quarantined bool
}

// Escrow stands for an agent's name, and for a destination's, where the copy for
// the escrow key is meant. No agent can have that name, and it sorts before
// every other.
const Escrow = "(escrow)"

// EscrowTarget is the one envelope to make for the escrow key.
func EscrowTarget(key *Key) Target { return Target{Agent: Escrow, Destination: Escrow, Key: key} }

// Check returns nil if a secret may be sealed for the target at now, and
// otherwise an error that wraps ErrQuarantined or ErrPolicy.
func (t Target) Check(now time.Time) error {
	if t.Quarantined {
		return fmt.Errorf("%w; once it can be trusted again, run `sealrelay agents release %s` and have the secret pushed again", ErrQuarantined, t.Agent)
	}
	return t.Key.Check(now)
}

// Registry knows the agents and groups. It does not change and is safe for
// concurrent use; a new configuration makes a new one.
type Registry struct {
	agents map[string]*Agent
	groups map[string]*Group
}

// NewRegistry makes a Registry. It returns an error if a name stands twice or
// a group has a member that is not an agent.
func NewRegistry(agents []*Agent, groups []*Group) (*Registry, error) {
	r := &Registry{agents: map[string]*Agent{}, groups: map[string]*Group{}}
	for _, agent := range agents {
		if r.agents[agent.Name] != nil {
			return nil, fmt.Errorf("agent %q stands twice", agent.Name)
		}
		r.agents[agent.Name] = agent
	}
	for _, group := range groups {
		if r.groups[group.Name] != nil {
			return nil, fmt.Errorf("group %q stands twice", group.Name)
		}
		for _, member := range group.Agents {
			if r.agents[member] == nil {
				return nil, fmt.Errorf("group %q: there is no agent %q", group.Name, member)
			}
		}
		r.groups[group.Name] = group
	}
	return r, nil
}

// Agents are all agents, by name.
func (r *Registry) Agents() []*Agent {
	return sorted(r.agents)
}

// Groups are all groups, by name.
func (r *Registry) Groups() []*Group {
	return sorted(r.groups)
}

func sorted[T any](all map[string]*T) []*T {
	out := make([]*T, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out = append(out, all[name])
	}
	return out
}

// Agent is the agent of that name, nil if there is none.
func (r *Registry) Agent(name string) *Agent { return r.agents[name] }

// Selection says who is to receive.
type Selection struct {
	Agents []string
	Groups []string
	// Labels choose each agent that has them all; empty chooses none.
	Labels map[string]string
}

// Select returns the targets of all selections together, each once, sorted by
// agent, an agent's in the order of its destinations. Where an agent is reached both by itself and through
// a group with a key, its own key is used; where it has none, the key of the
// first such group in the order of selections.
func (r *Registry) Select(selections ...Selection) []Target {
	own := map[string]bool{}
	shared := map[string]*Key{}
	for _, selection := range selections {
		r.selectOne(selection, own, shared)
	}
	var targets []Target
	for _, name := range slices.Sorted(maps.Keys(r.agents)) {
		for _, destination := range r.agents[name].Destinations {
			if key := keyFor(destination, own[name], shared[name]); key != nil {
				targets = append(targets, Target{Agent: name, Destination: destination.Name, Key: key})
			}
		}
	}
	return targets
}

func (r *Registry) selectOne(selection Selection, own map[string]bool, shared map[string]*Key) {
	for _, name := range selection.Agents {
		own[name] = true
	}
	for _, name := range selection.Groups {
		group := r.groups[name]
		if group == nil {
			continue
		}
		for _, member := range group.Agents {
			if group.Key == nil {
				own[member] = true
			} else if shared[member] == nil {
				shared[member] = group.Key
			}
		}
	}
	if len(selection.Labels) == 0 {
		return
	}
	for name, agent := range r.agents {
		if HasLabels(agent.Labels, selection.Labels) {
			own[name] = true
		}
	}
}

func keyFor(destination Destination, own bool, shared *Key) *Key {
	if own && destination.Key != nil {
		return destination.Key
	}
	return shared
}

// HasLabels says whether labels has all of wanted.
func HasLabels(labels, wanted map[string]string) bool {
	for name, value := range wanted {
		if got, ok := labels[name]; !ok || got != value {
			return false
		}
	}
	return true
}
