package httpapi_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/time/rate"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestAnswers(t *testing.T) {
	f := newFixture(t, nil)
	at := func(id, at string) string {
		return fmt.Sprintf(`{"secret":"prod/db","value":%q,"id":%q,"at":%q}`, canary, id, at)
	}
	for _, tc := range []struct {
		body   string
		code   int
		status wire.Status
	}{
		{at("1", "2026-01-02T00:00:00Z"), 202, wire.Accepted},
		{at("1", "2026-01-02T00:00:00Z"), 200, wire.Duplicate},
		{at("2", "2026-01-01T00:00:00Z"), 200, wire.Stale},
		{at("3", "2026-01-03T00:00:00Z"), 202, wire.Accepted},
	} {
		w := f.serve(request(tc.body, nil))
		answers(t, w, tc.code, tc.status)
		if w.Header().Get("Cache-Control") != "no-store" || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			t.Errorf("header %v", w.Header())
		}
		if got := f.observer.last(); got != "vault "+string(tc.status) {
			t.Errorf("observed %q", got)
		}
	}
	if f.store.commits != 2 {
		t.Errorf("%d commits", f.store.commits)
	}
}

// TestProblems has each status that is not a success.
func TestProblems(t *testing.T) {
	fails := func(err error) func(*fixture) { return func(f *fixture) { f.store.fail = err } }
	for _, tc := range []struct {
		name    string
		prepare func(*intake.Source, *httpapi.Options)
		then    func(*fixture)
		body    string
		edit    func(*http.Request)
		code    int
		slug    string
		header  map[string]string
	}{
		{name: "not JSON", body: canary, code: 400, slug: "malformed"},
		{name: "broken off", edit: func(r *http.Request) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader(body("1")[:20]), failing{}))
		}, code: 400, slug: "malformed"},
		{name: "no token", edit: func(r *http.Request) { r.Header.Del("Authorization") }, code: 401, slug: "not-authenticated", header: map[string]string{"WWW-Authenticate": `Bearer realm="sealrelay"`}},
		{name: "wrong token", edit: func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+canary) }, code: 401, slug: "not-authenticated"},
		{name: "no client certificate", prepare: func(s *intake.Source, _ *httpapi.Options) { s.ClientRoots = x509.NewCertPool() }, code: 401, slug: "not-authenticated"},
		{name: "not its secret", body: fmt.Sprintf(`{"secret":"test/db","value":%q}`, canary), code: 403, slug: "forbidden"},
		{name: "value as the name", body: fmt.Sprintf(`{"secret":%q,"value":"x"}`, canary), code: 403, slug: "forbidden"},
		{name: "not from there", prepare: fromOutside, code: 403, slug: "forbidden"},
		{name: "address unknown", edit: func(r *http.Request) { r.RemoteAddr = "@" }, code: 403, slug: "forbidden"},
		{name: "unknown source", edit: func(r *http.Request) { r.URL.Path = "/v1/hooks/else" }, code: 404, slug: "unknown-source"},
		{name: "source that is a path", edit: func(r *http.Request) { r.URL.Path = "/v1/hooks/../vault" }, code: 404, slug: "not-found"},
		{name: "no source", edit: func(r *http.Request) { r.URL.Path = "/v1/hooks" }, code: 404, slug: "not-found"},
		{name: "other path", edit: func(r *http.Request) { r.URL.Path = "/" }, code: 404, slug: "not-found"},
		{name: "GET", edit: func(r *http.Request) { r.Method = http.MethodGet }, code: 405, slug: "method", header: map[string]string{"Allow": "POST"}},
		{name: "too large, and says so", body: strings.Repeat(canary, 100), code: 413, slug: "body-too-large"},
		{name: "too large, in chunks", body: strings.Repeat(canary, 100), edit: func(r *http.Request) { r.ContentLength = -1 }, code: 413, slug: "body-too-large"},
		{name: "not said to be JSON", edit: func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, code: 415, slug: "media-type"},
		{name: "no value", body: `{"secret":"prod/db"}`, code: 422, slug: "no-value"},
		{name: "no route", body: fmt.Sprintf(`{"secret":"prod/else","value":%q}`, canary), code: 422, slug: "no-route"},
		{name: "strict", prepare: func(s *intake.Source, _ *httpapi.Options) { s.Strict = true }, body: fmt.Sprintf(`{"secret":"prod/old","value":%q}`, canary), code: 422, slug: "key-refused"},
		{name: "too fast", prepare: func(s *intake.Source, _ *httpapi.Options) { s.Limiter = rate.NewLimiter(0.01, 1) },
			then: func(f *fixture) { f.serve(request(body("0"), nil)) }, code: 429, slug: "rate", header: map[string]string{"Retry-After": "100"}},
		{name: "panic", prepare: func(s *intake.Source, _ *httpapi.Options) { s.Adapter = hooked{s.Adapter, func() { panic(canary) }} }, code: 500, slug: "internal"},
		{name: "defect", then: fails(errors.New("file /secret/place")), code: 500, slug: "internal"},
		{name: "outbox unavailable", then: fails(fmt.Errorf("%w: /secret/place", outbox.ErrUnavailable)), code: 503, slug: "unavailable", header: map[string]string{"Retry-After": "5"}},
		{name: "verifier away", then: fails(fmt.Errorf("%w: /secret/place", hooks.ErrUnavailable)), code: 503, slug: "unavailable", header: map[string]string{"Retry-After": "5"}},
		{name: "outbox ambiguous", then: fails(outbox.ErrAmbiguous), code: 503, slug: "unavailable", header: map[string]string{"Retry-After": "5"}},
		{name: "sender gone", then: fails(context.Canceled), code: 503, slug: "unavailable", header: map[string]string{"Retry-After": "5"}},
		{name: "no room", prepare: func(_ *intake.Source, o *httpapi.Options) { o.MaxInFlight = 0 }, code: 503, slug: "busy", header: map[string]string{"Retry-After": "1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, tc.prepare)
			if tc.then != nil {
				tc.then(f)
			}
			commits := f.store.commits
			text := tc.body
			if text == "" {
				text = body("1")
			}
			w := f.serve(request(text, tc.edit))
			problem := refuses(t, w, tc.code, tc.slug)
			for name, want := range tc.header {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
			for _, secret := range []string{canary, token, "/secret/place"} {
				if strings.Contains(w.Body.String(), secret) || strings.Contains(fmt.Sprint(w.Header()), secret) {
					t.Errorf("the answer repeats %s: %+v", secret, problem)
				}
			}
			if log := f.log.String(); strings.Contains(log, canary) || strings.Contains(log, token) {
				t.Errorf("the log repeats a secret: %s", log)
			}
			if f.store.commits != commits {
				t.Error("something was committed")
			}
		})
	}
}

