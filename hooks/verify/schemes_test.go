package verify_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// scheme is a verifier with a request that it accepts, and what it learns.
type scheme struct {
	name     string
	verifier hooks.Verifier
	request  *hooks.Request
	want     hooks.Verified
	// credential are the headers that the scheme reads.
	credential []string
	// signsURL says that the URL cannot be changed either, signsMethod the method.
	signsURL, signsMethod bool
	// same says of a flipped bit, by its place in the header, that it changes
	// nothing that is said. nil where there is none.
	same func(header string, bit int) bool
}

// upperOrLower says that flipping the bit changes the case of a letter.
func upperOrLower(text string, bit int) bool {
	c := text[bit/8] | 0x20
	return bit%8 == 5 && 'a' <= c && c <= 'z'
}

// caseOf says which flips change the case of a letter from the place on: that of
// a hexadecimal digit.
func hexFrom(place int) func(string, int) bool {
	return func(header string, bit int) bool { return bit/8 >= place && upperOrLower(header, bit) }
}

// word says which flips change the case of the word at the header's beginning.
func word(length int) func(string, int) bool {
	return func(header string, bit int) bool { return bit/8 < length && upperOrLower(header, bit) }
}

func keys(values ...string) []verify.Key {
	var keys []verify.Key
	for _, value := range values {
		keys = append(keys, verify.Key{Value: text(value)})
	}
	return keys
}

