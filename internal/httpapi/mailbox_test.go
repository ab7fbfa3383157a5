package httpapi_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/intake"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const envelope = "envelope of prod/db"

// mailed is a handler with a real mailbox, where version 1 of prod/db waits for
// the agent web. The agent batch has nothing.
type mailed struct {
	*fixture
	mailbox *mailbox.Mailbox
	store   *sqlite.Outbox
	keys    map[string]ed25519.PrivateKey
	id      string
	runs    *runs
}

func newMailed(t *testing.T) *mailed {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	m := &mailed{store: store, keys: map[string]ed25519.PrivateKey{}, runs: newRuns()}
	agents := map[string]*mailbox.Agent{}
	for _, name := range []string{"web", "batch"} {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := mailbox.NewSignatureVerifier([]ed25519.PublicKey{public})
		if err != nil {
			t.Fatal(err)
		}
		m.keys[name] = private
		agents[name] = &mailbox.Agent{Name: name, Verifier: verifier, SigningKeys: []ed25519.PublicKey{public}, Mailboxes: []string{"mail"}}
	}
	m.mailbox, err = mailbox.New(mailbox.Options{
		Outbox: store, Issuer: "test", Log: zerolog.Nop(), Agents: func(name string) *mailbox.Agent { return agents[name] },
		Jobs: m.runs.of,
	})
	if err != nil {
		t.Fatal(err)
	}
	m.fixture = newFixture(t, func(_ *intake.Source, o *httpapi.Options) { o.Mailbox = m.mailbox })
	m.put(t)
	box, err := m.mailbox.List(t.Context(), agents["web"], "", 0)
	if err != nil || len(box.Entries) != 1 {
		t.Fatalf("listed %v, %v", box, err)
	}
	m.id = box.Entries[0].ID
	return m
}

// put makes version 1 of prod/db wait for web.
func (m *mailed) put(t *testing.T) {
	t.Helper()
	now := time.Now()
	err := m.store.Commit(t.Context(), outbox.Change{
		Source: "vault", EventID: "1", Secret: "prod/db", Operation: "set", Version: 1, ReceivedAt: now, Answer: []byte("{}"),
		Sealed: []outbox.Sealed{{Agent: "web", Destination: "mail", Format: "age", KeyID: "key", Envelope: []byte(envelope), Statement: "statement"}},
		Audit:  audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/vault"},
	})
	if err != nil {
		t.Fatal(err)
	}
	claimed, err := m.store.Claim(t.Context(), now.Add(time.Minute), 1, time.Minute, nil)
	if err != nil || len(claimed) != 1 {
		t.Fatalf("claimed %v, %v", claimed, err)
	}
	if _, err := m.store.Settle(t.Context(), outbox.Outcome{Key: claimed[0].Key, Fence: claimed[0].Fence, Version: 1, State: outbox.Waiting, At: now}); err != nil {
		t.Fatal(err)
	}
}

// call is an agent's signed request, with a body if it is a POST.
func (m *mailed) call(t *testing.T, by, method, target, body string) *http.Request {
	t.Helper()
	media := ""
	if method == http.MethodPost {
		media = "application/json"
	}
	return m.send(t, by, method, target, media, body)
}

// send is an agent's signed request, with a body of that media type.
func (m *mailed) send(t *testing.T, by, method, target, media, body string) *http.Request {
	t.Helper()
	r := httptest.NewRequest(method, "https://relay.example"+target, strings.NewReader(body))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	id, err := keys.ID(m.keys[by].Public())
	if err != nil {
		t.Fatal(err)
	}
	signer, err := verify.NewMessageSigner(m.keys[by], id)
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(r, []byte(body), time.Now()); err != nil {
		t.Fatal(err)
	}
	return r
}

// receipt is the body with a receipt for a version of prod/db.
func (m *mailed) receipt(t *testing.T, by string, version int64) string {
	t.Helper()
	signer, err := receipt.NewSigner(m.keys[by])
	if err != nil {
		t.Fatal(err)
	}
	claims := statement.Claims{
		Issuer: "test", Agent: "web", Secret: "prod/db", Version: version, Operation: "set", Digest: statement.Digest([]byte(envelope)),
	}
	token, err := signer.Sign(receipt.For(claims, time.Now(), receipt.Done, ""))
	if err != nil {
		t.Fatal(err)
	}
	return `{"receipt":"` + token + `"}`
}

