package push_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func mustPush(t *testing.T, s *push.Sealer, event hooks.Event) wire.Answer {
	t.Helper()
	answer, err := s.Push(t.Context(), event)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// mustSpool pushes an event that is to be kept.
func mustSpool(t *testing.T, s *push.Sealer, event hooks.Event) {
	t.Helper()
	var spooled *push.SpooledError
	if _, err := s.Push(t.Context(), event); !errors.As(err, &spooled) {
		t.Fatalf("error is %v", err)
	}
}

func TestSealerSeals(t *testing.T) {
	r, s := newRelay(t)
	event := tiger(0)
	if answer := mustPush(t, s, event); answer.Status != wire.Accepted {
		t.Errorf("answer is %+v", answer)
	}
	got := r.last()
	if got.value != "tiger" || got.Secret != "prod/db" || got.Operation != hooks.Set || !got.OccurredAt.Equal(event.OccurredAt) || !strings.HasPrefix(got.EventID, "msg_") {
		t.Errorf("event is %+v", got)
	}
	if event.Value.Len() != 5 {
		t.Error("the caller's value was wiped")
	}
	if waiting := waits(t, s); waiting != nil {
		t.Errorf("in the spool is %q", waiting)
	}
}

func TestSealerDeletes(t *testing.T) {
	r, s := newRelay(t)
	mustPush(t, s, hooks.Event{Secret: "prod/db", Operation: hooks.Delete})
	if got := r.last(); got.Operation != hooks.Delete || len(got.Envelopes) > 0 || got.OccurredAt.IsZero() || r.fetched != 0 {
		t.Errorf("event is %+v, fetched %d times", got, r.fetched)
	}
}

// TestSealerCache counts how often recipients are fetched for two pushes.
func TestSealerCache(t *testing.T) {
	tests := map[string]struct {
		between func(*testing.T, *relay, *push.Sealer)
		fetched int
	}{
		"kept":                {func(*testing.T, *relay, *push.Sealer) {}, 1},
		"until the end":       {func(*testing.T, *relay, *push.Sealer) { <-time.After(time.Hour - 2*time.Second) }, 1},
		"for the stated time": {func(*testing.T, *relay, *push.Sealer) { <-time.After(time.Hour) }, 2},
		"not at all":          {func(_ *testing.T, _ *relay, s *push.Sealer) { s.CacheFor = 0 }, 2},
		"not without a spool": {func(_ *testing.T, _ *relay, s *push.Sealer) { s.Spool = nil }, 2},
		"not for another": {func(_ *testing.T, _ *relay, s *push.Sealer) {
			s.Client.URL = strings.Replace(s.Client.URL, "https", "HTTPS", 1)
		}, 2},
		"not of another key":    {func(_ *testing.T, r *relay, s *push.Sealer) { rekey(r, s) }, 2},
		"not of another issuer": {func(_ *testing.T, _ *relay, s *push.Sealer) { s.Issuer = "" }, 1},
		"not when damaged": {func(t *testing.T, _ *relay, s *push.Sealer) {
			overwrite(t, filepath.Join(s.Spool.Dir(), "recipients"), "hunter2")
		}, 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := newRelay(t)
				mustPush(t, s, tiger(0))
				test.between(t, r, s)
				mustPush(t, s, tiger(time.Second))
				if r.fetched != test.fetched || r.last().value != "tiger" {
					t.Errorf("fetched %d times, want %d; the agent opens %q", r.fetched, test.fetched, r.last().value)
				}
			})
		})
	}
}

// TestSealerCacheExpires: the service's bound counts as well.
func TestSealerCacheExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newRelay(t)
		r.validity = time.Minute
		mustPush(t, s, tiger(0))
		<-time.After(time.Minute)
		mustPush(t, s, tiger(time.Second))
		if r.fetched != 2 {
			t.Errorf("fetched %d times", r.fetched)
		}
	})
}

// rekey gives the service another key to sign with, and tells the sealer.
func rekey(r *relay, s *push.Sealer) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if r.signer, err = recipientset.NewSigner(private, "relay"); err != nil {
		r.t.Fatal(err)
	}
	s.ServiceKey = public
}

