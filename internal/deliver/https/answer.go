package https

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	// maxTitle bounds what is told of a problem, in bytes.
	maxTitle = 120
	// maxRetryAfter bounds what a receiver can ask to wait.
	maxRetryAfter = 24 * time.Hour
)

// answer is the head of an answer.
type answer struct {
	code int
	// after is the time that the receiver asks to wait for; zero if it does not.
	after   time.Time
	problem bool
}

func answerOf(response *http.Response, now time.Time) answer {
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	a := answer{code: response.StatusCode, problem: media == wire.ProblemType}
	if wait := wire.RetryAfter(response.Header.Get("Retry-After"), now); wait > 0 {
		a.after = now.Add(min(wait, maxRetryAfter))
	}
	return a
}

// taken says that the receiver has the version.
func (a answer) taken() bool { return a.code/100 == 2 }

// judge is what an answer means; nil if the receiver has the version. Of the body
// nothing is told but the title of a problem (RFC 9457).
func (a answer) judge(body []byte) error {
	switch {
	case a.taken():
		return nil
	case a.code == http.StatusGone:
		return deliver.Final(errors.New(a.text(body, "it is gone for good; remove the destination, or mend url and retry the delivery")))
	case a.code/100 == 3:
		return a.later(errors.New(a.text(nil, "redirects are not followed; set url to where the receiver is")))
	case a.code/100 == 5, a.code == http.StatusRequestTimeout, a.code == http.StatusTooEarly, a.code == http.StatusTooManyRequests:
		return a.later(errors.New(a.text(body, "")))
	}
	return deliver.Final(errors.New(a.text(body, "")))
}

func (a answer) later(err error) error {
	if a.after.IsZero() {
		return err
	}
	return deliver.After(err, a.after)
}

// text is the answer in words: what to do, or else what the receiver says.
func (a answer) text(body []byte, advice string) string {
	said := advice
	if title := a.title(body); title != "" {
		said = title
		if advice != "" {
			said += "; " + advice
		}
	}
	text := fmt.Sprintf("the receiver answered %d", a.code)
	if name := http.StatusText(a.code); name != "" {
		text += " " + name
	}
	if said != "" {
		text += ": " + said
	}
	return text
}

func (a answer) title(body []byte) string {
	var problem struct {
		Title string `json:"title"`
	}
	if !a.problem || json.Unmarshal(body, &problem) != nil {
		return ""
	}
	return deliver.Line(problem.Title, maxTitle)
}