// failing is a sender that goes away.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBodyAtTheLimit(t *testing.T) {
	f := newFixture(t, func(s *intake.Source, _ *httpapi.Options) { s.MaxBody = int64(len(body("1"))) })
	answers(t, f.serve(request(body("1"), nil)), 202, wire.Accepted)
	refuses(t, f.serve(request(body("12"), nil)), 413, "body-too-large")
	refuses(t, f.serve(request(body("1")+" ", func(r *http.Request) { r.ContentLength = -1 })), 413, "body-too-large")
}

// TestBusy holds the only slot, asks for it, and lets it go.
func TestBusy(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	f := newFixture(t, func(s *intake.Source, o *httpapi.Options) {
		o.MaxInFlight = 1
		s.Adapter = hooked{s.Adapter, func() { once.Do(func() { close(inside); <-leave }) }}
	})
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- f.serve(request(body("1"), nil)) }()
	<-inside
	refuses(t, f.serve(request(body("2"), nil)), 503, "busy")
	close(leave)
	answers(t, <-first, 202, wire.Accepted)
	answers(t, f.serve(request(body("2"), nil)), 202, wire.Accepted)
}

// TestSlowSendersKeepNobodyOut: whoever is still sending takes no slot of those
// that are worked on, and one more sender than may be arriving is told so.
func TestSlowSendersKeepNobodyOut(t *testing.T) {
	f := newFixture(t, func(_ *intake.Source, o *httpapi.Options) { o.MaxInFlight = 1 })
	var slow []*io.PipeWriter
	var served sync.WaitGroup
	defer served.Wait()
	send := func() {
		reader, writer := io.Pipe()
		slow = append(slow, writer)
		served.Go(func() { f.serve(request("", func(r *http.Request) { r.Body, r.ContentLength = reader, -1 })) })
		if _, err := writer.Write([]byte("{")); err != nil { // read by the handler, which has its slot then
			t.Error(err)
		}
	}
	defer func() {
		for _, writer := range slow {
			writer.CloseWithError(io.ErrUnexpectedEOF)
		}
	}()
	for range 3 {
		send()
	}
	answers(t, f.serve(request(body("1"), nil)), 202, wire.Accepted)
	send()
	refuses(t, f.serve(request(body("2"), nil)), 503, "busy")
}