func overwrite(t *testing.T, dir, content string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	if err := os.WriteFile(files[0], []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSealerRecipientsChanged: it fetches again and seals anew, once, as the same
// event.
func TestSealerRecipientsChanged(t *testing.T) {
	r, s := newRelay(t)
	mustPush(t, s, tiger(0))
	r.changeKey()
	r.came, r.answers = nil, []func() (*http.Response, error){changed, accept}
	mustPush(t, s, tiger(time.Second))
	if len(r.came) != 2 || r.came[0].EventID != r.came[1].EventID || r.came[0].value != "" || r.came[1].value != "tiger" || r.fetched != 2 {
		t.Errorf("%d events, fetched %d times, the agent opens %q", len(r.came), r.fetched, r.last().value)
	}
	if kept := lost(t, s); kept != nil {
		t.Errorf("lost is %q", kept)
	}
	r.came, r.answers = nil, []func() (*http.Response, error){changed}
	_, err := s.Push(t.Context(), tiger(2*time.Second))
	if !errors.Is(err, push.ErrRecipientsChanged) || len(r.came) != 2 || waits(t, s) != nil {
		t.Errorf("%d events, error is %v", len(r.came), err)
	}
}

// TestSealerRecipientsChangedWhileAway: between two tries they change. What was
// spooled by then is not left to be lost.
func TestSealerRecipientsChangedWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newRelay(t)
		s.Client.Attempts = 3
		r.answers = []func() (*http.Response, error){cutOff, changed, accept}
		mustPush(t, s, tiger(0))
		if len(r.came) != 3 || waits(t, s) != nil || lost(t, s) != nil {
			t.Errorf("%d events, waiting %q, lost %q", len(r.came), waits(t, s), lost(t, s))
		}
	})
}

func TestSealerSpools(t *testing.T) {
	away := map[string]func() (*http.Response, error){
		"no connection": cutOff, "half an answer": cutAnswer, "another certificate": untrusted,
		"408": status(408, ""), "429": status(429, ""), "500": status(500, ""), "502": status(502, ""), "503": status(503, ""), "504": status(504, ""),
	}
	for name, answer := range away {
		t.Run(name, func(t *testing.T) {
			r, s := newRelay(t)
			r.answers = []func() (*http.Response, error){answer}
			event := tiger(0)
			event.ID = "evt-1"
			_, err := s.Push(t.Context(), event)
			var spooled *push.SpooledError
			if !errors.As(err, &spooled) || spooled.Superseded || spooled.Dir != s.Spool.Dir() {
				t.Fatalf("error is %v", err)
			}
			if waiting := waits(t, s); !slices.Equal(waiting, []string{"evt-1"}) {
				t.Errorf("in the spool is %q", waiting)
			}
			// Without a spool it is the error that it was.
			s.Spool = nil
			if _, err := s.Push(t.Context(), event); err == nil || errors.As(err, &spooled) {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestSealerDoesNotSpool(t *testing.T) {
	for _, code := range []int{301, 400, 401, 403, 404, 405, 413, 415, 422} {
		r, s := newRelay(t)
		r.answers = []func() (*http.Response, error){status(code, "")}
		_, err := s.Push(t.Context(), tiger(0))
		var problem *wire.ProblemError
		var spooled *push.SpooledError
		if !errors.As(err, &problem) || problem.StatusCode != code || errors.As(err, &spooled) || waits(t, s) != nil {
			t.Errorf("%d: error is %v, waiting %q", code, err, waits(t, s))
		}
	}
}

// TestSealerSpoolsBeforeItWaits: whoever ends the process between two tries
// leaves the event in the spool; what comes of the tries takes it out again.
func TestSealerSpoolsBeforeItWaits(t *testing.T) {
	tests := map[string]struct {
		answer func() (*http.Response, error)
		code   int
	}{"accepted": {accept, 0}, "refused": {status(403, ""), 403}}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, s := newRelay(t)
				s.Client.Attempts = 2
				r.answers = []func() (*http.Response, error){cutOff, test.answer}
				var atTry []int
				r.onEvent = func() { atTry = append(atTry, len(waits(t, s))) }
				_, err := s.Push(t.Context(), tiger(0))
				var problem *wire.ProblemError
				if errors.As(err, &problem) != (test.code != 0) || problem != nil && problem.StatusCode != test.code {
					t.Errorf("error is %v", err)
				}
				if !slices.Equal(atTry, []int{0, 1}) || waits(t, s) != nil {
					t.Errorf("in the spool at the tries: %v, after them %q", atTry, waits(t, s))
				}
			})
		})
	}
}

