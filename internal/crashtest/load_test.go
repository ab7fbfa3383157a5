//go:build unix

package crashtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const senders = 8

// event is what a hook tells; one without a value deletes the secret.
type event struct{ id, secret, value string }

// makeEvent makes the n-th event. Every other is of one of a few secrets that
// change faster than they are delivered. Its value is of no other event; some
// are long, so that they need pages of their own in the database.
func makeEvent(n int) event {
	ev := event{id: fmt.Sprintf("evt_%06d", n), secret: fmt.Sprintf("prod/db/rare%03d", n/2%150)}
	if n%2 == 0 {
		ev.secret = fmt.Sprintf("prod/db/often%d", n/2%7)
	}
	switch {
	case n%13 == 12:
		return ev
	case n%7 == 6:
		ev.value = strings.Repeat(ev.id, 500)
	default:
		ev.value = "value of " + ev.id
	}
	return ev
}

// ack is an event that was answered with 2xx.
type ack struct {
	event
	version int64
	// at is when the answer was there, by the clock of this machine.
	at time.Time
}

// send sends the hook once. A status other than 2xx is no error.
func (s *site) send(ctx context.Context, to *service, ev event) (status int, answer wire.Answer, err error) {
	event := hooks.Event{Secret: ev.secret, Operation: hooks.Delete}
	if ev.value != "" {
		event.Operation, event.Value = hooks.Set, secretbytes.Copy([]byte(ev.value))
		defer event.Value.Wipe()
	}
	body, err := adapters.EncodePush(event)
	if err != nil {
		return 0, answer, err
	}
	now := time.Now()
	signature, err := verify.SignV1(s.secret, ev.id, now, body)
	if err != nil {
		return 0, answer, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+to.hooks+"/v1/hooks/"+source, bytes.NewReader(body))
	if err != nil {
		return 0, answer, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set(verify.IDHeader, ev.id)
	request.Header.Set(verify.TimestampHeader, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(verify.SignatureHeader, signature)
	response, err := to.client.Do(request)
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

// load sends events from several goroutines to whatever run of the service is
// there, each until it is acknowledged.
type load struct {
	site *site
	// sent and acked, if not nil, are told of each.
	sent, acked func()

	mu      sync.Mutex
	current *service
	changed chan struct{}
	next    int
	limit   int
	acks    map[string]ack
	owner   map[string]string // of a version of a secret, the event
	refused int
	failed  error
}

func newLoad(s *site, limit int) *load {
	return &load{site: s, limit: limit, changed: make(chan struct{}), acks: map[string]ack{}, owner: map[string]string{}}
}

// serve makes a run of the service the one that gets the hooks.
func (l *load) serve(to *service) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.current = to
	close(l.changed)
	l.changed = make(chan struct{})
}

// end lets no event begin any more.
func (l *load) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = l.next
}

// other waits for a run that is not the one that was seen last.
func (l *load) other(ctx context.Context, last *service) (*service, error) {
	for {
		l.mu.Lock()
		current, changed := l.current, l.changed
		l.mu.Unlock()
		if current != nil && current != last {
			return current, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (l *load) take() (event, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next >= l.limit || l.failed != nil {
		return event{}, false
	}
	l.next++
	return makeEvent(l.next - 1), true
}

// run returns when every event that began is acknowledged.
func (l *load) run(ctx context.Context) error {
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			var to *service
			for {
				ev, ok := l.take()
				if !ok {
					return
				}
				if err := l.push(ctx, ev, &to); err != nil {
					l.fail(err)
					return
				}
			}
		})
	}
	group.Wait()
	return l.failed
}

// push sends an event until it is acknowledged, always under the same ID.
func (l *load) push(ctx context.Context, ev event, to **service) error {
	for {
		if *to == nil {
			next, err := l.other(ctx, nil)
			if err != nil {
				return fmt.Errorf("%s was never acknowledged: %w", ev.id, err)
			}
			*to = next
		}
		if l.sent != nil {
			l.sent()
		}
		status, answer, err := l.site.send(ctx, *to, ev)
		at := time.Now()
		switch {
		case err != nil: // the run was killed: the next one gets it again
			next, err := l.other(ctx, *to)
			if err != nil {
				return fmt.Errorf("%s was never acknowledged: %w", ev.id, err)
			}
			*to = next
		case status == http.StatusOK || status == http.StatusAccepted:
			return l.note(ack{event: ev, version: answer.Version, at: at}, answer)
		case status == http.StatusServiceUnavailable:
			l.mu.Lock()
			l.refused++
			l.mu.Unlock()
			if err := pause(ctx); err != nil {
				return fmt.Errorf("%s was never acknowledged: %w", ev.id, err)
			}
		default:
			return fmt.Errorf("%s was answered with %d", ev.id, status)
		}
	}
}

// pause keeps refused events from being all that the service has to do.
func pause(ctx context.Context) error {
	timer := time.NewTimer(5 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// counts are how many events are acknowledged, and how many answers were 503.
func (l *load) counts() (acked, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acks), l.refused
}

// note writes an acknowledgement down. Each event has a version of its own.
func (l *load) note(a ack, answer wire.Answer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	version := fmt.Sprintf("%s version %d", answer.Secret, answer.Version)
	switch other, taken := l.owner[version]; {
	case answer.EventID != a.id || answer.Secret != a.secret:
		return fmt.Errorf("%s was answered with event %s of %s", a.id, answer.EventID, answer.Secret)
	case answer.Status != wire.Accepted && answer.Status != wire.Duplicate:
		return fmt.Errorf("%s was answered with %q", a.id, answer.Status)
	case taken:
		return fmt.Errorf("%s is of %s and of %s", version, other, a.id)
	}
	l.owner[version] = a.id
	l.acks[a.id] = a
	if l.acked != nil {
		l.acked()
	}
	return nil
}

func (l *load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = err
	}
}

// book is what was acknowledged, in the order of time.
func (l *load) book() []ack {
	l.mu.Lock()
	defer l.mu.Unlock()
	acks := make([]ack, 0, len(l.acks))
	for _, a := range l.acks {
		acks = append(acks, a)
	}
	slices.SortFunc(acks, func(a, b ack) int { return a.at.Compare(b.at) })
	return acks
}

// repeatAll sends every acknowledged event once more: each must be known, with
// the version that was told before.
func (l *load) repeatAll(t testing.TB, to *service) {
	t.Helper()
	acks := make(chan ack)
	var group sync.WaitGroup
	for range senders {
		group.Go(func() {
			for a := range acks {
				status, answer, err := l.site.send(t.Context(), to, a.event)
				if err != nil || status != http.StatusOK || answer.Status != wire.Duplicate || answer.Version != a.version {
					t.Errorf("repeat of %s: %d %q version %d (error %v), want 200 duplicate version %d",
						a.id, status, answer.Status, answer.Version, err, a.version)
				}
			}
		})
	}
	for _, a := range l.book() {
		acks <- a
	}
	close(acks)
	group.Wait()
}
