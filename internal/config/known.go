package config

import "fmt"

// Known says what the configuration does not have: the agent, or that destination
// of it; an empty destination means any.
func (c *Config) Known(agent, destination string) error {
	has, ok := c.Agents[agent]
	if !ok {
		return fmt.Errorf("the configuration has no agent %q; `sealrelay agents list` has those there are", agent)
	}
	if _, ok := has.Destinations[destination]; !ok && destination != "" {
		return fmt.Errorf("agent %q has no destination %q in the configuration; `sealrelay agents list` has those there are", agent, destination)
	}
	return nil
}
