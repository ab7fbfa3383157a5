package push

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// recipients is the set for the secret: out of the spool while it is good, else
// from the service.
func (s *Sealer) recipients(ctx context.Context, secret string) (recipientset.Set, error) {
	if s.Spool == nil || s.CacheFor <= 0 {
		return s.fetch(ctx, secret)
	}
	// One that cannot be read, or does not verify, is fetched again, like one that
	// is not there: nothing was ever sealed for it.
	token, err := s.Spool.Set(s.Client.URL, secret)
	s.warn(err)
	if set, err := s.verify(token, secret); err == nil && time.Now().Before(set.IssuedAt.Add(s.CacheFor)) {
		return set, nil
	}
	return s.fetch(ctx, secret)
}

// fetch gets the set from the service, and keeps it in the spool.
func (s *Sealer) fetch(ctx context.Context, secret string) (recipientset.Set, error) {
	at, err := endpointOf(s.Client.URL)
	if err != nil {
		return recipientset.Set{}, err
	}
	m := message{method: http.MethodGet, url: at.recipients(secret)}
	token, err := retry(ctx, s.Client, func() (string, error) {
		// Each try is a message of its own: the service has nothing to repeat.
		m.id = NewID()
		return try(ctx, s.Client, m, readSet)
	})
	if err != nil {
		return recipientset.Set{}, fmt.Errorf("fetch recipients: %w", err)
	}
	set, err := s.verify(token, secret)
	if err != nil {
		return recipientset.Set{}, fmt.Errorf("fetch recipients: %w", err)
	}
	if s.Spool != nil && s.CacheFor > 0 {
		s.warn(s.Spool.KeepSet(s.Client.URL, secret, token))
	}
	return set, nil
}

func (s *Sealer) verify(token, secret string) (recipientset.Set, error) {
	at, err := endpointOf(s.Client.URL)
	if err != nil {
		return recipientset.Set{}, err
	}
	set, err := recipientset.Verify(token, s.ServiceKey)
	if err != nil {
		return recipientset.Set{}, err
	}
	return set, set.Check(s.Issuer, at.source, secret, time.Now())
}

// readSet reads a 2xx answer into a signed set, not verified yet, and any other
// into a *wire.ProblemError.
func readSet(response *http.Response) (string, error) {
	if response.StatusCode/100 != 2 {
		body, _ := io.ReadAll(io.LimitReader(response.Body, maxAnswer)) // What came of it will do.
		return "", wire.ReadProblem(response, body)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, recipientset.MaxSize+1))
	if err != nil {
		return "", &networkError{err}
	}
	return string(body), nil
}
