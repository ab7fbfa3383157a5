package azuretest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// refusal is an answer that says why not, as Azure words it.
type refusal struct {
	status      int
	code, inner string
	message     string
	// header is one that goes with it, and its value.
	header [2]string
}

func (r *refusal) Error() string { return r.message }

func refuse(status int, code, inner, format string, arguments ...any) *refusal {
	return &refusal{status: status, code: code, inner: inner, message: fmt.Sprintf(format, arguments...)}
}

func (r *refusal) write(w http.ResponseWriter) {
	type innerError struct {
		Code string `json:"code"`
	}
	var body struct {
		Error struct {
			Code    string      `json:"code"`
			Message string      `json:"message"`
			Inner   *innerError `json:"innererror,omitempty"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = r.code, r.message
	if r.inner != "" {
		body.Error.Inner = &innerError{r.inner}
	}
	if r.header[0] != "" {
		w.Header().Set(r.header[0], r.header[1])
	}
	answer(w, r.status, body)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body) //nolint:errcheck // Who asked has gone.
}

// The refusals that several operations share.
func badParameter(format string, arguments ...any) *refusal {
	return refuse(http.StatusBadRequest, "BadParameter", "", format, arguments...)
}

func notBuilt() *refusal {
	return refuse(http.StatusNotImplemented, "NotImplemented", "", "azuretest does not have this operation")
}
