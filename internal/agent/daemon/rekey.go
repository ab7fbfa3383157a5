package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/rekey"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// askedAgain is how long a wish for the next key is left alone after one that
// could not be met, or that an operator has to decide: each List brings it anew.
const askedAgain = 10 * time.Minute

// NewRekeyer makes what changes the agent's key. It needs a folder of keys, the
// agent's signing key, and the service's address, which the mailbox has.
func NewRekeyer(c *config.Config) (*rekey.Rekeyer, error) {
	if c.Mailbox == nil {
		return nil, errors.New("mailbox: url is missing: it is where the service takes the next key")
	}
	var dir string
	for _, identity := range c.Identities {
		switch {
		case identity.Dir == "":
		case dir != "":
			return nil, errors.New("identities has several entries with dir; keep the one that the next key goes to")
		default:
			dir = identity.Dir
		}
	}
	if dir == "" {
		return nil, errors.New("identities has no entry with dir, the folder for the next key; put the key there as agent.key and name the folder in place of the file")
	}
	signing, err := c.SigningKey()
	if err != nil {
		return nil, err
	}
	client, err := httpClient(c)
	if err != nil {
		return nil, err
	}
	return &rekey.Rekeyer{Agent: c.Name, Dir: c.Path(dir), Signing: signing, URL: c.Mailbox.URL, HTTP: client}, nil
}

// rekeyWhenAsked makes and registers the agent's next key when the service asks
// for it. What comes sealed for it makes the agent read its keys anew.
func rekeyWhenAsked(ctx context.Context, c *config.Config, asked <-chan struct{}, log zerolog.Logger) {
	var not time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-asked:
		}
		now := time.Now()
		if now.Before(not) {
			continue
		}
		if !rekeyNow(ctx, c, now, log) {
			not = now.Add(askedAgain)
		}
	}
}

// rekeyNow says whether the next key is in use.
func rekeyNow(ctx context.Context, c *config.Config, now time.Time, log zerolog.Logger) bool {
	rekeyer, err := NewRekeyer(c)
	if err != nil {
		log.Error().Err(err).Msg("the service asks for the agent's next key, which cannot be made")
		return false
	}
	defer rekeyer.Close()
	answer, err := rekeyer.Next(ctx, now)
	if err != nil {
		log.Error().Err(err).Msg("the agent's next key is not registered; it goes on with the present one")
		return false
	}
	log.Info().Str("key_id", answer.KeyID).Str("state", answer.State).Msg("the agent's next key is registered")
	return answer.State == string(outbox.Approved)
}
