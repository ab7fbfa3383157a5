package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// credential is a signing secret for tests.
const credential = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// standIn is a TLS server in the place of the service, with the real verifier,
// adapter and recipient sets. It has one agent, whose key it uses to open what
// was sealed at the source.
type standIn struct {
	URL      string
	folder   string // what a script needs
	verifier hooks.Verifier
	signer   *recipientset.Signer
	agent    *age.X25519Identity
	mu       sync.Mutex
	refusal  int // the status to answer with; 0 for none
	got      []sent
}

// sent is a value that arrived.
type sent struct {
	secret, value string
	sealed        bool
}

// program is the program under test, which TestMain puts on PATH.
func program(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("sealrelay")
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func newStandIn(t *testing.T) *standIn {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(err)
	s := &standIn{folder: filepath.Join(t.TempDir(), "hook folder")}
	s.signer, err = recipientset.NewSigner(private, "relay.example")
	check(err)
	s.agent, err = age.GenerateX25519Identity()
	check(err)
	s.verifier, err = verify.NewStandardWebhooks(verify.StandardWebhooks{Secrets: []*hooks.Value{secretbytes.Copy([]byte(credential))}})
	check(err)
	server := httptest.NewTLSServer(s.handler(t))
	t.Cleanup(server.Close)
	s.URL = server.URL
	check(os.Mkdir(s.folder, 0o700))
	der, err := x509.MarshalPKIXPublicKey(public)
	check(err)
	for name, content := range map[string][]byte{
		"hook.secret": []byte(credential + "\n"),
		"service.pub": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}),
		"ca.pem":      pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	} {
		check(os.WriteFile(filepath.Join(s.folder, name), content, 0o600))
	}
	return s
}

func (s *standIn) handler(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, answer func(http.ResponseWriter, *hooks.Request, hooks.Verified) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if status := s.refusing(); status != 0 {
				w.Header().Set("Location", "/v1/hooks/elsewhere")
				w.WriteHeader(status)
				return
			}
			body, err := io.ReadAll(r.Body)
			request := &hooks.Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: body, Received: time.Now()}
			if r.Method == http.MethodGet {
				request.Body = hooks.RequestLine(r.Method, r.URL)
			}
			var verified hooks.Verified
			if err == nil {
				verified, err = s.verifier.Verify(request)
			}
			if err == nil {
				err = answer(w, request, verified)
			}
			if err != nil {
				t.Errorf("%s: %v", r.URL.Path, err)
				w.WriteHeader(http.StatusBadRequest)
			}
		})
	}
	handle("GET /v1/recipients", s.recipients)
	handle("POST /v1/hooks/{source}/sealed", s.takeSealed)
	handle("POST /v1/hooks/{source}", s.takePlain)
	return mux
}

func (s *standIn) recipients(w http.ResponseWriter, r *hooks.Request, _ hooks.Verified) error {
	key, err := agentkeys.NewKey([]byte(s.agent.Recipient().String()), agentkeys.Requirements{Format: "age"})
	if err != nil {
		return err
	}
	query := r.URL.Query()
	targets := []agentkeys.Target{{Agent: "jobs", Destination: "folder", Key: key}}
	set, err := recipientset.New(query.Get("source"), query.Get("secret"), targets, time.Now(), time.Hour)
	if err != nil {
		return err
	}
	token, err := s.signer.Sign(set)
	if err == nil {
		_, err = io.WriteString(w, token)
	}
	return err
}

func (s *standIn) takeSealed(w http.ResponseWriter, r *hooks.Request, _ hooks.Verified) error {
	event, err := adapters.ReadSealed(r)
	if err != nil {
		return err
	}
	opened, err := age.Decrypt(bytes.NewReader(event.Envelopes[0].Bytes), s.agent)
	if err != nil {
		return err
	}
	value, err := io.ReadAll(opened)
	if err != nil {
		return err
	}
	return s.accept(w, sent{event.Secret, string(value), true})
}

func (s *standIn) takePlain(w http.ResponseWriter, r *hooks.Request, verified hooks.Verified) error {
	message, err := adapters.Push{}.Read(r, verified)
	if err != nil {
		return err
	}
	event := message.Events[0]
	return event.Value.Expose(func(value []byte) error { return s.accept(w, sent{event.Secret, string(value), false}) })
}

func (s *standIn) accept(w http.ResponseWriter, what sent) error {
	s.mu.Lock()
	s.got = append(s.got, what)
	s.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	_, err := io.WriteString(w, `{"status":"accepted","event_id":"e","secret":"`+what.secret+`","version":1,"agents":[]}`)
	return err
}

// arrived takes what has arrived since the last call.
func (s *standIn) arrived() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := s.got
	s.got = nil
	return got
}

func (s *standIn) refusing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refusal
}

func (s *standIn) setRefusal(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = status
}

func (s *standIn) setAway(away bool) {
	s.setRefusal(map[bool]int{true: http.StatusServiceUnavailable}[away])
}