func must(t testing.TB) func(hooks.Verifier, error) hooks.Verifier {
	return func(v hooks.Verifier, err error) hooks.Verifier {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const sourceURL = "https://relay.example/v1/hooks/vault?secret=prod%2Fdb"

// post is a request with one header per pair.
func post(t testing.TB, body string, headers ...string) *hooks.Request {
	t.Helper()
	where, err := url.Parse(sourceURL)
	if err != nil {
		t.Fatal(err)
	}
	r := &hooks.Request{Method: http.MethodPost, URL: where, Header: http.Header{}, Body: []byte(body), Received: time.Unix(receivedAt, 0)}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

// The moment of the vectors: 2026-01-01.
const receivedAt = 1767225600

// The vectors of GitHub ("Validating webhook deliveries") and, with dummy keys,
// of Doppler, Infisical and Stripe.
const (
	gitHubSignature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

	dopplerBody      = `{"type":"config.secrets.update","config":{"name":"prd","environment":"prd","project":"jobs"},"project":{"id":"jobs","name":"jobs"},"workplace":{"id":"wp1","name":"Demo"},"diff":{"added":[],"removed":[],"updated":["DB_PASSWORD"]}}`
	dopplerSignature = "sha256=cd6e67b26487b5129227c052d513b850d3ec19bc9cf5a84123da8f622b9eaa16"

	infisicalBody      = `{"event":"secrets.modified","project":{"workspaceId":"p-1","projectId":"p-1","projectName":"demo","environment":"prod","environmentName":"Production","secretPath":"/jobs","changedBy":"a@example.com","changedByActorType":"user"},"timestamp":1767225600000}`
	infisicalMAC       = "89a667b10972f386fd36816cde78a630d4049500fe101386d2675509e80c27f0"
	infisicalSignature = "t=1767225600000;" + infisicalMAC

	stripeBody      = `{"id":"evt_1"}`
	stripeMAC       = "45b40331de0325606dc5400202ade162460fbe48daf9401adfdcd0d7b4f35470"
	stripeSignature = "t=1767225600,v1=" + stripeMAC
)

// schemes are all of them, each with its vector.
func schemes(t testing.TB) []scheme {
	ok, at := must(t), time.Unix(receivedAt, 0)
	return append([]scheme{
		{
			name: "standard-webhooks/v1", verifier: exampleVerifier(t), request: example(exampleV1), credential: []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"},
			want: hooks.Verified{EventID: exampleID, SignedAt: time.Unix(exampleTime, 0), Signed: true},
		},
		{
			name: "standard-webhooks/v1a", verifier: exampleVerifier(t), request: example(exampleV1a), credential: []string{"Webhook-Id", "Webhook-Timestamp", "Webhook-Signature"},
			want: hooks.Verified{EventID: exampleID, SignedAt: time.Unix(exampleTime, 0), Signed: true},
		},
		{
			name: "standard-webhooks/svix", verifier: exampleVerifier(t), request: svix(example(exampleV1)), credential: []string{"Svix-Id", "Svix-Timestamp", "Svix-Signature"},
			want: hooks.Verified{EventID: exampleID, SignedAt: time.Unix(exampleTime, 0), Signed: true},
		},
		{
			name: "github", verifier: ok(verify.NewGitHub(keys("It's a Secret to Everybody"))),
			request:    post(t, "Hello, World!", "X-Hub-Signature-256", gitHubSignature, "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
			credential: []string{"X-Hub-Signature-256"}, want: hooks.Verified{Signed: true}, same: hexFrom(len("sha256=")),
		},
		{
			name: "doppler", verifier: ok(verify.NewDoppler(keys("dummy-key"))), request: post(t, dopplerBody, "X-Doppler-Signature", dopplerSignature),
			credential: []string{"X-Doppler-Signature"}, want: hooks.Verified{Signed: true}, same: hexFrom(len("sha256=")),
		},
		{
			name: "infisical", verifier: ok(verify.NewInfisical(keys("dummy-key"), 0)), request: post(t, infisicalBody, "X-Infisical-Signature", infisicalSignature),
			credential: []string{"X-Infisical-Signature"}, want: hooks.Verified{Signed: true, SignedAt: at, Signature: infisicalMAC}, same: hexFrom(len("t=1767225600000;")),
		},
		{
			name: "stripe", verifier: ok(verify.NewStripe(keys("whsec_test"), 0)), request: post(t, stripeBody, "Stripe-Signature", stripeSignature),
			credential: []string{"Stripe-Signature"}, want: hooks.Verified{Signed: true, SignedAt: at, Signature: stripeMAC}, same: hexFrom(len("t=1767225600,v1=")),
		},
		{
			name: "bearer", verifier: bearerVerifier(t), request: post(t, "", "Authorization", "Bearer "+oldToken),
			credential: []string{"Authorization"}, same: word(len("Bearer")),
		},
		{
			name: "basic", verifier: ok(verify.NewBasic(verify.Basic{User: "keeper", Keys: keys(password)})), request: post(t, "", "Authorization", basicHeader),
			credential: []string{"Authorization"}, same: word(len("Basic")),
		},
		{
			name: "api-key/header", verifier: ok(verify.NewAPIKey(verify.APIKey{Header: "x-api-key", Keys: keys(oldToken)})), request: post(t, "", "X-Api-Key", oldToken),
			credential: []string{"X-Api-Key"},
		},
	}, slices.Concat(hmacSchemes(t), jwtSchemes(t), messageSchemes(t))...)
}

func TestSchemes(t *testing.T) {
	for _, s := range schemes(t) {
		t.Run(s.name, func(t *testing.T) {
			got, err := s.verifier.Verify(s.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for _, name := range s.credential {
				refusedWith(t, s, "without "+name, func(r *hooks.Request) { r.Header.Del(name) })
				refusedWith(t, s, "twice "+name, func(r *hooks.Request) { r.Header.Add(name, r.Header.Get(name)) })
			}
		})
	}
}

// changed is a copy of the scheme's request with a change.
func (s scheme) changed(change func(*hooks.Request)) *hooks.Request {
	r := *s.request
	r.Header = r.Header.Clone()
	r.Body = append([]byte(nil), r.Body...)
	if r.URL != nil {
		where := *r.URL
		r.URL = &where
	}
	change(&r)
	return &r
}

func refusedWith(t *testing.T, s scheme, what string, change func(*hooks.Request)) {
	t.Helper()
	got, err := s.verifier.Verify(s.changed(change))
	if !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
		t.Errorf("%s: %+v, %v", what, got, err)
	}
}

// TestEveryBitFlip flips each bit of what a scheme reads, one at a time: of its
// headers, of the body if it is signed, and of the URL and the method if they
// are. Every flip is refused but those that the table says to change nothing,
// which give the same as without.
func TestEveryBitFlip(t *testing.T) {
	for _, s := range schemes(t) {
		t.Run(s.name, func(t *testing.T) {
			for _, name := range s.credential {
				s.flip(t, name, s.request.Header.Get(name), s.same, func(r *hooks.Request, v string) { r.Header.Set(name, v) })
			}
			if s.want.Signed {
				s.flip(t, "body", string(s.request.Body), nil, func(r *hooks.Request, v string) { r.Body = []byte(v) })
			}
			if s.signsURL {
				s.flip(t, "path", s.request.URL.Path, nil, func(r *hooks.Request, v string) { r.URL.Path, r.URL.RawPath = v, "" })
				s.flip(t, "query", s.request.URL.RawQuery, nil, func(r *hooks.Request, v string) { r.URL.RawQuery = v })
			}
			if s.signsMethod {
				s.flip(t, "method", s.request.Method, nil, func(r *hooks.Request, v string) { r.Method = v })
			}
		})
	}
}

func (s scheme) flip(t *testing.T, part, valid string, same func(string, int) bool, put func(*hooks.Request, string)) {
	t.Helper()
	refused, unchanged := 0, 0
	for bit := range len(valid) * 8 {
		flipped := []byte(valid)
		flipped[bit/8] ^= 1 << (bit % 8)
		got, err := s.verifier.Verify(s.changed(func(r *hooks.Request) { put(r, string(flipped)) }))
		switch {
		case same != nil && same(valid, bit):
			unchanged++
			if err != nil || got != s.want {
				t.Errorf("%s with bit %d flipped says the same, but: %+v, %v", part, bit, got, err)
			}
		case !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}):
			t.Errorf("%s with bit %d flipped: %+v, %v", part, bit, got, err)
		default:
			refused++
		}
	}
	t.Logf("%-20s %5d flips refused, %d change nothing", part, refused, unchanged)
}

// svix gives the headers of a request Svix's names.
func svix(r *hooks.Request) *hooks.Request {
	header := http.Header{}
	for _, name := range []string{"Id", "Timestamp", "Signature"} {
		header["Svix-"+name] = r.Header["Webhook-"+name]
	}
	r.Header = header
	return r
}

func TestOneFamilyOnly(t *testing.T) {
	const want = "not authenticated: the headers of Standard Webhooks and those of Svix are both there; send one family"
	both := example(exampleV1)
	for name, value := range svix(example(exampleV1)).Header {
		both.Header[name] = value
	}
	for _, test := range []struct {
		name   string
		change func(http.Header)
		want   string
	}{
		{"both", func(http.Header) {}, want},
		{"one of the other", func(h http.Header) { h.Del("Svix-Id"); h.Del("Svix-Timestamp") }, want},
		{"half of each", func(h http.Header) { h.Del("Svix-Id"); h.Del("Webhook-Signature") }, want},
		{"svix without its ID", func(h http.Header) { clear(h); h.Set("svix-timestamp", "1"); h.Set("svix-signature", exampleV1) }, "not authenticated: missing header svix-id"},
		{"neither", func(h http.Header) { clear(h) }, "not authenticated: missing header webhook-id"},
	} {
		r := *both
		r.Header = both.Header.Clone()
		test.change(r.Header)
		if _, err := exampleVerifier(t).Verify(&r); errorText(err) != test.want {
			t.Errorf("%s: %v, want %s", test.name, err, test.want)
		}
	}
}
