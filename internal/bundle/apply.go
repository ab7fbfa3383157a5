package bundle

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// ErrOlder says that a newer version is there already. It is no failure of the
// bundle: the older one is left out, and there is no receipt for it.
var ErrOlder = errors.New("a newer version is there already")

// Accept brings one delivery to where the agent keeps it, and returns the
// agent's signed receipt for it, or ErrOlder. It is called by several goroutines.
type Accept func(context.Context, Delivery) (receipt string, err error)

// atOnce is how many deliveries are accepted at once. An agent that waits for
// more changes before it acts waits once for all of them.
const atOnce = 64

// Apply has each delivery accepted and returns the receipts, and the secrets of
// which a newer version is there. If some fail, err is the first of them, and the
// receipts are those of the others: they are there, and the same bundle can be
// applied again.
func (b *Bundle) Apply(ctx context.Context, accept Accept) (receipts []Receipt, older []string, err error) {
	tokens, errs := make([]string, len(b.Deliveries)), make([]error, len(b.Deliveries))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, delivery := range b.Deliveries {
		group.Go(func() error {
			tokens[i], errs[i] = accept(ctx, delivery)
			return nil
		})
	}
	_ = group.Wait() // the errors are in errs
	for i, delivery := range b.Deliveries {
		switch {
		case errors.Is(errs[i], ErrOlder):
			older = append(older, delivery.Claims.Secret)
		case errs[i] != nil && err == nil:
			err = fmt.Errorf("apply version %d of %s: %w", delivery.Claims.Version, delivery.Claims.Secret, errs[i])
		case errs[i] == nil:
			receipts = append(receipts, Receipt{Statement: delivery.Statement, Receipt: tokens[i]})
		}
	}
	return receipts, older, err
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

// IntoAgent accepts deliveries by a running agent, whose receipts are signed with
// key: it answers an older delivery with the receipt of what it has.
func IntoAgent(take func(context.Context, wire.Delivery) (receipt string, err error), key ed25519.PublicKey) Accept {
	return func(ctx context.Context, delivery Delivery) (string, error) {
		token, err := take(ctx, delivery.Delivery)
		if err != nil {
			return "", err
		}
		claims, err := receipt.Verify(token, key)
		if err != nil {
			return "", err
		}
		if claims.Version > delivery.Claims.Version {
			return "", ErrOlder
		}
		return token, claims.Check(delivery.Claims)
	}
}
