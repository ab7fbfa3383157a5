package azure

import (
	"context"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"golang.org/x/time/rate"
)

// A vault takes 300 secrets, certificates and keys within 10 seconds together. What
// came in a burst counts in the same ten seconds as the steady flow behind it.
const (
	writesPerSecond = 29
	writesAtOnce    = 5
	// pauseUnsaid is the pause after a 429 that does not say how long.
	pauseUnsaid = 5 * time.Second
)

// Pace is how fast a vault may be used by everybody together. It is safe for
// concurrent use.
type Pace struct {
	writes *rate.Limiter

	mu    sync.Mutex
	until time.Time
}

// Pace is that of the vault; all of an account get the same one.
func (a *Account) Pace(vault Vault) *Pace {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.paces[vault.URL] == nil {
		a.paces[vault.URL] = &Pace{writes: rate.NewLimiter(writesPerSecond, writesAtOnce)}
	}
	return a.paces[vault.URL]
}

// Write waits until one more secret may be written or certificate imported.
func (p *Pace) Write(ctx context.Context) error {
	if err := p.Wait(ctx); err != nil {
		return err
	}
	return p.writes.Wait(ctx)
}

// Paused says until when the vault asked to be left alone.
func (p *Pace) Paused() (until time.Time, paused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.until, time.Now().Before(p.until)
}

// Wait waits until a pause that the vault asked for has ended.
func (p *Pace) Wait(ctx context.Context) error {
	for {
		p.mu.Lock()
		rest := time.Until(p.until)
		p.mu.Unlock()
		if rest <= 0 {
			return ctx.Err()
		}
		timer := time.NewTimer(rest)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
	}
}

// Heed explains an error, and keeps everybody from the vault for as long as it asks
// for if it is one of throttling.
func (p *Pace) Heed(err error) error {
	err = Explain(err)
	if e, ok := asThrottled(err); ok {
		pause := e.RetryAfter
		if pause == 0 {
			pause = pauseUnsaid
		}
		p.mu.Lock()
		if until := time.Now().Add(pause); until.After(p.until) {
			p.until = until
		}
		p.mu.Unlock()
	}
	return err
}

// Once asks for a request to be sent once: one that writes may have been carried out
// though its answer was lost, and sent again would write again.
func Once(ctx context.Context) context.Context {
	return policy.WithRetryOptions(ctx, policy.RetryOptions{MaxRetries: -1})
}