// succeeds checks that an answer is 200, and reads it.
func succeeds[T any](t *testing.T, w *httptest.ResponseRecorder) T {
	t.Helper()
	var into T
	decoder := json.NewDecoder(bytes.NewReader(w.Body.Bytes()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&into); err != nil || w.Code != http.StatusOK || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("%d %s; %v", w.Code, w.Body, err)
	}
	return into
}

func TestMailbox(t *testing.T) {
	m := newMailed(t)
	w := m.serve(m.call(t, "web", http.MethodGet, "/v1/mailbox?agent=web", ""))
	box := succeeds[wire.Mailbox](t, w)
	if len(box.Entries) != 1 || box.Entries[0] != (wire.MailboxEntry{ID: m.id, Secret: "prod/db", Version: 1, Operation: "set"}) || box.Next != "" {
		t.Errorf("listed %+v", box)
	}
	delivery := succeeds[wire.Delivery](t, m.serve(m.call(t, "web", http.MethodGet, "/v1/mailbox/"+m.id+"?agent=web", "")))
	if string(delivery.Envelope) != envelope || delivery.Statement != "statement" {
		t.Errorf("fetched %+v", delivery)
	}
	for _, step := range []struct {
		path string
		want wire.ReceiptStatus
	}{
		{"/v1/mailbox/" + m.id + "/receipt", wire.ReceiptTaken},
		{"/v1/mailbox/" + m.id + "/receipt", wire.ReceiptKnown},
	} {
		got := succeeds[wire.Acknowledged](t, m.serve(m.call(t, "web", http.MethodPost, step.path+"?agent=web", m.receipt(t, "web", 1))))
		if got.Status != step.want {
			t.Errorf("%s: %s, want %s", step.path, got.Status, step.want)
		}
	}
	if body := m.serve(m.call(t, "web", http.MethodGet, "/v1/mailbox?agent=web", "")).Body.String(); strings.TrimSpace(body) != `{"entries":[]}` {
		t.Errorf("an empty mailbox is %s", body)
	}
	if box := succeeds[wire.Mailbox](t, m.serve(m.call(t, "batch", http.MethodGet, "/v1/mailbox?agent=batch&wait=0s", ""))); len(box.Entries) != 0 {
		t.Errorf("another agent lists %+v", box)
	}
}

