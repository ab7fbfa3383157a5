package sourcetest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/sourcetest"
)

// server answers each request with what answer says, and keeps it.
type server struct {
	*httptest.Server
	requests []*hooks.Request
}

func serve(t *testing.T, answer func(http.ResponseWriter)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		at := *r.URL
		at.Scheme, at.Host = "http", r.Host
		s.requests = append(s.requests, &hooks.Request{Method: r.Method, URL: &at, Header: r.Header, Body: body, Received: time.Now()})
		answer(w)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) runner(t *testing.T, signer *sourcetest.Signer) *sourcetest.Runner {
	t.Helper()
	return &sourcetest.Runner{Address: s.URL, Source: "mine", HTTP: s.Client(), Signer: signer}
}

func accepted(w http.ResponseWriter) {
	w.WriteHeader(202)
	_, _ = io.WriteString(w, `{"status":"accepted"}`)
}

func parse(t *testing.T, file string) *sourcetest.Case {
	t.Helper()
	c, err := sourcetest.Parse("f.http", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func run(t *testing.T, r *sourcetest.Runner, file string) sourcetest.Result {
	t.Helper()
	result, err := r.Run(t.Context(), parse(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestRunSendsWhatTheFileHas(t *testing.T) {
	s := serve(t, accepted)
	file := "# expect: 202 accepted\n# times: 3\nPUT /v1/hooks/x/api/secretchanged?a=b%2Fc HTTP/1.1\nHost: elsewhere\nX-Two: 1\nX-Two: 2\nX-At: {{now_iso}}\n\n{\"id\":\"{{id}}\",\"s\":{{now}},\"ms\":{{now_ms}}}\n\n"
	if result := run(t, s.runner(t, nil), file); !result.OK || len(s.requests) != 3 {
		t.Fatalf("%+v after %d requests", result, len(s.requests))
	}
	r := s.requests[0]
	if r.Method != http.MethodPut || r.URL.RequestURI() != "/v1/hooks/mine/api/secretchanged?a=b%2Fc" || len(r.Header.Values("X-Two")) != 2 {
		t.Errorf("sent %s %s %v", r.Method, r.URL, r.Header)
	}
	var body struct {
		ID    string
		S, MS int64
	}
	if err := yaml.Load(r.Body, &body); err != nil || body.ID == "" || body.MS/1000 != body.S || time.Since(time.Unix(body.S, 0)) > time.Minute || r.Body[len(r.Body)-1] != '\n' {
		t.Errorf("sent %q: %v", r.Body, err)
	}
	if !bytes.Equal(r.Body, s.requests[2].Body) {
		t.Error("a repeat has another body")
	}
}

func TestRunComparesAnswers(t *testing.T) {
	problem := func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(422)
		_, _ = io.WriteString(w, `{"type":"https://example.com/problems.md#no-route","detail":"add\u001b[31m a route"}`)
	}
	status := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { w.WriteHeader(code); _, _ = io.WriteString(w, body) }
	}
	tests := []struct {
		name   string
		answer func(http.ResponseWriter)
		expect string
		want   sourcetest.Result
	}{
		{"success", accepted, "202 accepted", sourcetest.Result{Got: sourcetest.Answer{Status: 202, Word: "accepted"}, OK: true}},
		{"another word", accepted, "202 awaited", sourcetest.Result{Got: sourcetest.Answer{Status: 202, Word: "accepted"}}},
		{"another status", accepted, "200 accepted", sourcetest.Result{Got: sourcetest.Answer{Status: 202, Word: "accepted"}}},
		{"problem", problem, "422 no-route", sourcetest.Result{Got: sourcetest.Answer{Status: 422, Word: "no-route"}, OK: true, Detail: "add [31m a route"}},
		{"reply", status(200, `{"validationResponse":"x"}`), "200 reply", sourcetest.Result{Got: sourcetest.Answer{Status: 200, Word: "reply"}, OK: true}},
		{"refusal of its own", status(400, `{"status":"x"}`), "400 reply", sourcetest.Result{Got: sourcetest.Answer{Status: 400, Word: "reply"}, OK: true}},
		{"redirect", func(w http.ResponseWriter) { w.Header().Set("Location", "/x"); w.WriteHeader(302) }, "302 reply", sourcetest.Result{Got: sourcetest.Answer{Status: 302, Word: "reply"}, OK: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.answer)
			file := "# expect: " + test.expect + "\nPOST /v1/hooks/x HTTP/1.1\nHost: h\n\n{}"
			test.want.Case, test.want.Expect = "f.http", parse(t, file).Expect
			got := run(t, s.runner(t, nil), file)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func settings(config string) hooks.Settings {
	return hooks.Settings{
		Decode: func(into any) error { return yaml.Load([]byte(config), into, yaml.WithKnownFields()) },
		ReadSecret: func(path string) (*hooks.Value, error) {
			if path != "there" {
				return nil, os.ErrNotExist
			}
			return secretbytes.Copy([]byte("a-secret-of-enough-length-0123456789")), nil
		},
	}
}

// TestSignatures: what is signed here, the verifier with the same settings
// accepts, and nothing else.
func TestSignatures(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	const standard = "{secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw]}"
	tests := []struct {
		scheme, config string
		key            crypto.Signer
	}{
		{"standard-webhooks", standard, nil},
		{"standard-webhooks", "{public_keys: [whpk_" + base64.StdEncoding.EncodeToString(public) + "], tolerance: 1m}", private},
		{"standard-webhooks", "{keys: [{value: whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA, not_after: 2020-01-01T00:00:00Z}, {value: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw}]}", nil},
		{"bearer", "{token_files: [there]}", nil},
		{"basic", "{user: me, passwords: ['a:password of enough length']}", nil},
		{"api-key", "{header: X-Key, token_files: [there]}", nil},
		{"api-key", "{query: key, tokens: ['a+token&of=enough?length']}", nil},
		{"github", "{secret_files: [there]}", nil},
		{"doppler", "{secrets: [a-secret-of-enough-length]}", nil},
		{"stripe", "{secret_files: [there]}", nil},
		{"infisical", "{secret_files: [there], tolerance: 1m}", nil},
		{"http-message-signatures", "{keys: [{id: k, algorithm: hmac-sha256, file: there}]}", nil},
		{"hmac", "{secret_files: [there], header: X-Mac}", nil},
		{"hmac", "{secret_files: [there], header: X-Mac, algorithm: sha512, encoding: base64, prefix: 'v0=', signed: [timestamp, 'text:.', method, path, 'text:.', body], timestamp_header: X-At, timestamp_format: ms}", nil},
		{"hmac", "{secret_files: [there], header: X-Mac, algorithm: sha384, encoding: base64url, signed: [body, timestamp, 'text:|', 'header:X-Two'], timestamp_header: X-At, timestamp_format: rfc3339}", nil},
	}
	for _, test := range tests {
		t.Run(test.scheme, func(t *testing.T) {
			verifier, err := verify.Table[test.scheme](settings(test.config))
			if err != nil {
				t.Fatal(err)
			}
			signer, err := sourcetest.NewSigner(test.scheme, settings(test.config), test.key)
			if err != nil {
				t.Fatal(err)
			}
			defer signer.Wipe()
			checkSigner(t, verifier, signer, test.scheme)
		})
	}
}

// checkSigner sends one request signed and the same one unsigned.
func checkSigner(t *testing.T, verifier hooks.Verifier, signer *sourcetest.Signer, scheme string) {
	t.Helper()
	s := serve(t, accepted)
	const request = "POST /v1/hooks/x?a=b HTTP/1.1\nHost: h\nX-Two: 2\n\n{\"timestamp\":{{now_ms}}}"
	run(t, s.runner(t, signer), "# expect: 202 accepted\n# sign: "+scheme+"\n"+request)
	if _, err := verifier.Verify(s.requests[0]); err != nil {
		t.Errorf("signed: %v", err)
	}
	run(t, s.runner(t, signer), "# expect: 202 accepted\n"+request)
	if _, err := verifier.Verify(s.requests[1]); !errors.Is(err, hooks.ErrUnauthenticated) {
		t.Errorf("unsigned: %v", err)
	}
}

// TestMessageSignatures: every algorithm with a key pair, and no key of another
// kind.
func TestMessageSignatures(t *testing.T) {
	_, edwards, err := ed25519.GenerateKey(nil)
	p256, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, err3 := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	factors, err4 := rsa.GenerateKey(rand.Reader, 2048)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	private := map[string]crypto.Signer{"ed25519": edwards, "ecdsa-p256-sha256": p256, "ecdsa-p384-sha384": p384, "rsa-pss-sha512": factors}
	for algorithm, key := range private {
		t.Run(algorithm, func(t *testing.T) {
			der, err := x509.MarshalPKIXPublicKey(key.Public())
			if err != nil {
				t.Fatal(err)
			}
			text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
			config := fmt.Sprintf("{keys: [{id: k, algorithm: %s, value: %q}]}", algorithm, text)
			verifier, err := verify.Table["http-message-signatures"](settings(config))
			if err != nil {
				t.Fatal(err)
			}
			for other, signing := range private {
				signer, err := sourcetest.NewSigner("http-message-signatures", settings(config), signing)
				if err != nil {
					t.Fatal(err)
				}
				if other == algorithm {
					checkSigner(t, verifier, signer, "http-message-signatures")
					continue
				}
				c := parse(t, "# expect: 202 accepted\n# sign: http-message-signatures\nPOST /v1/hooks/x HTTP/1.1\nHost: h\n\n{}")
				if _, err := serve(t, accepted).runner(t, signer).Run(t.Context(), c); err == nil {
					t.Errorf("a key for %s signs", other)
				}
			}
		})
	}
}

func TestSkips(t *testing.T) {
	s := serve(t, accepted)
	signer, err := sourcetest.NewSigner("bearer", settings("{token_files: [there]}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := sourcetest.NewSigner("unknown", settings("{a: b}"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for scheme, test := range map[string]struct {
		signer *sourcetest.Signer
		want   string
	}{
		"bearer":  {nil, "it has to be signed, and there is no configuration with the source's secret"},
		"doppler": {signer, "it is for the verifier doppler, and the source has bearer"},
		"unknown": {unknown, "this program cannot sign for the verifier unknown; send a file that is signed already"},
	} {
		result := run(t, s.runner(t, test.signer), "# expect: 202 accepted\n# sign: "+scheme+"\nPOST /v1/hooks/x HTTP/1.1\nHost: h\n\n{}")
		if result.OK || result.Skipped != test.want {
			t.Errorf("%s: %+v", scheme, result)
		}
	}
	if len(s.requests) != 0 {
		t.Error("something was sent")
	}
}

func TestNewSignerRefuses(t *testing.T) {
	for _, config := range []string{"{secret_files: [missing]}", "{token_files: [missing]}", "{secrets: 1}"} {
		if _, err := sourcetest.NewSigner("bearer", settings(config), nil); err == nil {
			t.Errorf("%s is accepted", config)
		}
	}
}

// TestRunFails: neither a service that is away nor a wait that ends is an
// answer, and no error has the request's query.
func TestRunFails(t *testing.T) {
	s := serve(t, accepted)
	r := s.runner(t, nil)
	c := parse(t, "# expect: 202 accepted\nPOST /v1/hooks/x?key=hunter2 HTTP/1.1\nHost: h\n\n{}")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Run(ended, c); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "hunter") {
		t.Errorf("after the end: %v", err)
	}
	s.Close()
	var unreached *url.Error
	if _, err := r.Run(t.Context(), c); !errors.As(err, &unreached) || strings.Contains(err.Error(), "hunter") {
		t.Errorf("away: %v", err)
	}
	if len(s.requests) != 0 {
		t.Error("something was sent")
	}
}
