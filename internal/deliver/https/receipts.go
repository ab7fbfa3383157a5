package https

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// receipts says what an answer must have.
type receipts struct {
	keys   []ed25519.PublicKey
	issuer string
	// must says that an answer without a receipt is an error.
	must bool
}

// check returns the receipt in an answer of 2xx, if it is of the delivery. An
// agent that has a newer version answers with the receipt of that one: the
// delivery is made then, without a receipt of its own. A receipt that is wrong is
// an error that is tried again: the agent answers the repeat from its state, and
// a key that is missing here can be added meanwhile.
func (r receipts) check(body []byte, d outbox.Delivery) (string, error) {
	if len(r.keys) == 0 {
		return "", nil
	}
	var answer wire.Receipt
	if err := json.Unmarshal(body, &answer); err != nil || answer.Receipt == "" {
		if r.must {
			return "", errors.New("the receiver took it without a receipt; it is no agent of ours, or receipt has to be optional")
		}
		return "", nil
	}
	claims, err := receipt.Verify(answer.Receipt, r.keys...)
	if err != nil {
		// The error tells nothing of what the receipt says.
		return "", fmt.Errorf("the agent's answer: %w; compare signing_key_files with the agent's key", err)
	}
	if claims.Version > d.Version {
		return "", r.newer(claims, d)
	}
	if err := claims.Check(r.statement(d, d.Version)); err != nil {
		return "", fmt.Errorf("the agent's answer: %w", err)
	}
	return answer.Receipt, nil
}

// newer is nil if the receipt is of a newer version of the same secret.
func (r receipts) newer(claims receipt.Claims, d outbox.Delivery) error {
	want := r.statement(d, claims.Version)
	// Nothing is known here of what the newer version was.
	want.Operation, want.Digest = claims.Operation, claims.Digest
	if err := claims.Check(want); err != nil {
		return fmt.Errorf("the agent's answer: %w", err)
	}
	if claims.AppliedAt.Before(d.AcceptedAt) {
		return deliver.Final(fmt.Errorf("the agent has version %d, applied before this version %d was accepted: the outbox was restored or replaced; "+
			"remove the secret from the agent's state, then retry the delivery", claims.Version, d.Version))
	}
	return nil
}

// statement is what the statement of a delivery says, as far as a receipt repeats
// it.
func (r receipts) statement(d outbox.Delivery, version int64) statement.Claims {
	return statement.Claims{
		Issuer: r.issuer, Agent: d.Agent, Secret: d.Secret, Version: version,
		Operation: d.Operation, Digest: statement.Digest(d.Envelope),
	}
}
