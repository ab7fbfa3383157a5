// Package service has the commands of the service, and those that look at what
// it keeps.
package service

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// Commands are the commands; version is what the service tells of itself.
func Commands(version string) []cli.Command {
	return []cli.Command{
		{Name: "demo", New: func() *cobra.Command { return newDemo(version) }},
		{Name: "serve", New: func() *cobra.Command { return newServe(version) }},
		{Name: "push", New: newPush},
		{Name: "hook", New: newHook},
		{Name: "source", New: newSource},
		{Name: "agents", New: newAgents},
		{Name: "secrets", New: newSecrets},
		{Name: "stores", New: newStores},
		{Name: "jobs", New: newJobs},
		{Name: "reseal", New: newReseal},
		{Name: "deliveries", New: newDeliveries},
		{Name: "audit", New: newAudit},
		{Name: "config", New: newConfig},
	}
}
