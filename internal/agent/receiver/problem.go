package receiver

import (
	"errors"
	"net/http"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/agent/program"
)

// typeBase is where the types of problems are explained. They are stable.
const typeBase = "https://github.com/sealrelay/sealrelay/blob/main/docs/agent.md#"

// problem is a kind of problem, and an error of its own.
type problem struct {
	status      int
	slug, title string
	// detail is what is known of this one.
	detail string
	// log: it is the agent's own trouble.
	log bool
}

func (p *problem) Error() string { return p.title }

var (
	errNotFound  = &problem{status: http.StatusNotFound, slug: "not-found", title: "there is nothing at this address; deliveries go to " + Path}
	errMethod    = &problem{status: http.StatusMethodNotAllowed, slug: "method", title: "deliveries are posted"}
	errMedia     = &problem{status: http.StatusUnsupportedMediaType, slug: "media-type", title: "a delivery is application/json"}
	errTooLarge  = &problem{status: http.StatusRequestEntityTooLarge, slug: "body-too-large", title: "the delivery is larger than the agent's limit"}
	errMalformed = &problem{status: http.StatusBadRequest, slug: "malformed", title: "the body is not the JSON of a delivery"}
	errCut       = &problem{status: http.StatusRequestTimeout, slug: "cut", title: "the body did not arrive whole"}
	errTooMany   = &problem{status: http.StatusServiceUnavailable, slug: "busy", title: "too many deliveries are arriving"}
	errInternal  = &problem{status: http.StatusInternalServerError, slug: "internal", title: "internal error; the agent's log says more", log: true}
)

// classes says which kind of problem an error of another package is.
var classes = []struct {
	class   error
	problem problem
}{
	{statement.ErrSignature, problem{status: http.StatusForbidden, slug: "statement", title: "the statement is not signed by a key that the agent pins"}},
	{statement.ErrMismatch, problem{status: http.StatusForbidden, slug: "mismatch", title: "the statement is of something else"}},
	{hooks.ErrMalformed, problem{status: http.StatusBadRequest, slug: "malformed", title: "the secret's name is none"}},
	{crypto.ErrNoMatch, problem{status: http.StatusUnprocessableEntity, slug: "key", title: "the envelope is for none of the agent's keys"}},
	{crypto.ErrUnsupportedKey, problem{status: http.StatusUnprocessableEntity, slug: "key", title: "the envelope is for none of the agent's keys"}},
	{crypto.ErrMalformed, problem{status: http.StatusUnprocessableEntity, slug: "envelope", title: "the envelope is in no format that the agent knows"}},
	{crypto.ErrForbidden, problem{status: http.StatusUnprocessableEntity, slug: "key", title: "the agent's key may not be used"}},
	{program.ErrRestored, problem{status: http.StatusConflict, slug: "restored", title: "the agent has a newer version that was sealed earlier"}},
	{program.ErrBusy, problem{status: http.StatusServiceUnavailable, slug: "unavailable", title: "there is no receipt yet"}},
}

// problemOf is the problem that an error is. What is in no class is the agent's
// own trouble, such as a full disk: its words are logged and not sent.
func problemOf(err error) *problem {
	var own *problem
	if errors.As(err, &own) {
		return own
	}
	for _, class := range classes {
		if errors.Is(err, class.class) {
			found := class.problem
			found.detail = err.Error()
			return &found
		}
	}
	return &problem{status: http.StatusServiceUnavailable, slug: "unavailable", title: "the agent cannot store it now", log: true}
}
