package https_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestConformance(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Target {
		receiver := newAgent()
		server, dir := serve(t, receiver)
		return delivertest.Target{
			Destination: to(t, server.URL, dir, "", public(agentKey)),
			Read:        receiver.read,
			Stray:       func() ([]string, error) { return nil, nil },
		}
	})
}

func TestReceiptIsThatOfTheDelivery(t *testing.T) {
	server, dir := serve(t, newAgent())
	destination := to(t, server.URL, dir, "", public(agentKey))
	newest := delivertest.Set(t, "prod/db", 7, 100)
	for range 2 { // The repeat is answered from the agent's state.
		got, err := destination.Deliver(t.Context(), newest)
		if err != nil {
			t.Fatal(err)
		}
		claims, err := receipt.Verify(got, public(agentKey))
		if err != nil || claims.Version != 7 || claims.Secret != "prod/db" {
			t.Errorf("receipt is %+v (error %v)", claims, err)
		}
	}
	older := delivertest.Set(t, "prod/db", 6, 100)
	if got, err := destination.Deliver(t.Context(), older); got != "" || err != nil {
		t.Errorf("an older version gave the receipt %q (error %v), want none", got, err)
	}
	older.AcceptedAt = time.Now().Add(time.Hour)
	if _, err := destination.Deliver(t.Context(), older); !final(err) || !strings.Contains(err.Error(), "restored") {
		t.Errorf("a version accepted after a newer one was applied gave %v", err)
	}
}

func final(err error) bool {
	_, is := errors.AsType[*deliver.FinalError](err)
	return is
}

