//go:build !noservice

package main

import (
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/service"
)

func serviceCommands() []cli.Command { return service.Commands(buildVersion()) }

var (
	agentKey    = service.AgentKey
	unavailable = service.Unavailable
)