func TestForwardedFor(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, tc := range []struct {
		name, peer string
		forwarded  []string
		trusted    []netip.Prefix
		allowed    bool
	}{
		{"direct", "198.51.100.7:1", nil, nil, true},
		{"direct, from elsewhere", "203.0.113.7:1", nil, nil, false},
		{"spoofed without a proxy", "203.0.113.7:1", []string{"198.51.100.7"}, nil, false},
		{"spoofed past the proxy", "203.0.113.7:1", []string{"198.51.100.7"}, trusted, false},
		{"header of a direct sender is ignored", "198.51.100.7:1", []string{"203.0.113.7"}, trusted, true},
		{"through a proxy", "10.1.1.1:1", []string{"198.51.100.7"}, trusted, true},
		{"through a proxy that adds the port", "10.1.1.1:1", []string{"198.51.100.7:5000"}, trusted, true},
		{"through a proxy, from elsewhere", "10.1.1.1:1", []string{"203.0.113.7"}, trusted, false},
		{"spoofed in front of the proxy's", "10.1.1.1:1", []string{"198.51.100.7, 203.0.113.7"}, trusted, false},
		{"spoofed in a header of its own", "10.1.1.1:1", []string{"198.51.100.7", "203.0.113.7"}, trusted, false},
		{"through two proxies", "10.1.1.1:1", []string{"203.0.113.9, 198.51.100.7, 10.2.2.2"}, trusted, true},
		{"through a proxy on IPv6", "[fd00::1]:1", []string{"198.51.100.7"}, trusted, true},
		{"an IPv4 proxy in IPv6", "[::ffff:10.1.1.1]:1", []string{"198.51.100.7"}, trusted, true},
		{"the proxy itself", "10.1.1.1:1", nil, trusted, false},
		{"unreadable", "10.1.1.1:1", []string{"198.51.100.7, unknown"}, trusted, false},
		{"empty", "10.1.1.1:1", []string{"198.51.100.7,"}, trusted, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t, func(s *intake.Source, o *httpapi.Options) {
				fromOutside(s, o)
				o.TrustedProxies = tc.trusted
			})
			w := f.serve(request(body("1"), func(r *http.Request) {
				r.RemoteAddr = tc.peer
				r.Header["X-Forwarded-For"] = tc.forwarded
			}))
			if tc.allowed {
				answers(t, w, 202, wire.Accepted)
			} else {
				refuses(t, w, 403, "forbidden")
			}
		})
	}
}

// TestUnreadableForwardedForIsNobody: not even a source that takes hooks from
// the proxy's own network takes one that the proxy passes on so.
func TestUnreadableForwardedForIsNobody(t *testing.T) {
	f := newFixture(t, func(s *intake.Source, o *httpapi.Options) {
		s.AllowFrom = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		o.TrustedProxies = s.AllowFrom
	})
	refuses(t, f.serve(request(body("1"), func(r *http.Request) {
		r.RemoteAddr = "10.1.1.1:1"
		r.Header.Set("X-Forwarded-For", "_hidden")
	})), 403, "forbidden")
}

// TestDocumented compares the slugs in the code with docs/problems.md.
func TestDocumented(t *testing.T) {
	find := func(file, pattern string) []string {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(data, -1) {
			out = append(out, string(match[1]))
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	code := find("problem.go", `slug(?:: |, k\.title = )"([a-z-]+)"`)
	doc := find("../../docs/problems.md", `(?m)^## (.+)$`)
	if len(code) < 15 || !slices.Equal(code, doc) {
		t.Errorf("in the code %q\nin docs/problems.md %q", code, doc)
	}
}

// FuzzForwardedFor feeds what a trusted proxy may pass on: whatever it is, an
// address is found only if the last hops can be read.
func FuzzForwardedFor(f *testing.F) {
	for _, seed := range []string{"198.51.100.7", "198.51.100.7:5000, 10.2.2.2", "[2001:db8::1]:443", "unknown", "", ",", "fe80::1%eth0", "::ffff:10.1.1.1"} {
		f.Add(seed)
	}
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr, r.Header = "10.1.1.1:1", http.Header{"X-Forwarded-For": {header}}
		found := httpapi.RemoteForTest(trusted, r)
		last := strings.TrimSpace(header[strings.LastIndex(header, ",")+1:])
		if _, err := netip.ParseAddr(found); found != "" && err != nil {
			t.Fatalf("%q gives %q, which is no address", header, found)
		}
		if last == "" && found != "" {
			t.Fatalf("%q gives %q", header, found)
		}
	})
}
