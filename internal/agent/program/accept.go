package program

import (
	"context"
	"errors"
	"time"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent/action"
	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/deliver/layout"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Accept takes a delivery and returns the signed receipt of the version that the
// agent has then: this one, or a newer one that it had already. It waits for the
// version's actions, and returns ErrBusy if ctx or the agent ends before they do;
// the version is kept, and the same delivery gets the receipt later. Other errors
// are ErrRestored and those of agent.Trust, after which nothing is kept, and those
// of the disk, after which it may be.
func (a *Agent) Accept(ctx context.Context, delivery wire.Delivery) (string, error) {
	claims, err := a.trust.Accept(delivery.Envelope, delivery.Statement)
	if err != nil {
		return "", err
	}
	if err := a.store(ctx, claims, delivery); err != nil {
		return "", err
	}
	return a.receipt(ctx, claims.Secret)
}

// store keeps the delivery if it is newer than what is there.
func (a *Agent) store(ctx context.Context, claims statement.Claims, delivery wire.Delivery) error {
	unlock, err := layout.Lock(ctx, a.place, claims.Secret)
	if err != nil {
		return ErrBusy
	}
	defer unlock()
	there, err := a.present(claims.Secret)
	if err != nil {
		return err
	}
	if there.Version > 0 {
		if take, err := newer(claims, there); err != nil || !take {
			return err
		}
	}
	// Commit point of the version: from here on no older one is taken. A crash
	// after it leaves a record without a receipt, whose actions the next start
	// takes.
	record := state.Record{Statement: delivery.Statement, Envelope: delivery.Envelope, StoredAt: time.Now().UTC()}
	if err := a.folder.Put(claims.Secret, record); err != nil {
		return err
	}
	a.log.Info().Str("secret", claims.Secret).Int64("version", claims.Version).Str("operation", claims.Operation).Msg("version stored")
	return nil
}

// present are the claims of what is there; of version 0 if nothing is.
func (a *Agent) present(secret string) (statement.Claims, error) {
	record, err := a.folder.Get(secret)
	if errors.Is(err, state.ErrNone) {
		return statement.Claims{}, nil
	}
	var claims statement.Claims
	if err == nil {
		claims, err = a.trust.Claims(record.Statement)
	} else if !errors.Is(err, state.ErrDamaged) {
		return statement.Claims{}, err
	}
	if err != nil {
		// It is damaged, another agent's, or of a service key that is not pinned
		// any more. Nothing can open it, so no version is lost.
		a.log.Warn().Err(err).Str("secret", secret).Msg("what is there cannot be used and is replaced")
		return statement.Claims{}, nil
	}
	return claims, nil
}

// receipt waits until the secret's version, whichever it then is, has a receipt.
func (a *Agent) receipt(ctx context.Context, secret string) (string, error) {
	for {
		record, err := a.folder.Get(secret)
		if err != nil || record.Receipt != "" {
			return record.Receipt, err
		}
		claims, err := a.trust.Claims(record.Statement)
		if err != nil {
			return "", err
		}
		settling := a.settle(claims)
		select {
		case <-settling.done:
			if settling.err != nil {
				return "", settling.err
			}
		case <-ctx.Done():
			return "", ErrBusy
		case <-a.stopping:
			return "", ErrBusy
		}
	}
}

// settle has the actions of a version taken, unless those of the secret are being
// taken already.
func (a *Agent) settle(claims statement.Claims) *settlement {
	a.mu.Lock()
	settling, under := a.settling[claims.Secret]
	if !under {
		settling = &settlement{done: make(chan struct{})}
		a.settling[claims.Secret] = settling
	}
	a.mu.Unlock()
	if under {
		return settling
	}
	record, err := a.folder.Get(claims.Secret)
	if err == nil {
		claims, err = a.trust.Claims(record.Statement)
	}
	if err != nil || record.Receipt != "" {
		a.end(claims.Secret, settling, err)
		return settling
	}
	a.actions.Trigger(changeOf(claims, record), func(result action.Result) {
		a.end(claims.Secret, settling, a.answer(claims, result))
	})
	return settling
}

func (a *Agent) end(secret string, settling *settlement, err error) {
	if err != nil {
		a.log.Error().Err(err).Str("secret", secret).Msg("the receipt cannot be given")
	}
	a.mu.Lock()
	delete(a.settling, secret)
	a.mu.Unlock()
	settling.err = err
	close(settling.done)
}

// answer stores the receipt of a version, unless a newer one has come.
func (a *Agent) answer(claims statement.Claims, result action.Result) error {
	unlock, err := layout.Lock(context.Background(), a.place, claims.Secret)
	if err != nil {
		return err
	}
	defer unlock()
	record, err := a.folder.Get(claims.Secret)
	if err != nil {
		return err
	}
	there, err := a.trust.Claims(record.Statement)
	if err != nil || there.Version != claims.Version || there.Digest != claims.Digest {
		return err
	}
	record.Receipt, err = a.signer.Sign(receipt.For(claims, record.StoredAt, result.Action, result.Detail))
	if err != nil {
		return err
	}
	return a.folder.Put(claims.Secret, record)
}