// TestSealerIsEnded: a hook that takes too long is ended by its password manager.
func TestSealerIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := newRelay(t)
		s.Client.Attempts = 5
		r.answers = []func() (*http.Response, error){status(503, "30")}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := s.Push(ctx, tiger(0))
		var spooled *push.SpooledError
		if !errors.As(err, &spooled) || !errors.Is(err, context.DeadlineExceeded) || len(waits(t, s)) != 1 {
			t.Errorf("error is %v", err)
		}
	})
}

func TestSealerSupersedes(t *testing.T) {
	r, s := newRelay(t)
	r.answers = []func() (*http.Response, error){cutOff}
	for i, after := range []time.Duration{0, 2 * time.Second, time.Second} {
		event := tiger(after)
		event.ID = fmt.Sprint(i)
		_, err := s.Push(t.Context(), event)
		var spooled *push.SpooledError
		if !errors.As(err, &spooled) || spooled.Superseded != (i == 2) {
			t.Errorf("event %d: error is %v", i, err)
		}
	}
	if waiting := waits(t, s); !slices.Equal(waiting, []string{"1"}) {
		t.Errorf("in the spool is %q", waiting)
	}
	// An older one that is accepted does not take the newer one out.
	r.answers = nil
	mustPush(t, s, tiger(time.Second))
	if waiting := waits(t, s); !slices.Equal(waiting, []string{"1"}) {
		t.Errorf("in the spool is %q", waiting)
	}
	mustPush(t, s, tiger(3*time.Second))
	if waiting := waits(t, s); waiting != nil {
		t.Errorf("in the spool is %q", waiting)
	}
}

// TestSealerCannotSpool: what is not on disk is not called so.
func TestSealerCannotSpool(t *testing.T) {
	r, s := newRelay(t)
	mustPush(t, s, tiger(0))
	if err := os.Remove(filepath.Join(s.Spool.Dir(), "waiting")); err != nil {
		t.Fatal(err)
	}
	r.answers = []func() (*http.Response, error){cutOff}
	_, err := s.Push(t.Context(), tiger(time.Second))
	var spooled *push.SpooledError
	if err == nil || errors.As(err, &spooled) || !strings.Contains(err.Error(), "not kept either") {
		t.Errorf("error is %v", err)
	}
}

// TestSealerSpoolFails: a spool that cannot be written to is no reason not to
// send.
func TestSealerSpoolFails(t *testing.T) {
	r, s := newRelay(t)
	var warnings []error
	s.Warn = func(err error) { warnings = append(warnings, err) }
	if err := os.RemoveAll(filepath.Join(s.Spool.Dir(), "recipients")); err != nil {
		t.Fatal(err)
	}
	mustPush(t, s, tiger(0))
	if len(warnings) != 1 || r.last().value != "tiger" {
		t.Errorf("warned of %v", warnings)
	}
	if err := os.RemoveAll(s.Spool.Dir()); err != nil {
		t.Fatal(err)
	}
	mustPush(t, s, tiger(time.Second))
	if len(warnings) < 3 {
		t.Errorf("warned of %v", warnings)
	}
}

// TestSealerRefusesRecipients: nothing is sealed for recipients that the service
// did not sign for this.
func TestSealerRefusesRecipients(t *testing.T) {
	tests := map[string]struct {
		change  func(*relay, *push.Sealer)
		onFetch func(*relay, recipientset.Set) (*http.Response, error)
		want    error
	}{
		"signed by another": {func(_ *relay, s *push.Sealer) { s.ServiceKey = make(ed25519.PublicKey, 32) }, (*relay).signed, recipientset.ErrSignature},
		"another issuer":    {func(_ *relay, s *push.Sealer) { s.Issuer = "other" }, (*relay).signed, recipientset.ErrMismatch},
		"another source": {nil, func(r *relay, set recipientset.Set) (*http.Response, error) {
			set.Source = "b"
			return r.signed(set)
		}, recipientset.ErrMismatch},
		"another secret": {nil, func(r *relay, set recipientset.Set) (*http.Response, error) {
			set.Secret = "prod/other"
			return r.signed(set)
		}, recipientset.ErrMismatch},
		"expired": {nil, func(r *relay, set recipientset.Set) (*http.Response, error) {
			set.IssuedAt, set.ExpiresAt = set.IssuedAt.Add(-time.Hour), set.IssuedAt
			return r.signed(set)
		}, recipientset.ErrExpired},
		"a page": {nil, func(*relay, recipientset.Set) (*http.Response, error) {
			return respond(200, "text/html", "", "<h1>welcome</h1>"), nil
		}, recipientset.ErrSignature},
		"another key under its ID": {nil, func(r *relay, set recipientset.Set) (*http.Response, error) {
			set.Keys[0].Public = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"
			return r.signed(set)
		}, recipientset.ErrKey},
		"all of them blocked": {nil, func(r *relay, set recipientset.Set) (*http.Response, error) {
			set.Keys, set.Targets[0].Blocked = nil, "the certificate expired"
			return r.signed(set)
		}, recipientset.ErrKey},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r, s := newRelay(t)
			if test.change != nil {
				test.change(r, s)
			}
			r.onFetch = func(set recipientset.Set) (*http.Response, error) { return test.onFetch(r, set) }
			if _, err := s.Push(t.Context(), tiger(0)); !errors.Is(err, test.want) || len(r.came) > 0 {
				t.Errorf("error is %v, %d events came", err, len(r.came))
			}
		})
	}
}

