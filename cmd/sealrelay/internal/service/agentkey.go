package service

import (
	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
)

// AgentKey returns a key of an agent of the configuration; keyName may be empty
// if the agent has one key only.
func AgentKey(configFile, agent, keyName string) (*agentkeys.Key, error) {
	cfg, err := config.Load(configFile)
	if err != nil {
		return nil, err
	}
	return app.AgentKey(cfg, agent, keyName)
}
