package adapters

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// ESOPush has the settings of the adapter "eso-push", for the provider webhook
// of External Secrets Operator and its resource PushSecret. It takes all that
// the provider sends: POST to push, GET to ask whether there is a value
// (updatePolicy IfNotExists), DELETE (deletionPolicy Delete). GET and DELETE
// name the secret by the query parameter secret, which a POST may have as well.
type ESOPush struct {
	// SecretPrefix is put before the secret's name as it is: "prod/".
	SecretPrefix string `yaml:"secret_prefix"`
	// Body is what the body of a push is: "template", which it is if not set,
	// the JSON object of the template in the manual; "value", the value itself,
	// as the provider sends it without a template; "fields", a whole Secret as
	// the provider sends it without a template and a secretKey: a JSON object,
	// whose members become the fields.
	Body string `yaml:"body"`
}

// The members of the template's object.
const (
	esoSource     = "source"
	esoKey        = "key"
	esoTime       = "ts"
	esoDeliveryID = "delivery_id"
)

// esoSecret is the query parameter that names the secret.
const esoSecret = "secret"

// NewESOPush returns the adapter. The error names what is wrong with the
// settings.
func NewESOPush(settings ESOPush) (hooks.Adapter, error) {
	reads := map[string]func(*hooks.Request) (hooks.Event, error){
		"": esoTemplate, "template": esoTemplate, "value": esoValue, "fields": esoFields,
	}
	read, found := reads[settings.Body]
	if !found {
		return nil, errors.New("body is not one of template, value, fields")
	}
	return &esoPush{prefix: settings.SecretPrefix, push: read}, nil
}

type esoPush struct {
	prefix string
	push   func(*hooks.Request) (hooks.Event, error)
}

// Methods implements hooks.MethodTaker.
func (*esoPush) Methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodDelete}
}

// Read implements hooks.Adapter. An event has no ID: the provider pushes an
// unchanged value again each refreshInterval, with another delivery_id.
func (a *esoPush) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodDelete {
		event, err := a.push(r)
		if err != nil {
			return hooks.Message{}, err
		}
		event.Operation, event.Secret = hooks.Set, a.prefix+event.Secret
		return hooks.One(event), nil
	}
	name, err := secretAsked(r)
	if err != nil {
		return hooks.Message{}, err
	}
	if r.Method == http.MethodGet {
		return hooks.Message{Exists: a.prefix + name}, nil
	}
	return hooks.One(hooks.Event{Operation: hooks.Delete, Secret: a.prefix + name}), nil
}

// secretOfQuery is the secret's name in the URL, empty if there is none.
func secretOfQuery(r *hooks.Request) (string, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", malformed("the URL's query is not valid")
	}
	names := query[esoSecret]
	if len(names) == 0 {
		return "", nil
	}
	if len(names) > 1 || names[0] == "" || len(names[0]) > hooks.MaxNameLen {
		return "", malformed("the URL's query parameter secret is not one name of 1 to %d bytes", hooks.MaxNameLen)
	}
	return names[0], nil
}

// secretAsked is the secret's name in the URL, where it has to be.
func secretAsked(r *hooks.Request) (string, error) {
	name, err := secretOfQuery(r)
	if err == nil && name == "" {
		return "", malformed("the URL has no query parameter secret; the store's url ends in ?secret={{ or .remoteRef.remoteKey .remoteRef.key }}")
	}
	return name, err
}

// esoTemplate reads the template's object. The delivery_id is not read.
func esoTemplate(r *hooks.Request) (hooks.Event, error) {
	root, err := readJSON(r)
	if err != nil {
		return hooks.Event{}, err
	}
	members, err := onlyMembers(root, esoSource, esoKey, memberValue, memberValueBase64, memberFields, esoTime, esoDeliveryID)
	if err != nil {
		return hooks.Event{}, err
	}
	var event hooks.Event
	if event.Secret, err = readName(members[esoKey], esoKey); err != nil {
		return hooks.Event{}, err
	}
	asked, err := secretOfQuery(r)
	if err != nil {
		return hooks.Event{}, err
	}
	if asked != "" && asked != event.Secret {
		return hooks.Event{}, malformed("the URL's query parameter secret and the body's key are not the same name")
	}
	if event.OccurredAt, err = readTime(members[esoTime], esoTime); err != nil {
		return hooks.Event{}, err
	}
	// The value comes last, so that no error is left to lose it to.
	event.Value, event.Fields, err = pushValue(members, hooks.Set)
	return event, err
}

// esoValue takes the whole body, of whatever type: the provider says none.
func esoValue(r *hooks.Request) (hooks.Event, error) {
	name, err := secretOfRawBody(r)
	if err != nil {
		return hooks.Event{}, err
	}
	return hooks.Event{Secret: name, Value: secretbytes.Copy(r.Body)}, nil
}

func esoFields(r *hooks.Request) (hooks.Event, error) {
	name, err := secretOfRawBody(r)
	if err != nil {
		return hooks.Event{}, err
	}
	root, err := parse(r.Body)
	if err != nil {
		return hooks.Event{}, err
	}
	if root.Kind() != jsonscan.Object {
		return hooks.Event{}, malformed("the body is %s, not the JSON object of a whole Secret; leave secretKey out of the PushSecret", root.Kind())
	}
	event := hooks.Event{Secret: name}
	event.Value, event.Fields, err = pushFields(root)
	return event, err
}

func secretOfRawBody(r *hooks.Request) (string, error) {
	if err := checkEncoding(r); err != nil {
		return "", err
	}
	if len(r.Body) == 0 {
		return "", fmt.Errorf("%w: the body is empty", hooks.ErrNoValue)
	}
	return secretAsked(r)
}
