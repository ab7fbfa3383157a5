package client_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/mailbox/client"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var key = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))

// newVerifier takes what is signed with key.
func newVerifier(t *testing.T) hooks.Verifier {
	t.Helper()
	public := key.Public().(ed25519.PublicKey)
	id, err := keys.ID(public)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := keys.MarshalPublic(public)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := verify.NewMessageSignatures(verify.MessageSignatures{Keys: []verify.SignatureKey{
		{ID: id, Algorithm: "ed25519", Key: verify.Key{Value: secretbytes.Copy(pem)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// service answers with what answer says, to requests that verify.
func service(t *testing.T, verifier hooks.Verifier, answer func(r *http.Request, body string) (int, string)) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if verifier != nil {
			asked := *r.URL
			asked.Scheme, asked.Host = "http", r.Host
			if _, err := verifier.Verify(&hooks.Request{Method: r.Method, URL: &asked, Header: r.Header, Body: body, Received: time.Now()}); err != nil {
				t.Errorf("%s %s: %v", r.Method, r.URL, err)
			}
		} else if r.Header.Get("Signature") != "" {
			t.Error("signed without a key")
		}
		code, text := answer(r, string(body))
		if code/100 == 3 {
			w.Header().Set("Location", "/elsewhere")
		}
		if code/100 > 2 {
			w.Header().Set("Content-Type", wire.ProblemType)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func newClient(t *testing.T, address string, signingKey ed25519.PrivateKey) *client.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c, err := client.New(client.Options{URL: address, Agent: "web 1", SigningKey: signingKey, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCalls(t *testing.T) {
	var asked []string
	pages := []string{
		`{"entries":[{"id":"QQ","secret":"a","version":1,"operation":"set"}],"next":"QQ"}`,
		`{"entries":[{"id":"Qg","secret":"b","version":2,"operation":"delete"}]}`,
	}
	answer := func(r *http.Request, body string) (int, string) {
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.RequestURI()+" "+body))
		switch {
		case r.Method == http.MethodPost:
			return http.StatusOK, `{"status":"acknowledged"}`
		case strings.HasSuffix(r.URL.Path, "/mailbox"):
			page := pages[0]
			pages = pages[1:]
			return http.StatusOK, page
		}
		return http.StatusOK, `{"envelope":"AAE=","statement":"st"}`
	}
	c := newClient(t, service(t, newVerifier(t), answer)+"/below", key)
	entries, err := c.List(t.Context(), time.Hour)
	want := []wire.MailboxEntry{{ID: "QQ", Secret: "a", Version: 1, Operation: "set"}, {ID: "Qg", Secret: "b", Version: 2, Operation: "delete"}}
	if err != nil || !slices.Equal(entries, want) {
		t.Errorf("listed %+v, %v", entries, err)
	}
	delivery, err := c.Fetch(t.Context(), "QQ")
	if err != nil || string(delivery.Envelope) != "\x00\x01" || delivery.Statement != "st" {
		t.Errorf("fetched %+v, %v", delivery, err)
	}
	if err := errors.Join(c.Acknowledge(t.Context(), "QQ", "r.e.c"), c.Report(t.Context(), "r.e.c")); err != nil {
		t.Error(err)
	}
	if want := []string{
		"GET /below/v1/mailbox?agent=web+1&wait=1m0s",
		"GET /below/v1/mailbox?after=QQ&agent=web+1",
		"GET /below/v1/mailbox/QQ?agent=web+1",
		`POST /below/v1/mailbox/QQ/receipt?agent=web+1 {"receipt":"r.e.c"}`,
		`POST /below/v1/receipts?agent=web+1 {"receipt":"r.e.c"}`,
	}; !slices.Equal(asked, want) {
		t.Errorf("asked %q", asked)
	}
}

func TestUnsignedWithCertificate(t *testing.T) {
	c := newClient(t, service(t, nil, func(*http.Request, string) (int, string) { return http.StatusOK, `{"entries":[]}` }), nil)
	if entries, err := c.List(t.Context(), 0); err != nil || len(entries) != 0 {
		t.Errorf("listed %v, %v", entries, err)
	}
}

func TestProblems(t *testing.T) {
	problem, err := json.Marshal(wire.Problem{Type: "https://x/#receipt-late", Title: "late", Status: 409})
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []int{http.StatusFound, http.StatusUnauthorized, http.StatusConflict, http.StatusServiceUnavailable} {
		c := newClient(t, service(t, newVerifier(t), func(*http.Request, string) (int, string) { return code, string(problem) }), key)
		_, listed := c.List(t.Context(), 0)
		_, fetched := c.Fetch(t.Context(), "QQ")
		for i, err := range []error{listed, fetched, c.Acknowledge(t.Context(), "QQ", "r"), c.Report(t.Context(), "r")} {
			refused, ok := errors.AsType[*wire.ProblemError](err)
			if !ok || refused.StatusCode != code || refused.Kind() != "receipt-late" {
				t.Errorf("call %d answered %d: %v", i, code, err)
			}
		}
	}
}

// What is no mailbox is found out, and nothing of what it said is told.
func TestNoMailbox(t *testing.T) {
	for _, text := range []string{"", "VALUE", `{"status":"VALUE","statement":""}`, `{"entries":[{}],"next":"again","statement":""}`, strings.Repeat("VALUE", 1<<18)} {
		c := newClient(t, service(t, newVerifier(t), func(*http.Request, string) (int, string) { return http.StatusOK, text }), key)
		_, fetched := c.Fetch(t.Context(), "QQ")
		errs := []error{fetched, c.Acknowledge(t.Context(), "QQ", "r")}
		if !strings.Contains(text, "status") {
			_, listed := c.List(t.Context(), 0)
			errs = append(errs, listed)
		}
		for i, err := range errs {
			if err == nil || strings.Contains(err.Error(), "VALUE") {
				t.Errorf("%.20q, call %d: %v", text, i, err)
			}
		}
	}
}

func TestCancelled(t *testing.T) {
	arrived, done := make(chan struct{}), make(chan struct{})
	c := newClient(t, service(t, nil, func(*http.Request, string) (int, string) {
		close(arrived)
		<-done
		return http.StatusOK, ""
	}), nil)
	defer close(done)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	if _, err := c.List(ctx, client.MaxWait); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestNewRefuses(t *testing.T) {
	good := client.Options{URL: "https://relay.example", Agent: "a", SigningKey: key, HTTP: &http.Client{}}
	if _, err := client.New(good); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*client.Options){
		"no URL":  func(o *client.Options) { o.URL = "" },
		"no host": func(o *client.Options) { o.URL = "https:///v1" },
		"scheme":  func(o *client.Options) { o.URL = "ftp://relay.example" },
		"user": func(o *client.Options) {
			o.URL = (&url.URL{Scheme: "https", User: url.User("VALUE"), Host: "relay.example"}).String()
		},
		"query":     func(o *client.Options) { o.URL += "?VALUE" },
		"unparsed":  func(o *client.Options) { o.URL = "https://VALUE\x00" },
		"no agent":  func(o *client.Options) { o.Agent = "" },
		"no HTTP":   func(o *client.Options) { o.HTTP = nil },
		"short key": func(o *client.Options) { o.SigningKey = key[:10] },
	} {
		options := good
		edit(&options)
		if _, err := client.New(options); err == nil || strings.Contains(err.Error(), "VALUE") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The service goes on with pages for ever.
func TestListEnds(t *testing.T) {
	pages := 0
	c := newClient(t, service(t, nil, func(*http.Request, string) (int, string) {
		pages++
		return http.StatusOK, fmt.Sprintf(`{"entries":[],"next":"%d"}`, pages)
	}), nil)
	if _, err := c.List(t.Context(), 0); err == nil || pages != 1000 {
		t.Errorf("%d pages, %v", pages, err)
	}
}
