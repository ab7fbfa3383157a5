package mailbox

import (
	"encoding/base64"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// idOf names a delivery to its agent. The agent's name is not in it: it comes
// from whoever asks, so that no ID leads to another agent's delivery.
func idOf(key outbox.Key) string {
	return base64.RawURLEncoding.EncodeToString([]byte(key.Destination + "\x00" + key.Secret))
}

// key is the delivery of a mailbox of the agent that has the ID; ErrNoEntry if
// there can be none. An ID has one spelling.
func (a *Agent) key(id string) (outbox.Key, error) {
	text, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil {
		return outbox.Key{}, ErrNoEntry
	}
	destination, secret, found := strings.Cut(string(text), "\x00")
	key := outbox.Key{Agent: a.Name, Destination: destination, Secret: secret}
	if !found || !a.owns(destination) || hooks.CheckName(secret) != nil || idOf(key) != id {
		return outbox.Key{}, ErrNoEntry
	}
	return key, nil
}