// TestSealerWithoutRecipients: without a set nothing is sealed and nothing kept.
func TestSealerWithoutRecipients(t *testing.T) {
	for _, answer := range []func() (*http.Response, error){cutOff, status(503, ""), status(403, ""), cutAnswer} {
		r, s := newRelay(t)
		r.onFetch = func(recipientset.Set) (*http.Response, error) { return answer() }
		_, err := s.Push(t.Context(), tiger(0))
		var spooled *push.SpooledError
		if err == nil || errors.As(err, &spooled) || waits(t, s) != nil || !strings.Contains(err.Error(), "fetch recipients") {
			t.Errorf("error is %v", err)
		}
	}
}

func TestSealerURL(t *testing.T) {
	for _, url := range []string{
		"https://relay.example", "https://relay.example/v1/hooks/", "https://relay.example/v1/hooks/a/b", "https://relay.example/v1/hooks/a/",
		"https://relay.example/v1/hooks/a?x=1", "https://relay.example/v1/hooks/a#x", "https://relay.example/v2/a", "http://relay.example/v1/hooks/a",
	} {
		_, s := newRelay(t)
		s.Client.URL = url
		if _, err := s.Push(t.Context(), tiger(0)); err == nil {
			t.Errorf("%s was taken", url)
		}
	}
	r, s := newRelay(t)
	s.Client.URL = "https://relay.example/v1/hooks/%61"
	mustPush(t, s, tiger(0))
	if r.fetched != 1 {
		t.Error("a name with an escape is another one")
	}
}

func TestSealerRefusesEvents(t *testing.T) {
	_, s := newRelay(t)
	for name, event := range map[string]hooks.Event{
		"no value":    {Secret: "prod/db", Operation: hooks.Set},
		"empty value": {Secret: "prod/db", Operation: hooks.Set, Value: text("")},
		"news":        {Secret: "prod/db", Operation: hooks.Changed},
		"no name":     {Secret: "../x", Operation: hooks.Delete},
	} {
		if _, err := s.Push(t.Context(), event); !errors.Is(err, hooks.ErrNoValue) && !errors.Is(err, hooks.ErrMalformed) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestSealersTogether: hooks that run at once share a spool; every secret gets
// its newest value, once.
func TestSealersTogether(t *testing.T) {
	r, s := newRelay(t)
	mustPush(t, s, tiger(0))
	r.answers = []func() (*http.Response, error){cutOff}
	var running sync.WaitGroup
	for i := range 20 {
		running.Go(func() {
			own := *s
			own.Spool = openSpool(t, s.Spool.Dir())
			event := tiger(time.Duration(i) * time.Second)
			event.ID = fmt.Sprint("evt-", i)
			var spooled *push.SpooledError
			if _, err := own.Push(t.Context(), event); !errors.As(err, &spooled) {
				t.Errorf("error is %v", err)
			}
		})
	}
	running.Wait()
	if waiting := waits(t, s); !slices.Equal(waiting, []string{"evt-19"}) {
		t.Fatalf("in the spool is %q", waiting)
	}
	r.came, r.answers = nil, nil
	for range 4 {
		running.Go(func() {
			if _, err := s.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	if len(r.came) == 0 || waits(t, s) != nil {
		t.Errorf("%d events came, waiting %q", len(r.came), waits(t, s))
	}
	for _, event := range r.came {
		if event.EventID != "evt-19" || event.value != "tiger" {
			t.Errorf("came %q", event.EventID)
		}
	}
}
