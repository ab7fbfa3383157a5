package push_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/wire"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func discard() *log.Logger { return log.New(io.Discard, "", 0) }

func countNew(connections chan<- struct{}) func(net.Conn, http.ConnState) {
	return func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections <- struct{}{}
		}
	}
}

func respond(status int, contentType, retryAfter, body string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {contentType}, "Retry-After": {retryAfter}},
		Body:       io.NopCloser(strings.NewReader(body)),
	}
}

const acceptedBody = `{"status":"accepted","event_id":"msg_1","secret":"prod/db","version":1,"agents":[]}`

// server answers one try after the other, and checks each with the real
// verifier.
type server struct {
	t        *testing.T
	verifier hooks.Verifier
	answers  []func() (*http.Response, error)
	ids      map[string]bool
	// at is when each try came, counted from the first.
	at    []time.Duration
	first time.Time
}

func newServer(t *testing.T, answers ...func() (*http.Response, error)) (*server, *push.Client) {
	t.Helper()
	secret := verify.NewSecret()
	secretText, err := secret.Text()
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := verify.NewStandardWebhooks(verify.StandardWebhooks{Secrets: []*hooks.Value{secretText}, Tolerance: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, verifier: verifier, answers: answers, ids: map[string]bool{}, first: time.Now()}
	return s, &push.Client{URL: "https://relay.example/v1/hooks/a", Secret: secret, HTTP: &http.Client{Transport: s}}
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	verified, err := s.verifier.Verify(&hooks.Request{Header: r.Header, Body: body, Received: time.Now()})
	if err != nil {
		s.t.Errorf("try %d: %v", len(s.at)+1, err)
	}
	s.ids[verified.EventID] = true
	s.at = append(s.at, time.Since(s.first))
	answer := s.answers[min(len(s.at), len(s.answers))-1]
	return answer()
}

func status(code int, retryAfter string) func() (*http.Response, error) {
	return func() (*http.Response, error) { return respond(code, "", retryAfter, ""), nil }
}

func accept() (*http.Response, error) {
	return respond(http.StatusAccepted, "application/json", "", acceptedBody), nil
}

func cutOff() (*http.Response, error) {
	return nil, errors.New("connection reset")
}

func cutAnswer() (*http.Response, error) {
	response, _ := accept()
	response.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), failing{}))
	return response, nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestRetrySchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, status(503, ""), cutOff, status(429, ""), cutAnswer, status(408, ""), status(502, ""), status(504, ""), status(503, "7"), accept)
		c.Attempts = 9
		answer, err := c.Push(t.Context(), event())
		if err != nil {
			t.Fatal(err)
		}
		want := wire.Answer{Status: wire.Accepted, EventID: "msg_1", Secret: "prod/db", Version: 1, Agents: []wire.AgentOutcome{}}
		if diff := cmp.Diff(want, answer); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if len(s.ids) != 1 || len(s.at) != 9 {
			t.Fatalf("%d tries with %d IDs, want 9 with one", len(s.at), len(s.ids))
		}
		for i, most := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second} {
			if wait := s.at[i+1] - s.at[i]; wait < most/2 || wait > most {
				t.Errorf("wait %d is %v, want %v to %v", i+1, wait, most/2, most)
			}
		}
	})
}

func TestRetryAfter(t *testing.T) {
	for name, header := range map[string]func() string{
		"seconds": func() string { return "40" },
		"date":    func() string { return time.Now().Add(40 * time.Second).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := newServer(t, status(429, header()), accept)
				if _, err := c.Push(t.Context(), event()); err != nil {
					t.Fatal(err)
				}
				if s.at[1] != 40*time.Second {
					t.Errorf("tried again after %v, want 40s", s.at[1])
				}
			})
		})
	}
}

func TestNonsenseRetryAfter(t *testing.T) {
	for _, header := range []string{"soon", "-5", "1.5", "99999999999999999999", "Thu, 01 Jan 1970 00:00:00 GMT"} {
		synctest.Test(t, func(t *testing.T) {
			s, c := newServer(t, status(503, header), accept)
			if _, err := c.Push(t.Context(), event()); err != nil {
				t.Fatal(err)
			}
			if s.at[1] > 500*time.Millisecond {
				t.Errorf("Retry-After %q: tried again after %v", header, s.at[1])
			}
		})
	}
}

func TestGivesUp(t *testing.T) {
	tests := []struct {
		name   string
		answer func() (*http.Response, error)
		change func(*push.Client)
		tries  int
		want   string
	}{
		{"after the attempts", status(503, "1"), func(*push.Client) {}, 5, "push prod/db: gave up after try 5: the server answered 503: Service Unavailable"},
		{"after two attempts", cutOff, func(c *push.Client) { c.Attempts = 2 }, 2, `push prod/db: gave up after try 2: Post "https://relay.example/v1/hooks/a": connection reset`},
		{"after the time", status(503, "20"), func(c *push.Client) { c.MaxElapsed = time.Minute }, 4, "push prod/db: gave up after try 4, the next would be in 20s: the server answered 503: Service Unavailable"},
		{"when asked to wait for long", status(429, "3600"), func(*push.Client) {}, 1, "push prod/db: gave up after try 1, the next would be in 1h0m0s: the server answered 429: Too Many Requests"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, c := newServer(t, test.answer)
				test.change(c)
				_, err := c.Push(t.Context(), event())
				if err == nil || err.Error() != test.want {
					t.Errorf("error is %v, want %s", err, test.want)
				}
				if len(s.at) != test.tries {
					t.Errorf("%d tries, want %d", len(s.at), test.tries)
				}
			})
		})
	}
}

