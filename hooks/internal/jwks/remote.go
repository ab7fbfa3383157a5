package jwks

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// The times of a JWK Set that is fetched.
const (
	// refreshAfter is the age from which the set is fetched again, beside the
	// requests, which go on with the old one.
	refreshAfter = time.Hour
	// maxAge is the age from which the old one is no longer used.
	maxAge = 24 * time.Hour
	// fetchPause is the least time between the beginnings of two fetches, so
	// that forged tokens of unknown keys cost the issuer nothing.
	fetchPause = 10 * time.Second
	// fetchTimeout bounds a fetch.
	fetchTimeout = 10 * time.Second
	// holdFor is how long a request waits for a fetch.
	holdFor = 3 * time.Second
)

// remote is the JWK Set at a URL. At most one fetch runs at a time. Time is this
// machine's, not that of the requests.
type remote struct {
	url    string
	client *http.Client

	mu sync.Mutex
	// known is what was fetched last with success, at fetched; failure is why
	// the last fetch brought nothing.
	known   set
	fetched time.Time
	failure error
	// begun is when the last fetch began; running is closed when it ends.
	begun   time.Time
	running chan struct{}
}

func newRemote(s Source) (*remote, error) {
	parsed, err := url.Parse(s.URL)
	if err != nil || parsed.Scheme != "https" || parsed.Host == "" || parsed.User != nil || parsed.Fragment != "" {
		return nil, errors.New("jwks_url is not an https URL without user and fragment")
	}
	client, err := newClient(s)
	if err != nil {
		return nil, err
	}
	return &remote{url: s.URL, client: client}, nil
}

// keys implements origin.
func (r *remote) keys(id string) (set, error) {
	known, running := r.look(id)
	if running == nil {
		return known, r.reason(known)
	}
	timer := time.NewTimer(holdFor)
	defer timer.Stop()
	select {
	case <-running:
	case <-timer.C:
	}
	known = r.current()
	return known, r.reason(known)
}

// look returns the keys that can be used, and what to wait for if the one of
// the ID is not among them but may be soon. It begins a fetch if it is time.
func (r *remote) look(id string) (set, <-chan struct{}) {
	known := r.current()
	r.mu.Lock()
	defer r.mu.Unlock()
	found := known.has(id)
	if found && time.Since(r.fetched) < refreshAfter {
		return known, nil
	}
	if r.running == nil && (r.begun.IsZero() || time.Since(r.begun) >= fetchPause) {
		r.begun = time.Now()
		r.running = make(chan struct{})
		go r.refresh(r.running)
	}
	if found {
		return known, nil
	}
	return known, r.running
}

// current are the keys that are not too old.
func (r *remote) current() set {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.fetched) >= maxAge {
		return nil
	}
	return r.known
}

// refresh fetches the set; a failure leaves the old one in place.
func (r *remote) refresh(done chan struct{}) {
	defer close(done)
	fresh, err := fetch(r.client, r.url)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running, r.failure = nil, err
	if err == nil {
		r.known, r.fetched = fresh, time.Now()
	}
}

// reason is why there are no keys at all; nil if there are some.
func (r *remote) reason(known set) error {
	if known != nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == nil {
		return fmt.Errorf("%w: the issuer's keys are still being fetched from jwks_url", hooks.ErrUnavailable)
	}
	return fmt.Errorf("%w: the issuer's keys cannot be fetched from jwks_url: %w", hooks.ErrUnavailable, r.failure)
}
