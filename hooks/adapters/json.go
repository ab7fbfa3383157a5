package adapters

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

func configuredJSON(s hooks.Settings) (hooks.Adapter, error) {
	var settings JSON
	if err := s.Decode(&settings); err != nil {
		return nil, err
	}
	return NewJSON(settings)
}

// NewJSON returns an adapter that reads any JSON object. The error names
// everything that is wrong with the settings.
func NewJSON(settings JSON) (hooks.Adapter, error) {
	a, err := newJSONAdapter(settings, settings.check())
	if err != nil {
		return nil, err
	}
	return a, nil
}

// newJSONAdapter finds the places that the settings name. The error has errs,
// which is what else is wrong with them.
func newJSONAdapter(settings JSON, errs []error) (*jsonAdapter, error) {
	at := func(setting, text string) place {
		pointer, err := jsonscan.ParsePointer(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", setting, err))
		}
		return place{text, pointer}
	}
	a := &jsonAdapter{
		secret:     at("secret", settings.Secret),
		prefix:     settings.SecretPrefix,
		fixed:      settings.SecretName,
		value:      at("value", settings.Value),
		fields:     map[string]place{},
		names:      slices.Sorted(maps.Keys(settings.Fields)),
		operation:  at("operation", settings.Operation),
		operations: settings.operations(),
		eventID:    at("event_id", settings.EventID),
		time:       at("time", settings.Time),
	}
	for _, name := range a.names {
		a.fields[name] = at("fields", settings.Fields[name])
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return a, nil
}

// place is where something is in a body: a JSON Pointer, with its text for
// errors. The text is empty if the place is not set.
type place struct {
	text    string
	pointer jsonscan.Pointer
}

// in is the value at the place; one of kind Missing if the place is not set.
func (p place) in(root jsonscan.Value) jsonscan.Value {
	if p.text == "" {
		return jsonscan.Value{}
	}
	return root.At(p.pointer)
}

type jsonAdapter struct {
	secret, value, operation, eventID, time place
	// prefix goes before the name at secret; fixed is the name instead.
	prefix, fixed string
	// fields are read in the order of names.
	fields     map[string]place
	names      []string
	operations map[string]hooks.Operation
}

// Read implements hooks.Adapter.
func (a *jsonAdapter) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	root, err := readJSON(r)
	if err != nil {
		return hooks.Message{}, err
	}
	var event hooks.Event
	if event.Secret, err = a.readSecretName(root); err != nil {
		return hooks.Message{}, err
	}
	if event.Operation, err = a.readOperation(root); err != nil {
		return hooks.Message{}, err
	}
	if event.ID, err = readEventID(a.eventID.in(root), a.eventID.text); err != nil {
		return hooks.Message{}, err
	}
	if event.OccurredAt, err = readTime(a.time.in(root), a.time.text); err != nil {
		return hooks.Message{}, err
	}
	if event.Operation == hooks.Delete {
		return hooks.One(event), nil
	}
	// The value comes last, so that no error is left to lose it to.
	if event.Value, event.Fields, err = a.readValue(root); err != nil {
		return hooks.Message{}, err
	}
	return hooks.One(event), nil
}

func (a *jsonAdapter) readSecretName(root jsonscan.Value) (string, error) {
	if a.fixed != "" {
		return a.fixed, nil
	}
	name, err := readName(a.secret.in(root), a.secret.text)
	return a.prefix + name, err
}

func (a *jsonAdapter) readOperation(root jsonscan.Value) (hooks.Operation, error) {
	if a.operation.text == "" {
		return hooks.Set, nil
	}
	word := a.operation.in(root)
	if word.Kind() != jsonscan.String {
		return "", malformed("%s is %s; an operation is a string", a.operation.text, word.Kind())
	}
	operation, found := a.operations[word.Text()]
	if !found {
		return "", malformed("the word at %s is neither in set_values nor in delete_values", a.operation.text)
	}
	return operation, nil
}

func (a *jsonAdapter) readValue(root jsonscan.Value) (*hooks.Value, []string, error) {
	if len(a.names) == 0 {
		value, err := readSecret(a.value.in(root), a.value.text)
		return value, nil, err
	}
	return readFields(a.names, func(name string) (jsonscan.Value, string) {
		return a.fields[name].in(root), a.fields[name].text
	})
}

func readEventID(v jsonscan.Value, where string) (string, error) {
	switch v.Kind() {
	case jsonscan.Missing, jsonscan.Null:
		return "", nil
	case jsonscan.String, jsonscan.Number:
	default:
		return "", malformed("%s is %s; an event ID is a string or a number", where, v.Kind())
	}
	return checkEventID(v.Text(), where)
}

func checkEventID(id, where string) (string, error) {
	outside := func(r rune) bool { return r <= ' ' || r > '~' }
	if id == "" || len(id) > maxIDLen || strings.ContainsFunc(id, outside) {
		return "", malformed("%s is not 1 to %d printable ASCII characters without space", where, maxIDLen)
	}
	return id, nil
}

// A number below firstMilliseconds is seconds, up to the year 5138; from there
// on it is milliseconds, from the year 1973, which ends at the same moment.
const (
	firstMilliseconds = 100_000_000_000
	endMilliseconds   = 1000 * firstMilliseconds
)

func readTime(v jsonscan.Value, where string) (time.Time, error) {
	switch v.Kind() {
	case jsonscan.Missing, jsonscan.Null:
		return time.Time{}, nil
	case jsonscan.String:
		return parseRFC3339(v, where)
	case jsonscan.Number:
	default:
		return time.Time{}, malformed("%s is %s; a time is a string or a number", where, v.Kind())
	}
	return unixTime(v.Text(), where)
}

func unixTime(digits, where string) (time.Time, error) {
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n < 0 || n >= endMilliseconds:
		return time.Time{}, malformed("%s is not whole seconds or milliseconds since 1970", where)
	case n < firstMilliseconds:
		return time.Unix(n, 0), nil
	default:
		return time.UnixMilli(n), nil
	}
}
