package jwks_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/internal/jwks"
)

// issuer answers fetches without a network, in the bubble of a test.
type issuer struct {
	fetches atomic.Int32
	mu      sync.Mutex
	answer  func(*http.Request) (*http.Response, error)
}

func (i *issuer) set(answer func(*http.Request) (*http.Response, error)) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = answer
}

// RoundTrip implements http.RoundTripper.
func (i *issuer) RoundTrip(r *http.Request) (*http.Response, error) {
	i.fetches.Add(1)
	i.mu.Lock()
	answer := i.answer
	i.mu.Unlock()
	return answer(r)
}

func answers(body []byte) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(string(body)))}, nil
	}
}

func fails(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// pass lets time go by on the clock of a test's bubble.
func pass(d time.Duration) { <-time.After(d) }

func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func fetched(i *issuer) *jwks.Keys {
	return jwks.NewRemoteForTest("https://issuer.example/keys", &http.Client{Transport: i})
}

// expect waits until fetches are done and compares their number.
func (i *issuer) expect(t *testing.T, when string, want int32) {
	t.Helper()
	synctest.Wait()
	if got := i.fetches.Load(); got != want {
		t.Errorf("%s: %d fetches, want %d", when, got, want)
	}
}

func TestRemoteIsCached(t *testing.T) {
	ed, p256 := sign(t, jose.EdDSA, private()["ed"], "ed", nil), sign(t, jose.ES256, private()["p256"], "p256", nil)
	old, changed := document(t, public("ed")), document(t, public("p256"))
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.set(answers(old))
		keys := fetched(i)
		accepts := func(when, token string, class error) {
			t.Helper()
			if _, err := keys.Verify(token); !errors.Is(err, class) {
				t.Errorf("%s: %v, want %v", when, err, class)
			}
		}
		i.expect(t, "opened", 0)
		accepts("first", ed, nil)
		accepts("second", ed, nil)
		i.expect(t, "within the hour", 1)

		// An unknown key is fetched for, but not for every token that names one.
		accepts("unknown at once", p256, hooks.ErrUnauthenticated)
		i.expect(t, "unknown at once", 1)
		pass(10 * time.Second)
		accepts("unknown after the pause", p256, hooks.ErrUnauthenticated)
		accepts("and again", p256, hooks.ErrUnauthenticated)
		i.expect(t, "unknown after the pause", 2)

		i.set(answers(changed))
		pass(10 * time.Second)
		accepts("known now", p256, nil)
		i.expect(t, "known now", 3)
		accepts("withdrawn", ed, hooks.ErrUnauthenticated)

		// From an hour on it is fetched beside the requests.
		i.set(hangs)
		pass(time.Hour)
		before := time.Now()
		accepts("an hour later", p256, nil)
		if waited := time.Since(before); waited != 0 {
			t.Errorf("a request waits %v for a refresh of what it knows", waited)
		}
		pass(10 * time.Second)
		i.expect(t, "an hour later", 4)
	})
}

func TestRemoteFails(t *testing.T) {
	token := sign(t, jose.EdDSA, private()["ed"], "ed", nil)
	good := document(t, public("ed"))
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.set(hangs)
		keys := fetched(i)
		verify := func(when string, class error) {
			t.Helper()
			if _, err := keys.Verify(token); !errors.Is(err, class) {
				t.Errorf("%s: %v, want %v", when, err, class)
			}
		}
		before := time.Now()
		verify("nothing yet", hooks.ErrUnavailable)
		if waited := time.Since(before); waited != 3*time.Second {
			t.Errorf("a request waits %v", waited)
		}
		pass(10 * time.Second)
		i.set(answers(good))
		verify("after the pause", nil)
		i.expect(t, "after the pause", 2)

		// Failures keep the old keys, for a day.
		for _, failure := range []func(*http.Request) (*http.Response, error){
			fails, answers([]byte("{}")), answers(make([]byte, 1<<20)),
			func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusFound, Body: http.NoBody, Header: http.Header{"Location": {"/other"}}}, nil
			},
		} {
			i.set(failure)
			pass(2 * time.Hour)
			verify("while it fails", nil)
			synctest.Wait()
		}
		i.set(fails)
		pass(16 * time.Hour)
		verify("a day later", hooks.ErrUnavailable)
		_, err := keys.Verify(token)
		if err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("the failure is not told: %v", err)
		}
		i.set(answers(good))
		pass(10 * time.Second)
		verify("when it is back", nil)
	})
}

// TestRemoteFetchesOnce: however many requests come at once, one fetches.
func TestRemoteFetchesOnce(t *testing.T) {
	token := sign(t, jose.EdDSA, private()["ed"], "ed", nil)
	good := document(t, public("ed"))
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{}
		i.set(func(r *http.Request) (*http.Response, error) {
			pass(time.Second)
			return answers(good)(r)
		})
		keys := fetched(i)
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if _, err := keys.Verify(token); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		i.expect(t, "a hundred at once", 1)
	})
}
