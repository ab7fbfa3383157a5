//go:build !noservice

package main

import (
	"slices"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/agentcmd"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/service"
)

func serviceCommands() []cli.Command {
	return slices.Concat(service.Commands(buildVersion()), agentcmd.Commands())
}

var (
	agentKey    = service.AgentKey
	unavailable = service.Unavailable
)
