package adapters

import (
	"bytes"
	"net/url"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// maxPsonoFormLen bounds a form, in bytes; Psono's has 80.
const maxPsonoFormLen = 1024

// Psono has the settings of the adapter "psono" for the callback URL of a secret
// in Psono. It tells the secret's ID, which is its name for the settings, and no
// value.
type Psono struct {
	Names `yaml:",inline"`
}

// NewPsono returns an adapter for Psono's callbacks. Psono sends a form and calls
// it application/json (psono/restapi/views/secret.py, of 2026); the same members
// in JSON are read as well.
func NewPsono(settings Psono) (hooks.Adapter, error) {
	return newNoticeAdapter(settings.Names, readPsono)
}

func readPsono(r *hooks.Request) ([]notice, error) {
	read := readPsonoForm
	if bytes.HasPrefix(bytes.TrimLeft(r.Body, " \t\r\n"), []byte("{")) {
		read = readPsonoJSON
	}
	event, secret, err := read(r)
	if err != nil || event != "UPDATE_SECRET_SUCCESS" {
		return nil, err
	}
	if secret == "" || len(secret) > hooks.MaxNameLen {
		return nil, malformed("secret_id has %d bytes; a secret's ID has 1 to %d", len(secret), hooks.MaxNameLen)
	}
	return []notice{{told: secret}}, nil
}

func readPsonoJSON(r *hooks.Request) (event, secret string, err error) {
	root, err := readJSON(r)
	if err != nil {
		return "", "", err
	}
	if event, err = readWord(root.At(jsonscan.Pointer{"event"}), "/event"); err != nil {
		return "", "", err
	}
	secret, err = readWord(root.At(jsonscan.Pointer{"secret_id"}), "/secret_id")
	return event, secret, err
}

func readPsonoForm(r *hooks.Request) (event, secret string, err error) {
	if err := checkMedia(r); err != nil {
		return "", "", err
	}
	if len(r.Body) > maxPsonoFormLen || !utf8.Valid(r.Body) {
		return "", "", malformed("the body is neither a JSON object nor a form in UTF-8 of at most %d bytes", maxPsonoFormLen)
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil { // which repeats what was sent
		return "", "", malformed("the body is neither a JSON object nor a form")
	}
	for _, name := range []string{"event", "secret_id"} {
		if len(form[name]) != 1 || !utf8.ValidString(form[name][0]) {
			return "", "", malformed("%s is %d times in the form, and has to be there once, in UTF-8", name, len(form[name]))
		}
	}
	return form["event"][0], form["secret_id"][0], nil
}
