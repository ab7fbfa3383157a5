package bundle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// ErrOlder says that a newer version is there already. It is no failure of the
// bundle: the older one is left out, and there is no receipt for it.
var ErrOlder = errors.New("a newer version is there already")

// Accept brings one delivery to where the agent keeps it, and returns the
// agent's signed receipt for it, or ErrOlder.
type Accept func(context.Context, Delivery) (receipt string, err error)

// Apply has each delivery accepted and returns the receipts, and the secrets of
// which a newer version is there. If one fails it returns those before it as
// well: they are there, and the same bundle can be applied again.
func (b *Bundle) Apply(ctx context.Context, accept Accept) (receipts []Receipt, older []string, err error) {
	for _, delivery := range b.Deliveries {
		token, err := accept(ctx, delivery)
		switch {
		case errors.Is(err, ErrOlder):
			older = append(older, delivery.Claims.Secret)
		case err != nil:
			return receipts, older, fmt.Errorf("apply version %d of %s: %w", delivery.Claims.Version, delivery.Claims.Secret, err)
		default:
			receipts = append(receipts, Receipt{Statement: delivery.Statement, Receipt: token})
		}
	}
	return receipts, older, nil
}

// IntoFolder accepts deliveries into a folder, as the destination file lays it
// out, and signs receipts.
func IntoFolder(folder *file.Destination, signer *receipt.Signer) Accept {
	return func(ctx context.Context, delivery Delivery) (string, error) {
		claims := delivery.Claims
		version, err := folder.Bring(ctx, outbox.Delivery{
			Key:       outbox.Key{Agent: claims.Agent, Secret: claims.Secret},
			Operation: claims.Operation, Version: claims.Version, Format: claims.Format, KeyID: claims.KeyID,
			Envelope: delivery.Envelope, Statement: delivery.Statement,
		})
		if err != nil {
			return "", err
		}
		if version > claims.Version {
			return "", ErrOlder
		}
		return signer.Sign(receipt.For(claims, time.Now(), receipt.None, ""))
	}
}
