//go:build noservice

// A build for machines that seal, open and look after keys only: it is smaller,
// and it starts in half the time, because a Go program initialises all that is in
// it (SQLite, the HTTP server, the metrics) before it does anything.

package main

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/stores/kinds"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/local"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/daemon"
)

func serviceCommands() []cli.Command { return nil }

func agentKey(string, string, string) (*agentkeys.Key, error) {
	return nil, errors.New("this program was built without the service, which knows the agents; give their key with --cert")
}

func unavailable(error) bool { return false }

var agentAzure = daemon.Azure{Vaults: noVaults}

func noVaults(c *config.Config, _ daemon.Accept, _ zerolog.Logger) ([]daemon.Part, error) {
	if len(c.Vaults) > 0 {
		return nil, kinds.ErrNoKeyVault
	}
	return nil, nil
}

func readVault(context.Context, local.Vault) (envelope []byte, statement string, err error) {
	return nil, "", kinds.ErrNoKeyVault
}
