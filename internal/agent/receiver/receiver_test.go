package receiver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/agent/program"
	"github.com/sealrelay/sealrelay/internal/agent/receiver"
	"github.com/sealrelay/sealrelay/internal/agent/state"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const body = `{"envelope":"c2VhbGVk","statement":"a.b.c"}`

func post(text string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, receiver.Path, strings.NewReader(text))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	return r
}

// answer is what the handler answers when Accept does that.
func answer(r *http.Request, accept receiver.Accept) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	receiver.New(accept, zerolog.Nop()).ServeHTTP(w, r)
	return w
}

func TestTaken(t *testing.T) {
	w := answer(post(body), func(_ context.Context, delivery wire.Delivery) (string, error) {
		if string(delivery.Envelope) != "sealed" || delivery.Statement != "a.b.c" {
			t.Errorf("got %+v", delivery)
		}
		return "the.signed.receipt", nil
	})
	if w.Code != http.StatusOK || w.Body.String() != `{"receipt":"the.signed.receipt"}`+"\n" || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("answered %d, %s, %v", w.Code, w.Body, w.Header())
	}
}

// TestProblems has an answer for each error, of a type that docs/agent.md explains.
// What is sent final is one that no repetition mends.
func TestProblems(t *testing.T) {
	manual, err := os.ReadFile("../../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	wrong := func(change func(*http.Request)) *http.Request {
		r := post(body)
		change(r)
		return r
	}
	large := io.MultiReader(strings.NewReader(`{"statement":"`), io.LimitReader(zeros{}, 2*state.MaxEnvelope))
	for _, tc := range []struct {
		name    string
		request *http.Request
		err     error
		code    int
		slug    string
	}{
		{"no signature", post(body), statement.ErrSignature, 403, "statement"},
		{"of something else", post(body), fmt.Errorf("because: %w", statement.ErrMismatch), 403, "mismatch"},
		{"no name", post(body), hooks.ErrMalformed, 400, "malformed"},
		{"no key", post(body), crypto.ErrNoMatch, 422, "key"},
		{"other kind of key", post(body), crypto.ErrUnsupportedKey, 422, "key"},
		{"forbidden key", post(body), crypto.ErrForbidden, 422, "key"},
		{"no format", post(body), crypto.ErrMalformed, 422, "envelope"},
		{"restored", post(body), program.ErrRestored, 409, "restored"},
		{"busy", post(body), program.ErrBusy, 503, "unavailable"},
		{"full disk", post(body), errors.New("write /secret/path: no space left"), 503, "unavailable"},
		{"no JSON", post("{"), nil, 400, "malformed"},
		{"no base64", post(`{"envelope":"!","statement":"x"}`), nil, 400, "malformed"},
		{"no statement", post(`{"envelope":"c2VhbGVk"}`), nil, 400, "malformed"},
		{"two values", post(body + body), nil, 400, "malformed"},
		{"too large", wrong(func(r *http.Request) { r.Body = io.NopCloser(large) }), nil, 413, "body-too-large"},
		{"cut", wrong(func(r *http.Request) { r.Body = io.NopCloser(broken{}) }), nil, 408, "cut"},
		{"method", wrong(func(r *http.Request) { r.Method = http.MethodPut }), nil, 405, "method"},
		{"media type", wrong(func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }), nil, 415, "media-type"},
		{"address", wrong(func(r *http.Request) { r.URL.Path = "/v1" }), nil, 404, "not-found"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := answer(tc.request, func(context.Context, wire.Delivery) (string, error) {
				if tc.err == nil {
					t.Error("it was taken")
				}
				return "", tc.err
			})
			var p wire.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
				t.Fatal(err)
			}
			_, slug, _ := strings.Cut(p.Type, "docs/agent.md#")
			if w.Code != tc.code || p.Status != tc.code || slug != tc.slug || w.Header().Get("Content-Type") != wire.ProblemType {
				t.Errorf("answered %d, %+v", w.Code, p)
			}
			if !bytes.Contains(manual, []byte("\n### "+tc.slug+"\n")) {
				t.Errorf("docs/agent.md does not explain %q", tc.slug)
			}
			if (w.Header().Get("Retry-After") != "") != (tc.code == 503) {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
			if strings.Contains(w.Body.String(), "/secret/path") {
				t.Error("a path of this machine is sent")
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = '0'
	}
	return len(p), nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestPanicStaysInside(t *testing.T) {
	var log bytes.Buffer
	w := httptest.NewRecorder()
	receiver.New(func(context.Context, wire.Delivery) (string, error) { panic("tiger") }, zerolog.New(&log)).ServeHTTP(w, post(body))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String()+log.String(), "tiger") || !strings.Contains(log.String(), "request panicked") {
		t.Errorf("answered %d, %s, logged %s", w.Code, w.Body, log.String())
	}
}

// FuzzDecode: what is read as a delivery says the same when it is written again.
func FuzzDecode(f *testing.F) {
	for _, text := range []string{body, `{"statement":"x"}`, `{"statement":""}`, `[]`, `null`, `{"statement":1}`, `{"envelope":null,"statement":"x"}`, body + " ", "{"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		delivery, err := receiver.Decode(data)
		if err != nil {
			if len(data) > 0 && len(err.Error()) > 100 {
				t.Errorf("the error is %v", err)
			}
			return
		}
		if delivery.Statement == "" {
			t.Error("a delivery without a statement")
		}
		again, err := json.Marshal(delivery)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := receiver.Decode(again)
		if err != nil || twice.Statement != delivery.Statement || !bytes.Equal(twice.Envelope, delivery.Envelope) {
			t.Errorf("%+v became %+v, %v", delivery, twice, err)
		}
	})
}