func TestRefusalsAreFinal(t *testing.T) {
	for _, code := range []int{301, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 500, 501} {
		synctest.Test(t, func(t *testing.T) {
			s, c := newServer(t, status(code, "1"))
			_, err := c.Push(t.Context(), event())
			var problem *wire.ProblemError
			if !errors.As(err, &problem) || problem.StatusCode != code || len(s.at) != 1 {
				t.Errorf("%d: %d tries, error is %v", code, len(s.at), err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c := newServer(t, status(503, "30"))
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		_, err := c.Push(ctx, event())
		var problem *wire.ProblemError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &problem) {
			t.Errorf("error is %v", err)
		}
		if len(s.at) != 1 || time.Since(s.first) != 10*time.Second {
			t.Errorf("%d tries in %v", len(s.at), time.Since(s.first))
		}
	})
}

func TestCancelDuringTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s, c := newServer(t, func() (*http.Response, error) {
			cancel()
			return nil, ctx.Err()
		})
		if _, err := c.Push(ctx, event()); !errors.Is(err, context.Canceled) || len(s.at) != 1 {
			t.Errorf("%d tries, error is %v", len(s.at), err)
		}
	})
}

func TestAnswers(t *testing.T) {
	problem := `{"type":"/problems/no-route","title":"no route","status":422,"detail":"no route matches\u001b[31m; add one"}`
	tests := []struct {
		name     string
		response *http.Response
		want     string
	}{
		{"problem", respond(422, wire.ProblemType+"; charset=utf-8", "", problem), "push prod/db: the server answered 422: no route matches [31m; add one"},
		{"problem of another type", respond(422, "application/json", "", problem), "push prod/db: the server answered 422: Unprocessable Entity"},
		{"broken problem", respond(400, wire.ProblemType, "", `{"title":"x","status":"y"}`), "push prod/db: the server answered 400: Bad Request"},
		{"page", respond(404, "text/html", "", "<h1>not here</h1>"), "push prod/db: the server answered 404: Not Found"},
		{"page as success", respond(200, "text/html", "", "<h1>welcome</h1>"), "push prod/db: the server answered 200, but not as a hook endpoint of sealrelay does; check the URL"},
		{"other JSON as success", respond(200, "application/json", "", "{}"), "push prod/db: the server answered 200, but not as a hook endpoint of sealrelay does; check the URL"},
		{"endless answer", respond(200, "application/json", "", `{"status":"`+strings.Repeat("x", 2<<20)+`"}`), "push prod/db: the server answered 200, but not as a hook endpoint of sealrelay does; check the URL"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, c := newServer(t, func() (*http.Response, error) { return test.response, nil })
			answer, err := c.Push(t.Context(), event())
			if err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
			if diff := cmp.Diff(wire.Answer{}, answer); diff != "" {
				t.Errorf("answer with an error:\n%s", diff)
			}
		})
	}
}

func TestProblemIsTyped(t *testing.T) {
	_, c := newServer(t, func() (*http.Response, error) {
		return respond(403, wire.ProblemType, "", `{"type":"/problems/name","title":"not allowed","status":403,"detail":"x","more":1}`), nil
	})
	_, err := c.Push(t.Context(), event())
	var problem *wire.ProblemError
	if !errors.As(err, &problem) {
		t.Fatalf("error is %v", err)
	}
	want := wire.Problem{Type: "/problems/name", Title: "not allowed", Status: 403, Detail: "x"}
	if diff := cmp.Diff(want, problem.Problem); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// FuzzAnswer: whatever a server answers, there is an Answer or an error, and
// nothing in the error that a terminal would obey.
func FuzzAnswer(f *testing.F) {
	f.Add(202, "application/json", "", acceptedBody)
	f.Add(422, wire.ProblemType, "5", `{"type":"x","title":"no\u001b[31m route","detail":"\u0000"}`)
	f.Add(503, wire.ProblemType, "Thu, 01 Jan 1970 00:00:00 GMT", `{"status":"x"}`)
	f.Add(200, "text/html;", "-1", "<h1>")
	secret := verify.NewSecret()
	f.Fuzz(func(t *testing.T, code int, contentType, retryAfter, body string) {
		c := &push.Client{URL: "https://relay.example/", Secret: secret, Attempts: 1, HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			return respond(code, contentType, retryAfter, body), nil
		})}}
		answer, err := c.Push(t.Context(), event())
		if (err == nil) != (answer.Status != "") {
			t.Fatalf("answer is %+v, error is %v", answer, err)
		}
		if err != nil && strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Fatalf("error has control characters: %q", err)
		}
	})
}
