package js7joc

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// The statuses that a JOC Cockpit has of its own.
const (
	statusInvalid    = 420
	statusApproval   = 433
	statusConcurrent = 434
	statusSession    = 440
)

// The error codes of status 420 that callers tell apart.
const (
	CodeNotFound       = "JOC-408"
	CodeNoComment      = "JOC-300"
	CodeFolder         = "JOC-419"
	CodeNotImplemented = "JOC-004"
)

// Error is an answer that is not a success. Its text is ours: what the server says
// can repeat the session's token or a value.
type Error struct {
	Status int
	// Code is JOC-nnn with status 420 and 434, else empty.
	Code string
	why  string
}

func (e *Error) Error() string { return e.why }

// Lasting says that the same call will fail until somebody changes something.
func (e *Error) Lasting() bool {
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, statusInvalid, statusApproval:
		return true
	}
	return false
}

// Concurrent says that somebody else changed the object at the same moment.
func (e *Error) Concurrent() bool { return e.Status == statusConcurrent }

var jocCode = lazyregexp.New(`^JOC-[0-9]{3}$`)

func errorOf(status int, body []byte) *Error {
	var said struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	e := &Error{Status: status}
	if json.Unmarshal(body, &said) == nil && jocCode().MatchString(said.Error.Code) {
		e.Code = said.Error.Code
	}
	e.why = explain(e)
	return e
}

func explain(e *Error) string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "the JOC Cockpit refused the login (401): check user, password_file or the client certificate, and that the account is not blocked"
	case http.StatusForbidden:
		return "the account lacks a permission (403): for Job Resources it needs sos:products:joc:inventory:manage and :deploy, and the controllers' deployment; for encipherment certificates sos:products:joc:administration:certificates:view and :manage"
	case statusInvalid:
		return explainCode(e.Code)
	case statusApproval:
		return "the JOC Cockpit wants a second person's approval (433): exempt the account from the four-eyes principle; a request that was approved cannot be repeated from here"
	case statusConcurrent:
		return "somebody else changes the same object (434)"
	case statusSession:
		return "the session has ended (440)"
	}
	return fmt.Sprintf("the JOC Cockpit answered %d; its log says more", e.Status)
}

func explainCode(code string) string {
	switch code {
	case CodeNotFound:
		return "there is no such Job Resource (JOC-408)"
	case CodeNoComment:
		return "the JOC Cockpit forces a comment (JOC-300): set comment"
	case CodeFolder:
		return "the account may not use the folder (JOC-419): give its role the folder"
	case CodeNotImplemented:
		return "the JOC Cockpit does not deploy at its security level (JOC-004): level high needs signing by hand"
	case "JOC-171":
		return "another Job Resource has that name (JOC-171): names are unique over all folders; correct job_resource"
	case "":
		return "the JOC Cockpit refused the request (420); its log says more"
	}
	return "the JOC Cockpit refused the request (" + code + "); its log says more"
}
