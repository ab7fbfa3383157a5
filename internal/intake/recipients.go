package intake

import (
	"fmt"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/hooks"
)

// Recipients says who gets a secret of the source, and with which keys, for a
// source that seals by itself. The request, which has no body, is held to what
// an event of that secret would be; errors are of the same classes. The set is
// not signed yet.
func (in *Intake) Recipients(source *Source, request *hooks.Request, secret string) (recipientset.Set, error) {
	if _, err := source.Verifier.Verify(signed(request)); err != nil {
		return recipientset.Set{}, err
	}
	if err := source.take(request.Received); err != nil {
		return recipientset.Set{}, err
	}
	ev := &event{Event: hooks.Event{Secret: secret}, source: source, received: request.Received}
	if err := in.decide(ev); err != nil {
		return recipientset.Set{}, err
	}
	set, err := recipientset.New(source.Name, secret, ev.targets, request.Received, source.RecipientsValidFor)
	if err != nil {
		return recipientset.Set{}, fmt.Errorf("recipient set: %w", err)
	}
	return set, nil
}
