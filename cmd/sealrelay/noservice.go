//go:build noservice

// A build for machines that seal, open and look after keys only: it is smaller,
// and it starts in half the time, because a Go program initialises all that is in
// it (SQLite, the HTTP server, the metrics) before it does anything.

package main

import (
	"errors"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

func serviceCommands() []cli.Command { return nil }

func agentKey(string, string, string) (*agentkeys.Key, error) {
	return nil, errors.New("this program was built without the service, which knows the agents; give their key with --cert")
}

func unavailable(error) bool { return false }
