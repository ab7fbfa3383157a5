package push_test

import (
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/spool"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// relay stands in for the service of source a, with the real verifier, signer
// and parser, and one agent with an age key.
type relay struct {
	t        *testing.T
	verifier hooks.Verifier
	signer   *recipientset.Signer
	key      ed25519.PublicKey
	validity time.Duration

	mu      sync.Mutex
	agent   *agentkeys.Key
	private any
	// fetched is how often recipients were asked for; came are the events, each
	// with the value that the agent opens.
	fetched int
	came    []came
	// answers are given to events, one after the other and the last for ever;
	// none accepts.
	answers []func() (*http.Response, error)
	// onFetch, if not nil, answers in place of the recipients.
	onFetch func(set recipientset.Set) (*http.Response, error)
	// onEvent is called with each event before it is answered.
	onEvent func()
}

type came struct {
	adapters.Sealed
	value string
}

// newRelay makes the service and a sealer for it with a spool.
func newRelay(t *testing.T) (*relay, *push.Sealer) {
	t.Helper()
	secret := verify.NewSecret()
	secretText, err := secret.Text()
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, validity: 24 * time.Hour}
	if r.verifier, err = verify.NewStandardWebhooks(verify.StandardWebhooks{Secrets: []*hooks.Value{secretText}}); err != nil {
		t.Fatal(err)
	}
	var private ed25519.PrivateKey
	if r.key, private, err = ed25519.GenerateKey(nil); err != nil {
		t.Fatal(err)
	}
	if r.signer, err = recipientset.NewSigner(private, "relay"); err != nil {
		t.Fatal(err)
	}
	r.changeKey()
	client := &push.Client{URL: "https://relay.example/v1/hooks/a", Secret: secret, HTTP: &http.Client{Transport: r}, Attempts: 1}
	return r, &push.Sealer{Client: client, ServiceKey: r.key, Issuer: "relay", Spool: openSpool(t, filepath.Join(t.TempDir(), "spool")), CacheFor: time.Hour}
}

func openSpool(t *testing.T, dir string) *spool.Spool {
	t.Helper()
	opened, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

// changeKey gives the agent a new key.
func (r *relay) changeKey() {
	r.t.Helper()
	private, public, err := keys.Generate("age")
	if err != nil {
		r.t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.private, err = keys.ParsePrivate(private, nil); err != nil {
		r.t.Fatal(err)
	}
	if r.agent, err = agentkeys.NewKey([]byte(public), agentkeys.Requirements{}); err != nil {
		r.t.Fatal(err)
	}
}

// RoundTrip implements http.RoundTripper.
func (r *relay) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := request.Context().Err(); err != nil {
		return nil, err
	}
	signed := hooks.RequestLine(request.Method, request.URL)
	if request.Body != nil {
		var err error
		if signed, err = io.ReadAll(request.Body); err != nil {
			r.t.Error(err)
		}
	}
	received := &hooks.Request{Header: request.Header, Body: signed, Received: time.Now()}
	verified, err := r.verifier.Verify(received)
	if err != nil {
		r.t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case request.Method == http.MethodGet && request.URL.Path == "/v1/recipients":
		return r.recipients(request)
	case request.Method == http.MethodPost && request.URL.Path == "/v1/hooks/a/sealed":
		return r.event(received, verified)
	}
	r.t.Errorf("asked for %s %s", request.Method, request.URL)
	return respond(404, "", "", ""), nil
}

func (r *relay) recipients(request *http.Request) (*http.Response, error) {
	r.fetched++
	query := request.URL.Query()
	targets := []agentkeys.Target{{Agent: "jobs", Destination: "folder", Key: r.agent}}
	set, err := recipientset.New(query.Get("source"), query.Get("secret"), targets, time.Now(), r.validity)
	if err != nil {
		return nil, err
	}
	if r.onFetch != nil {
		return r.onFetch(set)
	}
	return r.signed(set)
}

func (r *relay) signed(set recipientset.Set) (*http.Response, error) {
	token, err := r.signer.Sign(set)
	return respond(200, "application/jose", "", token), err
}

func (r *relay) event(request *hooks.Request, verified hooks.Verified) (*http.Response, error) {
	if strings.Contains(string(request.Body), "tiger") {
		r.t.Error("the value was sent")
	}
	event, err := adapters.ReadSealed(request)
	if err != nil || event.EventID != verified.EventID {
		r.t.Errorf("event %q signed as %q: %v", event.EventID, verified.EventID, err)
	}
	if r.onEvent != nil {
		r.onEvent()
	}
	got := came{Sealed: event}
	if len(event.Envelopes) > 0 {
		value, _ := formats.Open(event.Envelopes[0].Bytes, r.private)
		got.value = string(value)
	}
	r.came = append(r.came, got)
	if len(r.answers) == 0 {
		return accept()
	}
	return r.answers[min(len(r.came), len(r.answers))-1]()
}

// last is the event that came last.
func (r *relay) last() came {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.came) == 0 {
		r.t.Fatal("no event came")
	}
	return r.came[len(r.came)-1]
}

// changed answers that the recipients changed.
func changed() (*http.Response, error) {
	return respond(409, wire.ProblemType, "", `{"type":"https://example.org/problems.md#recipients-changed","title":"changed","status":409,"detail":"fetch the set again"}`), nil
}

func untrusted() (*http.Response, error) {
	return nil, &tls.CertificateVerificationError{Err: errors.New("expired")}
}

// tiger is an event that happened so long after the others began to.
func tiger(after time.Duration) hooks.Event {
	return hooks.Event{Secret: "prod/db", Operation: hooks.Set, Value: text("tiger"), OccurredAt: time.Unix(1_800_000_000, 0).Add(after)}
}

// waits are the IDs of what waits in the sealer's spool.
func waits(t *testing.T, s *push.Sealer) []string {
	t.Helper()
	return ids(t, s.Spool.Waiting, s.Client.URL)
}

func lost(t *testing.T, s *push.Sealer) []string {
	t.Helper()
	return ids(t, s.Spool.Lost, s.Client.URL)
}

func ids(t *testing.T, list func(string) ([]spool.Event, error), url string) []string {
	t.Helper()
	events, err := list(url)
	if err != nil {
		t.Error(err)
	}
	var out []string
	for _, event := range events {
		out = append(out, event.Sealed.EventID)
	}
	return out
}
