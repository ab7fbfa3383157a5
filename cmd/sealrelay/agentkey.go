package main

import (
	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
)

// agentKey returns a key of an agent of the configuration.
func agentKey(configFile, agent, keyName string) (*agentkeys.Key, error) {
	cfg, err := config.Load(configFile)
	if err != nil {
		return nil, err
	}
	return app.AgentKey(cfg, agent, keyName)
}
