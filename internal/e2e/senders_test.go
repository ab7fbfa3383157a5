//go:build unix

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const senders = 4

// change is what a hook tells; one without a value deletes the secret.
type change struct {
	id, secret string
	value      []byte
}

// changeOf is the n-th change. Its value is of no other; some are long.
func changeOf(n int) change {
	c := change{id: fmt.Sprintf("evt_%06d", n), secret: siteSecret(n % siteSecrets)}
	switch {
	case n%13 == 12:
	case n%7 == 6:
		c.value = []byte(strings.Repeat(c.id, 500))
	default:
		c.value = []byte("value of " + c.id)
	}
	return c
}

// send sends the hook once. A status other than 2xx is no error.
func (s *site) send(ctx context.Context, c change) (status int, answer wire.Answer, err error) {
	event := hooks.Event{Secret: c.secret, Operation: hooks.Delete}
	if c.value != nil {
		event.Operation, event.Value = hooks.Set, secretbytes.Copy(c.value)
		defer event.Value.Wipe()
	}
	body, err := adapters.EncodePush(event)
	if err != nil {
		return 0, answer, err
	}
	now := time.Now()
	signature, err := verify.SignV1(s.secret, c.id, now, body)
	if err != nil {
		return 0, answer, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.listen+"/v1/hooks/manager", bytes.NewReader(body))
	if err != nil {
		return 0, answer, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(verify.IDHeader, c.id)
	request.Header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(verify.SignatureHeader, signature)
	response, err := s.client.Do(request)
	if err != nil {
		return 0, answer, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode < 300 {
		err = json.Unmarshal(data, &answer)
	}
	return response.StatusCode, answer, err
}

// load sends changes from several goroutines, each until it is acknowledged.
type load struct {
	site *site
	// acked is told of each acknowledgement.
	acked func()

	mu     sync.Mutex
	next   int
	ended  bool
	failed error
	// owners are the changes that made each version of each secret.
	owners map[string]map[int64]change
	// repeats counts the answers that a change was known already: the first
	// answer was lost.
	repeats int
}

func newLoad(s *site, acked func()) *load {
	return &load{site: s, acked: acked, owners: map[string]map[int64]change{}}
}

// end lets no change begin any more.
func (l *load) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

func (l *load) take() (change, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended || l.failed != nil {
		return change{}, false
	}
	l.next++
	return changeOf(l.next - 1), true
}

// run returns when every change that began is acknowledged.
func (l *load) run(ctx context.Context) error {
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for c, ok := l.take(); ok; c, ok = l.take() {
				if err := l.push(ctx, c); err != nil {
					l.mu.Lock()
					l.failed = err
					l.mu.Unlock()
				}
			}
		})
	}
	group.Wait()
	return l.failed
}

// push sends a change until it is acknowledged, always under the same ID.
func (l *load) push(ctx context.Context, c change) error {
	pause := time.NewTicker(20 * time.Millisecond)
	defer pause.Stop()
	for {
		status, answer, err := l.site.send(ctx, c)
		switch {
		case err == nil && (status == http.StatusOK || status == http.StatusAccepted):
			return l.note(c, answer)
		case err == nil && status != http.StatusServiceUnavailable:
			return fmt.Errorf("%s was answered with %d", c.id, status)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return fmt.Errorf("%s was never acknowledged: %w", c.id, ctx.Err())
		}
	}
}

// note writes an acknowledgement down. Each change has a version of its own.
func (l *load) note(c change, answer wire.Answer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	other, taken := l.owners[c.secret][answer.Version]
	switch {
	case answer.EventID != c.id || answer.Secret != c.secret:
		return fmt.Errorf("%s was answered with event %s of %s", c.id, answer.EventID, answer.Secret)
	case answer.Status != wire.Accepted && answer.Status != wire.Duplicate:
		return fmt.Errorf("%s was answered with %q", c.id, answer.Status)
	case taken:
		return fmt.Errorf("%s version %d is of %s and of %s", c.secret, answer.Version, other.id, c.id)
	}
	if answer.Status == wire.Duplicate {
		l.repeats++
	}
	if l.owners[c.secret] == nil {
		l.owners[c.secret] = map[int64]change{}
	}
	l.owners[c.secret][answer.Version] = c
	l.acked()
	return nil
}

// newest is the latest version of a secret and the change that made it. The
// versions count the changes: an error says that one is missing.
func (l *load) newest(secret string) (version int64, c change, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	version = int64(len(l.owners[secret]))
	c, ok := l.owners[secret][version]
	if !ok {
		return 0, c, fmt.Errorf("%d changes of %s are acknowledged, and none of them is version %d", version, secret, version)
	}
	return version, c, nil
}
