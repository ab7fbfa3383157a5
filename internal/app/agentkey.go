package app

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/config"
)

// AgentKey reads one key of one agent, and nothing else that the configuration
// names: whoever seals by hand need not be able to read the credentials of
// sources. keyName may be empty if the agent has only one key.
func AgentKey(cfg *config.Config, agentName, keyName string) (*agentkeys.Key, error) {
	agent, ok := cfg.Agents[agentName]
	if !ok {
		return nil, fmt.Errorf("there is no agent %q; there are %q", agentName, slices.Sorted(maps.Keys(cfg.Agents)))
	}
	names := slices.Sorted(maps.Keys(agent.Keys))
	if keyName == "" && len(names) == 1 {
		keyName = names[0]
	}
	from, ok := agent.Keys[keyName]
	if !ok {
		return nil, fmt.Errorf("name one of the keys of agent %q: %q", agentName, names)
	}
	b := &builder{cfg: cfg}
	key := b.key("agent "+agentName+": key "+keyName, from)
	return key, errors.Join(b.errs...)
}

// Registry reads the keys of all agents and groups, and nothing else that the
// configuration names.
func Registry(cfg *config.Config) (*agentkeys.Registry, error) {
	b := &builder{cfg: cfg}
	registry := b.registry()
	return registry, errors.Join(b.errs...)
}
