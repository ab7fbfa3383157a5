// Package poller has an agent fetch what waits for it in the service's mailbox.
package poller

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	// wait is how long the service may keep a List when nothing waits.
	wait = time.Minute
	// pause is the time until the next List while something waits that could not
	// be taken: the service would answer at once.
	pause = 5 * time.Second
	// acceptWithin bounds the time for one entry's actions.
	acceptWithin = 5 * time.Minute
	// together is how many entries are taken at once.
	together = 4
)

// The backoff after a failure, of the service and of an entry.
const (
	firstPause    = time.Second
	longestPause  = 2 * time.Minute
	longestForOne = 10 * time.Minute
)

// Mailbox is the service's; client.Client implements it.
type Mailbox interface {
	List(ctx context.Context, wait time.Duration) ([]wire.MailboxEntry, error)
	Fetch(ctx context.Context, id string) (wire.Delivery, error)
	Acknowledge(ctx context.Context, id, receipt string) error
}

// Poller takes what waits. Run is called once.
type Poller struct {
	Mailbox Mailbox
	// Accept takes a delivery and returns the agent's receipt.
	Accept func(ctx context.Context, delivery wire.Delivery) (receipt string, err error)
	Log    zerolog.Logger

	mu sync.Mutex
	// failed are the entries that could not be taken, by ID.
	failed map[string]failure
}

// failure is an entry that could not be taken. A new version is tried at once.
type failure struct {
	version int64
	pause   time.Duration
	until   time.Time
}

// Run takes what waits until ctx ends. An error of the service is logged when it
// begins and when it is over.
func (p *Poller) Run(ctx context.Context) {
	p.failed = map[string]failure{}
	var away time.Duration
	for ctx.Err() == nil {
		asked := time.Now()
		entries, err := p.Mailbox.List(ctx, wait)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if away == 0 {
				p.Log.Warn().Err(err).Msg("the mailbox is away; what is here stays in use")
			}
			away = longer(away, longestPause)
			sleep(ctx, max(jitter(away), askedFor(err)))
			continue
		case away > 0:
			p.Log.Info().Msg("the mailbox is back")
			away = 0
		}
		switch {
		case !p.takeAll(ctx, entries):
			sleep(ctx, pause)
		case len(entries) == 0 && time.Since(asked) < firstPause:
			sleep(ctx, firstPause) // It does not wait, so it must not be asked without a pause.
		}
	}
}

// takeAll takes the entries that are due and says whether none is left.
func (p *Poller) takeAll(ctx context.Context, entries []wire.MailboxEntry) bool {
	p.forgetAllBut(entries)
	slots := make(chan struct{}, together)
	var under sync.WaitGroup
	for _, entry := range entries {
		if !p.due(entry) {
			continue
		}
		slots <- struct{}{}
		under.Go(func() {
			defer func() { <-slots }()
			p.settle(entry, p.take(ctx, entry))
		})
	}
	under.Wait()
	return len(p.failed) == 0
}

func (p *Poller) take(ctx context.Context, entry wire.MailboxEntry) error {
	delivery, err := p.Mailbox.Fetch(ctx, entry.ID)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, acceptWithin)
	defer cancel()
	receipt, err := p.Accept(within, delivery)
	if err != nil {
		return fmt.Errorf("not taken: %w", err)
	}
	return p.Mailbox.Acknowledge(ctx, entry.ID, receipt)
}

func (p *Poller) due(entry wire.MailboxEntry) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	failed, ok := p.failed[entry.ID]
	return !ok || failed.version != entry.Version || !time.Now().Before(failed.until)
}

// settle remembers how an entry went.
func (p *Poller) settle(entry wire.MailboxEntry, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.failed, entry.ID)
		return
	}
	failed := p.failed[entry.ID]
	if failed.version != entry.Version {
		failed = failure{version: entry.Version}
	}
	failed.pause = longer(failed.pause, longestForOne)
	failed.until = time.Now().Add(jitter(failed.pause))
	p.failed[entry.ID] = failed
	p.Log.Warn().Err(err).Str("secret", entry.Secret).Int64("version", entry.Version).Dur("again_in", failed.pause).Msg("an entry of the mailbox is left there")
}

// forgetAllBut forgets the failures of entries that wait no more.
func (p *Poller) forgetAllBut(entries []wire.MailboxEntry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := map[string]failure{}
	for _, entry := range entries {
		if failed, ok := p.failed[entry.ID]; ok {
			kept[entry.ID] = failed
		}
	}
	p.failed = kept
}