func sign(t *testing.T, key ed25519.PrivateKey, d outbox.Delivery, change func(*receipt.Claims)) string {
	t.Helper()
	signer, err := receipt.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	claims := receipt.For(statement.Claims{
		Issuer: issuer, Agent: d.Agent, Secret: d.Secret, Version: d.Version, Operation: d.Operation, Digest: statement.Digest(d.Envelope),
	}, time.Now(), receipt.None, "")
	change(&claims)
	signed, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestReceipts(t *testing.T) {
	d := delivertest.Set(t, "prod/db", 7, 100)
	own := func(change func(*receipt.Claims)) string {
		return `{"receipt":"` + sign(t, agentKey, d, change) + `"}`
	}
	right := own(func(*receipt.Claims) {})
	for _, test := range []struct {
		name, body, setting, err string
		keys                     []ed25519.PublicKey
	}{
		{"right", right, "", "", []ed25519.PublicKey{public(agentKey)}},
		{"right, second key", right, "", "", []ed25519.PublicKey{public(serviceKey), public(agentKey)}},
		{"none, no keys", "", "", "", nil},
		{"none, optional", "", "receipt: optional", "", []ed25519.PublicKey{public(agentKey)}},
		{"none", "", "", "without a receipt", []ed25519.PublicKey{public(agentKey)}},
		{"no JSON", "thank you", "", "without a receipt", []ed25519.PublicKey{public(agentKey)}},
		{"too long", strings.Repeat(" ", 64<<10) + right, "", "without a receipt", []ed25519.PublicKey{public(agentKey)}},
		{"another key", right, "receipt: optional", "not validly signed", []ed25519.PublicKey{public(serviceKey)}},
		{"not checked without keys", `{"receipt":"x"}`, "", "", nil},
		{"torn", right[:len(right)-9] + `"}`, "", "not validly signed", []ed25519.PublicKey{public(agentKey)}},
		{"a statement", `{"receipt":"` + d.Statement + `"}`, "", "not validly signed", []ed25519.PublicKey{public(agentKey), public(serviceKey)}},
		{"another agent", own(func(c *receipt.Claims) { c.Agent = "other" }), "", "its agent is", []ed25519.PublicKey{public(agentKey)}},
		{"another service", own(func(c *receipt.Claims) { c.Service = "other" }), "", "its service is", []ed25519.PublicKey{public(agentKey)}},
		{"another secret", own(func(c *receipt.Claims) { c.Secret = "other" }), "", "its secret is", []ed25519.PublicKey{public(agentKey)}},
		{"older", own(func(c *receipt.Claims) { c.Version = 6 }), "", "its version is", []ed25519.PublicKey{public(agentKey)}},
		{"another operation", own(func(c *receipt.Claims) { c.Operation = "delete" }), "", "its operation is", []ed25519.PublicKey{public(agentKey)}},
		{"another envelope", own(func(c *receipt.Claims) { c.Digest = statement.Digest(nil) }), "", "its digest is", []ed25519.PublicKey{public(agentKey)}},
		{"newer of another secret", own(func(c *receipt.Claims) { c.Version, c.Secret = 8, "other" }), "", "its secret is", []ed25519.PublicKey{public(agentKey)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, dir := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, test.body) }))
			got, err := to(t, server.URL, dir, test.setting, test.keys...).Deliver(t.Context(), d)
			switch {
			case test.err == "" && err != nil:
				t.Error(err)
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err) || final(err)):
				t.Errorf("error is %v, want one to be tried again with %q", err, test.err)
			case (got != "") != (test.err == "" && test.body == right && test.keys != nil):
				t.Errorf("receipt is %q", got)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	inAnHour := time.Now().Add(time.Hour)
	for _, test := range []struct {
		name   string
		status int
		header http.Header
		body   string
		final  bool
		// after is the least wait, with a margin for a date's whole seconds.
		after, atMost time.Duration
		want          string
	}{
		{"201", 201, nil, "", false, 0, 0, ""},
		{"204", 204, nil, "", false, 0, 0, ""},
		{"400", 400, nil, "BODY", true, 0, 0, "the receiver answered 400 Bad Request"},
		{"404", 404, nil, "BODY", true, 0, 0, "the receiver answered 404 Not Found"},
		{"410", 410, http.Header{"Retry-After": {"5"}}, "BODY", true, 0, 0, "the receiver answered 410 Gone: it is gone for good; remove the destination, or mend url and retry the delivery"},
		{"418", 418, nil, "", true, 0, 0, "the receiver answered 418 I'm a teapot"},
		{"499", 499, nil, "", true, 0, 0, "the receiver answered 499"},
		{"408", 408, nil, "", false, 0, 0, "the receiver answered 408 Request Timeout"},
		{"425", 425, nil, "", false, 0, 0, "the receiver answered 425 Too Early"},
		{"429", 429, http.Header{"Retry-After": {"120"}}, "", false, 119 * time.Second, 121 * time.Second, "the receiver answered 429 Too Many Requests"},
		{"500", 500, nil, "BODY", false, 0, 0, "the receiver answered 500 Internal Server Error"},
		{"503", 503, http.Header{"Retry-After": {inAnHour.UTC().Format(http.TimeFormat)}}, "", false, 59 * time.Minute, 61 * time.Minute, "the receiver answered 503 Service Unavailable"},
		{"503 for ever", 503, http.Header{"Retry-After": {"2000000000"}}, "", false, 23 * time.Hour, 25 * time.Hour, "the receiver answered 503 Service Unavailable"},
		{"503 at no time", 503, http.Header{"Retry-After": {"soon"}}, "", false, 0, 0, "the receiver answered 503 Service Unavailable"},
		{"307", 307, http.Header{"Location": {"/elsewhere"}}, "", false, 0, 0, "the receiver answered 307 Temporary Redirect: redirects are not followed; set url to where the receiver is"},
		{"problem", 422, http.Header{"Content-Type": {"application/problem+json; charset=utf-8"}}, `{"title":"no\u001b[31m such agent","detail":"BODY"}`, true, 0, 0, "the receiver answered 422 Unprocessable Entity: no [31m such agent"},
		{"long problem", 422, http.Header{"Content-Type": {"application/problem+json"}}, `{"title":"` + strings.Repeat("x", 1000) + `"}`, true, 0, 0, "the receiver answered 422 Unprocessable Entity: " + strings.Repeat("x", 120)},
		{"gone problem", 410, http.Header{"Content-Type": {"application/problem+json"}}, `{"title":"moved house"}`, true, 0, 0, "the receiver answered 410 Gone: moved house; it is gone for good; remove the destination, or mend url and retry the delivery"},
		{"no problem", 422, http.Header{"Content-Type": {"application/json"}}, `{"title":"BODY"}`, true, 0, 0, "the receiver answered 422 Unprocessable Entity"},
		{"torn problem", 422, http.Header{"Content-Type": {"application/problem+json"}}, `{"title":"BODY`, true, 0, 0, "the receiver answered 422 Unprocessable Entity"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server, dir := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/" {
					t.Error("the redirect was followed")
				}
				for name, values := range test.header {
					w.Header()[name] = values
				}
				w.WriteHeader(test.status)
				_, _ = io.WriteString(w, test.body)
			}))
			now := time.Now()
			_, err := to(t, server.URL, dir, "").Deliver(t.Context(), delivertest.Set(t, "prod/db", 1, 100))
			if errorText(err) != test.want || final(err) != test.final {
				t.Errorf("error is %v (final: %t), want %q", err, final(err), test.want)
			}
			after, hasAfter := errors.AsType[*deliver.AfterError](err)
			if hasAfter != (test.after > 0) || hasAfter && (after.At.Before(now.Add(test.after)) || after.At.After(now.Add(test.atMost))) {
				t.Errorf("to be tried again at %+v", after)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// A receiver that knows the service's key, or a shared secret, needs nothing else
// to know that a request is the service's and whether it is a repeat.
func TestRequestsAreSigned(t *testing.T) {
	var mu sync.Mutex
	var got []*hooks.Request
	server, dir := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		at := *r.URL
		at.Scheme, at.Host = "https", r.Host
		got = append(got, &hooks.Request{Method: r.Method, URL: &at, Header: r.Header, Body: body, Received: time.Now()})
	}))
	secrets := []string{newSecret(t, dir, "one"), newSecret(t, dir, "two")}
	destination := to(t, server.URL+"/v1/deliveries?tenant=a%20b", dir, "secret_files: [one, two]")
	deliveries := []outbox.Delivery{
		delivertest.Set(t, "prod/db", 1, 100), delivertest.Set(t, "prod/db", 1, 100), delivertest.Set(t, "prod/db", 2, 100),
		delivertest.Delete(t, "prod/db", 3), delivertest.Set(t, "prod/d", 1, 100),
	}
	for _, d := range deliveries {
		if _, err := destination.Deliver(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	settings := []verify.StandardWebhooks{{PublicKeys: []string{"whpk_" + base64.StdEncoding.EncodeToString(public(serviceKey))}}}
	for _, text := range secrets {
		settings = append(settings, verify.StandardWebhooks{Secrets: []*hooks.Value{secretbytes.New([]byte(text))}})
	}
	ofMessage := messageSignatures(t)
	ids := map[string]int{}
	for _, r := range got {
		for _, s := range settings {
			v, err := verify.NewStandardWebhooks(s)
			if err != nil {
				t.Fatal(err)
			}
			verified, err := v.Verify(r)
			if err != nil {
				t.Fatal(err)
			}
			ids[verified.EventID]++
		}
		if _, err := ofMessage.Verify(r); err != nil {
			t.Error(err)
		}
		r.Header.Set("webhook-id", "msg_other")
		if _, err := ofMessage.Verify(r); err == nil {
			t.Error("the ID can be changed")
		}
	}
	repeated := 0
	for _, times := range ids {
		repeated = max(repeated, times)
	}
	// Five requests of four versions, each verified by three keys.
	if len(ids) != 4 || repeated != 2*3 {
		t.Errorf("requests by ID, times the keys: %v", ids)
	}
}

// messageSignatures is the verifier of RFC 9421 for the service's key.
func messageSignatures(t *testing.T) hooks.Verifier {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public(serviceKey))
	if err != nil {
		t.Fatal(err)
	}
	id, err := keys.ID(public(serviceKey))
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	v, err := verify.NewMessageSignatures(verify.MessageSignatures{Keys: []verify.SignatureKey{
		{ID: id, Algorithm: "ed25519", Key: verify.Key{Value: secretbytes.New(text)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCancelledWhileTheReceiverIsSilent(t *testing.T) {
	arrived := make(chan struct{})
	server, dir := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the connection end
		close(arrived)
		<-r.Context().Done()
	}))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := to(t, server.URL, dir, "timeout: 5m").Deliver(ctx, delivertest.Set(t, "prod/db", 1, 100))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}