func TestMailboxRefuses(t *testing.T) {
	m := newMailed(t)
	list, entry := "/v1/mailbox?agent=web", "/v1/mailbox/"+m.id
	post := func(by, target, body string) *http.Request { return m.call(t, by, http.MethodPost, target, body) }
	get := func(by, target string) *http.Request { return m.call(t, by, http.MethodGet, target, "") }
	edit := func(r *http.Request, how func(*http.Request)) *http.Request { how(r); return r }
	for name, tc := range map[string]struct {
		request *http.Request
		code    int
		slug    string
	}{
		"no agent":         {get("web", "/v1/mailbox"), 400, "malformed"},
		"two agents":       {get("web", "/v1/mailbox?agent=web&agent=web"), 400, "malformed"},
		"other parameter":  {get("web", list+"&x=y"), 400, "malformed"},
		"after an entry":   {get("web", entry+"?agent=web&after="+m.id), 400, "malformed"},
		"bad query":        {get("web", list+"&%zz"), 400, "malformed"},
		"bad wait":         {get("web", list+"&wait=soon"), 400, "malformed"},
		"negative wait":    {get("web", list+"&wait=-1s"), 400, "malformed"},
		"body of a GET":    {m.call(t, "web", http.MethodGet, list, "x"), 400, "malformed"},
		"unsigned":         {httptest.NewRequest(http.MethodGet, "https://relay.example"+list, nil), 401, "not-the-agent"},
		"another's key":    {get("batch", list), 401, "not-the-agent"},
		"unknown":          {get("web", "/v1/mailbox?agent=else"), 401, "not-the-agent"},
		"other host":       {edit(get("web", list), func(r *http.Request) { r.Host = "else.example" }), 401, "not-the-agent"},
		"other body":       {edit(post("web", entry+"/receipt?agent=web", "{}"), func(r *http.Request) { r.Body = http.NoBody }), 401, "not-the-agent"},
		"unsigned receipt": {edit(post("web", "/v1/receipts?agent=web", m.receipt(t, "web", 1)), func(r *http.Request) { r.Header.Del("Signature") }), 401, "not-the-agent"},
		"after no entry":   {get("web", list+"&after=x"), 404, "no-entry"},
		"no entry":         {get("web", "/v1/mailbox/x?agent=web"), 404, "no-entry"},
		"another's entry":  {get("batch", entry+"?agent=batch"), 404, "no-entry"},
		"ack of no entry":  {post("web", "/v1/mailbox/x/receipt?agent=web", m.receipt(t, "web", 1)), 404, "no-entry"},
		"too early":        {post("web", "/v1/receipts?agent=web", m.receipt(t, "web", 1)), 404, "not-delivered"},
		"method":           {m.call(t, "web", http.MethodDelete, entry+"?agent=web", ""), 405, "method"},
		"future":           {post("web", entry+"/receipt?agent=web", m.receipt(t, "web", 2)), 422, "receipt-mismatch"},
		"forged":           {post("web", entry+"/receipt?agent=web", m.receipt(t, "batch", 1)), 422, "receipt-signature"},
		"no receipt":       {post("web", entry+"/receipt?agent=web", "{}"), 400, "malformed"},
		"large":            {post("web", entry+"/receipt?agent=web", `{"receipt":"`+strings.Repeat("a", 8<<10)+`"}`), 413, "body-too-large"},
		"media type":       {edit(post("web", entry+"/receipt?agent=web", m.receipt(t, "web", 1)), func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), 415, "media-type"},
	} {
		t.Run(name, func(t *testing.T) { refuses(t, m.serve(tc.request), tc.code, tc.slug) })
	}
	if d, err := m.store.Get(t.Context(), outbox.Key{Agent: "web", Destination: "mail", Secret: "prod/db"}); err != nil || d.State != outbox.Waiting || d.Receipt != "" {
		t.Errorf("the row is %+v, %v", d, err)
	}
}

// TestMailboxTellsNoNames: whoever is not the agent learns nothing, not even
// whether there is one of that name.
func TestMailboxTellsNoNames(t *testing.T) {
	m := newMailed(t)
	var answers []string
	for _, agent := range []string{"web", "else"} {
		for _, target := range []string{"/v1/mailbox?agent=", "/v1/mailbox/" + m.id + "?agent=", "/v1/mailbox/x?agent="} {
			for _, r := range []*http.Request{
				m.call(t, "batch", http.MethodGet, target+agent, ""),
				httptest.NewRequest(http.MethodGet, "https://relay.example"+target+agent, nil),
			} {
				w := m.serve(r)
				answers = append(answers, fmt.Sprint(w.Code, w.Header(), w.Body))
			}
		}
	}
	for _, answer := range answers {
		if answer != answers[0] {
			t.Errorf("%s\nbut also %s", answers[0], answer)
		}
	}
	if log := m.log.String(); !strings.Contains(log, "keyid") || !strings.Contains(log, "missing header") {
		t.Errorf("the log does not tell why: %s", log)
	}
}

// TestMailboxWaits over the server's own time-outs, which a wait outlives.
func TestMailboxWaits(t *testing.T) {
	m := newMailed(t)
	server := httptest.NewUnstartedServer(m)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	answered := make(chan string, 1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r := m.call(t, "batch", http.MethodGet, "/v1/mailbox?agent=batch&wait=300ms", "")
	own := r.Clone(ctx)
	own.RequestURI = ""
	own.URL.Scheme, own.URL.Host = "http", server.Listener.Addr().String()
	own.Host = "relay.example"
	own.Header.Set("X-Forwarded-Proto", "https")
	go func() {
		response, err := server.Client().Do(own)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer response.Body.Close()
		var body bytes.Buffer
		_, err = body.ReadFrom(response.Body)
		answered <- fmt.Sprint(response.StatusCode, " ", strings.TrimSpace(body.String()), err)
	}()
	if got := <-answered; got != `200 {"entries":[]}<nil>` {
		t.Errorf("answered %s", got)
	}
}
