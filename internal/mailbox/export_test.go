package mailbox

import "github.com/sealrelay/sealrelay/internal/outbox"

// KeyForTest is the delivery of the agent that has the ID.
func (a *Agent) KeyForTest(id string) (outbox.Key, error) { return a.key(id) }

// IDForTest is the ID of a delivery.
var IDForTest = idOf
