package push

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"

	"github.com/sealrelay/sealrelay/internal/wire"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 20

// ProblemError is an answer that is not 2xx.
type ProblemError struct {
	// Problem is what the server said, if it said it as RFC 9457 has it.
	// Otherwise there is only the Title, which goes with StatusCode. It has no
	// control characters.
	wire.Problem
	// StatusCode is the HTTP status code.
	StatusCode int
	// RetryAfter is how long the server asks to wait; 0 if it does not.
	RetryAfter time.Duration
}

func (e *ProblemError) Error() string {
	text := fmt.Sprintf("the server answered %d", e.StatusCode)
	if e.Title != "" && !strings.HasPrefix(e.Detail, e.Title) {
		text += ": " + e.Title
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// Kind is the problem's kind in a word: the part of its type behind the #.
func (e *ProblemError) Kind() string {
	_, kind, _ := strings.Cut(e.Type, "#")
	return kind
}

// readAnswer reads a 2xx answer into an Answer and any other into a
// *ProblemError.
func readAnswer(response *http.Response) (wire.Answer, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if response.StatusCode/100 != 2 {
		return wire.Answer{}, readProblem(response, body)
	}
	if err != nil {
		// The same ID makes it safe to ask again for the rest.
		return wire.Answer{}, &networkError{err}
	}
	var answer wire.Answer
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status == "" {
		return wire.Answer{}, fmt.Errorf("the server answered %d, but not as a hook endpoint of sealrelay does; check the URL", response.StatusCode)
	}
	return answer, nil
}

// readProblem takes the body only for what it says it is, and tells nothing of
// any other.
func readProblem(response *http.Response, body []byte) *ProblemError {
	e := &ProblemError{StatusCode: response.StatusCode, RetryAfter: wire.RetryAfter(response.Header.Get("Retry-After"), time.Now())}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if media != wire.ProblemType || json.Unmarshal(body, &e.Problem) != nil {
		e.Problem = wire.Problem{}
	}
	e.Type, e.Title, e.Detail = printable(e.Type), printable(e.Title), printable(e.Detail)
	if e.Title == "" {
		e.Title = http.StatusText(response.StatusCode)
	}
	if response.StatusCode/100 == 3 {
		e.Detail = "redirects are not followed; check the URL"
	}
	return e
}

// printable keeps a server from sending control sequences to a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
}
