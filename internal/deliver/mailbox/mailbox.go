// Package mailbox is the destination that the agent fetches from, over
// /v1/mailbox: for one that nobody can connect to.
package mailbox

import (
	"context"
	"errors"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Config has the settings of a destination of kind mailbox, of which there are
// none: the agent comes with its signing_key_files or client_certificate.
type Config struct{}

// Destination leaves each delivery to the agent.
type Destination struct{}

// New makes the destination. An agent without a signing key is refused: none of
// its receipts could be verified, so that nothing would ever be delivered.
func New(settings deliver.Settings) (deliver.Destination, error) {
	if err := settings.Decode(&Config{}); err != nil {
		return nil, err
	}
	if len(settings.Agent.SigningKeys) == 0 {
		return nil, errors.New("the agent has no signing_key_files, with which its requests and receipts are verified; add its public key, from `sealrelay keys generate ed25519 --out agent.key --pub agent.pub`")
	}
	return Destination{}, nil
}

// Deliver implements deliver.Destination: the version waits for the agent.
func (Destination) Deliver(context.Context, outbox.Delivery) (receipt string, err error) {
	return "", deliver.ErrWaiting
}
