package adapters

import (
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// EncodePush writes the event as the body that Push reads. The caller wipes the
// body: it holds the value, and is the only copy that is made of it. The
// event's ID is not in the body; it goes into the header webhook-id. The error
// says what Push, or a server behind it, would refuse.
func EncodePush(event hooks.Event) ([]byte, error) {
	if err := hooks.CheckName(event.Secret); err != nil {
		return nil, err
	}
	// No name that CheckName accepts needs an escape.
	head := fmt.Sprintf(`{"%s":"%s","%s":"%s"`, memberSecret, event.Secret, memberOperation, event.Operation)
	if !event.OccurredAt.IsZero() {
		at, err := event.OccurredAt.UTC().MarshalText()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", memberOccurredAt, err)
		}
		head += fmt.Sprintf(`,"%s":"%s"`, memberOccurredAt, at)
	}
	switch {
	case event.Operation == hooks.Delete && event.Value == nil:
		return []byte(head + "}"), nil
	case event.Operation == hooks.Delete:
		return nil, errors.New("a deletion has no value")
	case event.Operation != hooks.Set:
		return nil, errors.New("operation is neither set nor delete")
	case event.Value == nil || event.Value.Len() == 0:
		return nil, hooks.ErrNoValue
	}
	var body []byte
	err := event.Value.Expose(func(value []byte) error {
		if len(event.Fields) > 0 {
			if err := checkFieldsObject(value, event.Fields); err != nil {
				return err
			}
			body = member(head, memberFields, len(value), func(b []byte) []byte { return append(b, value...) })
			return nil
		}
		if utf8.Valid(value) {
			body = member(head, memberValue, jsonscan.QuotedLen(value), func(b []byte) []byte { return jsonscan.AppendQuoted(b, value) })
			return nil
		}
		size := strictBase64.EncodedLen(len(value)) + len(`""`)
		body = member(head, memberValueBase64, size, func(b []byte) []byte {
			return append(strictBase64.AppendEncode(append(b, '"'), value), '"')
		})
		return nil
	})
	return body, err
}

// member is head with one more member and the closing brace. The buffer has
// room for all of it from the start, so write leaves no copy behind.
func member(head, name string, size int, write func([]byte) []byte) []byte {
	head += `,"` + name + `":`
	body := append(make([]byte, 0, len(head)+size+1), head...)
	return append(write(body), '}')
}

// checkFieldsObject says whether value is what hooks.Event has for fields.
func checkFieldsObject(value []byte, names []string) error {
	root, err := jsonscan.Parse(value)
	if err != nil || root.Kind() != jsonscan.Object {
		return errors.New("the value of an event with fields is not a JSON object")
	}
	var found []string
	for name, field := range root.Members() {
		if field.Kind() != jsonscan.String || len(field.Raw()) == len(`""`) {
			return errors.New("the value of an event with fields has a field that is not a string with something in it")
		}
		found = append(found, name.Text())
	}
	if !slices.Equal(found, names) {
		return errors.New("the value of an event with fields has other fields, or another order")
	}
	return checkFieldNames(names)
}
