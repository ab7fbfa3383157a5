package mailbox_test

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/mailbox"
)

// signed is a request to the mailbox, signed with an agent's key.
func signed(t *testing.T, by, target string, at time.Time) *hooks.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := keys.ID(keyOf(by).Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := verify.NewMessageSigner(keyOf(by), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(r, nil, at); err != nil {
		t.Fatal(err)
	}
	return &hooks.Request{Method: r.Method, URL: r.URL, Header: r.Header, Received: time.Now()}
}

func TestAuthenticate(t *testing.T) {
	f := newFixture(t)
	const target = "https://relay.example/v1/mailbox?agent="
	if got, err := f.Authenticate("web", signed(t, "web", target+"web", time.Now())); err != nil || got != f.web {
		t.Fatalf("got %v, %v", got, err)
	}
	moved := signed(t, "web", target+"batch", time.Now())
	moved.URL.RawQuery = "agent=web"
	posted := signed(t, "web", target+"web", time.Now())
	posted.Method = http.MethodPost
	unsigned := signed(t, "web", target+"web", time.Now())
	unsigned.Header = http.Header{}
	for name, tc := range map[string]struct {
		agent string
		r     *hooks.Request
	}{
		"another's":    {"web", signed(t, "batch", target+"web", time.Now())},
		"for another":  {"batch", signed(t, "web", target+"batch", time.Now())},
		"unknown":      {"else", signed(t, "web", target+"else", time.Now())},
		"no name":      {"", signed(t, "web", target, time.Now())},
		"old":          {"web", signed(t, "web", target+"web", time.Now().Add(-6*time.Minute))},
		"early":        {"web", signed(t, "web", target+"web", time.Now().Add(6*time.Minute))},
		"other query":  {"web", moved},
		"other method": {"web", posted},
		"unsigned":     {"web", unsigned},
	} {
		if got, err := f.Authenticate(tc.agent, tc.r); !errors.Is(err, mailbox.ErrNotAgent) || got != nil {
			t.Errorf("%s: got %v, %v", name, got, err)
		}
	}
}

func TestSignatureVerifierRefuses(t *testing.T) {
	for name, public := range map[string][]ed25519.PublicKey{
		"none":     nil,
		"nine":     make([]ed25519.PublicKey, 9),
		"the same": {keyOf("web").Public().(ed25519.PublicKey), keyOf("web").Public().(ed25519.PublicKey)},
	} {
		if _, err := mailbox.NewSignatureVerifier(public); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
}
