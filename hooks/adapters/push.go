package adapters

import (
	"encoding/base64"
	"fmt"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// The members of a push body, in the order in which EncodePush writes them.
const (
	memberSecret      = "secret"
	memberOperation   = "operation"
	memberOccurredAt  = "occurred_at"
	memberValue       = "value"
	memberValueBase64 = "value_base64"
	memberFields      = "fields"
)

// strictBase64 refuses unused bits that are not zero, so that no two texts
// decode to the same bytes.
var strictBase64 = base64.StdEncoding.Strict()

func configuredPush(s hooks.Settings) (hooks.Adapter, error) {
	if err := s.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	return Push{}, nil
}

// Push is the adapter "push" of the project's own format, which EncodePush
// writes. It has no settings. The body is a JSON object with the members
//
//   - secret: the secret's name
//   - operation: "set", which it is if missing, or "delete"
//   - exactly one of these to set, none to delete: value, a string;
//     value_base64, padded base64, for bytes that are not UTF-8; fields, an
//     object of strings
//   - occurred_at: when it happened (RFC 3339), if known
//
// and no others. The event's ID is the verifier's.
type Push struct{}

// Read implements hooks.Adapter.
func (Push) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	root, err := readJSON(r)
	if err != nil {
		return hooks.Message{}, err
	}
	members, err := onlyMembers(root, memberSecret, memberOperation, memberOccurredAt, memberValue, memberValueBase64, memberFields)
	if err != nil {
		return hooks.Message{}, err
	}
	event := hooks.Event{Operation: hooks.Set}
	if event.Secret, err = readName(members[memberSecret], memberSecret); err != nil {
		return hooks.Message{}, err
	}
	if operation, found := members[memberOperation]; found {
		event.Operation = hooks.Operation(operation.Text())
		if operation.Kind() != jsonscan.String || event.Operation != hooks.Set && event.Operation != hooks.Delete {
			return hooks.Message{}, malformed(`operation is neither "set" nor "delete"`)
		}
	}
	if at, found := members[memberOccurredAt]; found {
		if event.OccurredAt, err = parseRFC3339(at, memberOccurredAt); err != nil {
			return hooks.Message{}, err
		}
	}
	// The value comes last, so that no error is left to lose it to.
	if event.Value, event.Fields, err = pushValue(members, event.Operation); err != nil {
		return hooks.Message{}, err
	}
	return hooks.One(event), nil
}

func pushValue(members map[string]jsonscan.Value, operation hooks.Operation) (*hooks.Value, []string, error) {
	value, isText := members[memberValue]
	encoded, isBase64 := members[memberValueBase64]
	fields, isFields := members[memberFields]
	given := 0
	for _, is := range []bool{isText, isBase64, isFields} {
		if is {
			given++
		}
	}
	switch {
	case operation == hooks.Delete && given > 0:
		return nil, nil, malformed("a deletion has no value; leave out value, value_base64 and fields")
	case operation == hooks.Delete:
		return nil, nil, nil
	case given == 0:
		return nil, nil, fmt.Errorf("%w: give value, value_base64 or fields", hooks.ErrNoValue)
	case given > 1:
		return nil, nil, malformed("more than one of value, value_base64 and fields; give one")
	case isText:
		secret, err := readSecret(value, memberValue)
		return secret, nil, err
	case isBase64:
		secret, err := readBase64(encoded)
		return secret, nil, err
	default:
		return pushFields(fields)
	}
}

func readBase64(v jsonscan.Value) (*hooks.Value, error) {
	if err := checkSecret(v, memberValueBase64); err != nil {
		return nil, err
	}
	value, err := v.SecretBase64()
	if err != nil {
		return nil, malformed("%s is %v", memberValueBase64, err)
	}
	return value, nil
}

func pushFields(v jsonscan.Value) (*hooks.Value, []string, error) {
	if v.Kind() != jsonscan.Object {
		return nil, nil, malformed("fields is %s, not an object", v.Kind())
	}
	values := map[string]jsonscan.Value{}
	var names []string
	for name, value := range v.Members() {
		names = append(names, name.Text())
		values[name.Text()] = value
	}
	if err := checkFieldNames(names); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", hooks.ErrMalformed, err)
	}
	return readFields(names, func(name string) (jsonscan.Value, string) {
		return values[name], "field " + name
	})
}
