//go:build !noservice

package main

import (
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/service"
	"github.com/sealrelay/sealrelay/internal/agent/daemon"
	"github.com/sealrelay/sealrelay/internal/agent/vaults"
)

func serviceCommands() []cli.Command { return service.Commands(buildVersion()) }

var (
	agentKey    = service.AgentKey
	unavailable = service.Unavailable
	agentAzure  = daemon.Azure{Vaults: vaults.Parts, Jobs: vaults.Jobs}
	readVault   = service.ReadVault
)
