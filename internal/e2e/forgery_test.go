package e2e

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// signedHook is a hook in its four signed parts.
type signedHook struct{ id, timestamp, signature, body []byte }

func (h *signedHook) parts() map[string]*[]byte {
	return map[string]*[]byte{"id": &h.id, "timestamp": &h.timestamp, "signature": &h.signature, "body": &h.body}
}

func (h *signedHook) send(handler http.Handler) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/hooks/signed", bytes.NewReader(h.body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(verify.IDHeader, string(h.id))
	r.Header.Set(verify.TimestampHeader, string(h.timestamp))
	r.Header.Set(verify.SignatureHeader, string(h.signature))
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

type noObserver struct{}

func (noObserver) Hook(string, string, time.Duration) {}

// TestForgery flips each bit of each signed part of a valid hook, before and
// after the hook itself was accepted, for both kinds of signature. The handler
// is called without a network, so it sees what no HTTP client could even send.
func TestForgery(t *testing.T) {
	s, private := prepare(t)
	built, err := app.Build(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := statement.NewSigner(private, "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, scheme := range []string{"v1", "v1a"} {
		t.Run(scheme, func(t *testing.T) {
			store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := store.Close(); err != nil {
					t.Error(err)
				}
			}()
			handler := httpapi.New(httpapi.Options{
				Intake:      intake.New(store, signer, private.Seed(), zerolog.Nop(), built.Rules),
				MaxInFlight: 1, Observer: noObserver{}, Log: zerolog.Nop(),
			})
			hook := newSignedHook(t, scheme, s.secret, private)

			before := contents(t, store)
			flipped := flipAll(t, handler, hook)
			if diff := cmp.Diff(before, contents(t, store)); diff != "" {
				t.Errorf("the outbox changed:\n%s", diff)
			}
			if w := hook.send(handler); w.Code != http.StatusAccepted {
				t.Fatalf("the hook as it was signed: %d %s", w.Code, w.Body)
			}
			after := contents(t, store)
			if cmp.Equal(before, after) {
				t.Fatal("the outbox did not change for the hook as it was signed")
			}
			flipped += flipAll(t, handler, hook)
			if diff := cmp.Diff(after, contents(t, store)); diff != "" {
				t.Errorf("the outbox changed:\n%s", diff)
			}
			t.Logf("%s: %d flips, %d answered with 401", scheme, flipped, flipped)
		})
	}
}

func newSignedHook(t *testing.T, scheme string, secret *verify.Secret, key ed25519.PrivateKey) *signedHook {
	t.Helper()
	now := time.Now()
	h := &signedHook{
		id: []byte("evt-2f1c"), timestamp: strconv.AppendInt(nil, now.Unix(), 10),
		body: []byte(`{"secret":"canary/values/forged","operation":"set","value":"tiger"}`),
	}
	signature, err := verify.SignV1(secret, string(h.id), now, h.body)
	if err != nil {
		t.Fatal(err)
	}
	if scheme == "v1a" {
		signature = verify.SignV1a(key, string(h.id), now, h.body)
	}
	h.signature = []byte(signature)
	return h
}

// flipAll sends the hook once for each of its bits, with that bit flipped.
func flipAll(t *testing.T, handler http.Handler, hook *signedHook) (flips int) {
	t.Helper()
	for name, part := range hook.parts() {
		whole := *part
		for bit := range 8 * len(whole) {
			*part = slices.Clone(whole)
			(*part)[bit/8] ^= 1 << (bit % 8)
			if w := hook.send(handler); w.Code != http.StatusUnauthorized {
				t.Errorf("bit %d of %s flipped: %d %s", bit, name, w.Code, w.Body)
			}
			flips++
		}
		*part = whole
	}
	return flips
}

// contents is all that can be seen of an outbox.
func contents(t *testing.T, store outbox.Outbox) []string {
	t.Helper()
	var out []string
	deliveries, err := store.List(context.Background(), outbox.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range deliveries {
		out = append(out, fmt.Sprintf("%+v", d))
	}
	err = store.Audit(context.Background(), 1, func(row audit.Row) error {
		out = append(out, string(row.Entry))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
