package wire

import (
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode"
)

// ProblemError is an answer that is not 2xx.
type ProblemError struct {
	// Problem is what the server said, if it said it as RFC 9457 has it.
	// Otherwise there is only the Title, which goes with StatusCode. It has no
	// control characters.
	Problem
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

// ReadProblem makes the error of an answer that is not 2xx. It takes the body
// only for what it says it is, and tells nothing of any other.
func ReadProblem(response *http.Response, body []byte) *ProblemError {
	e := &ProblemError{StatusCode: response.StatusCode, RetryAfter: RetryAfter(response.Header.Get("Retry-After"), time.Now())}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if media != ProblemType || json.Unmarshal(body, &e.Problem) != nil {
		e.Problem = Problem{}
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
