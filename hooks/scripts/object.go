package scripts

import (
	"context"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// encodedSuffix is what is put behind the name of the value's member, where it
// has the value in base64: so a wrapper passes a value unharmed through a pipe
// whose encoding it does not rule.
const encodedSuffix = "_base64"

// object is the contract of the scripts that get one JSON object on standard
// input: a member with the value, or the same with encodedSuffix; every other
// string is a field.
type object struct {
	value string
}

// Read implements Script.
func (o object) Read(_ context.Context, in *Input, wanted []string) ([]Change, error) {
	var change Change
	err := withStdin(in, func(text []byte) (err error) {
		root, err := parseObject(text, "standard input")
		if err != nil {
			return err
		}
		change, err = o.change(root, wanted)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []Change{change}, nil
}

func (o object) change(root jsonscan.Value, wanted []string) (Change, error) {
	fields, err := stringFields(root, slices.DeleteFunc(slices.Clone(wanted), o.isValue))
	if err != nil {
		return Change{}, err
	}
	value, err := o.read(root)
	return Change{Fields: fields, Value: value}, err
}

func (o object) isValue(member string) bool {
	return member == o.value || member == o.value+encodedSuffix
}

func (o object) read(root jsonscan.Value) (*hooks.Value, error) {
	plain, encoded := root.At(jsonscan.Pointer{o.value}), root.At(jsonscan.Pointer{o.value + encodedSuffix})
	if encoded.Kind() == jsonscan.Missing {
		return readString(plain, o.value)
	}
	if plain.Kind() != jsonscan.Missing {
		return nil, malformed("both %s and %s%s are there; give one of them", o.value, o.value, encodedSuffix)
	}
	if encoded.Kind() != jsonscan.String {
		return nil, malformed("%s%s is %s, not a string", o.value, encodedSuffix, encoded.Kind())
	}
	value, err := encoded.SecretBase64()
	if err != nil {
		return nil, malformed("%s%s: %v", o.value, encodedSuffix, err)
	}
	return value, nil
}

// parseObject reads text, which must be one JSON object.
func parseObject(text []byte, what string) (jsonscan.Value, error) {
	root, err := jsonscan.Parse(text)
	if err != nil {
		return jsonscan.Value{}, fmt.Errorf("%w: %s: %w", hooks.ErrMalformed, what, err)
	}
	if root.Kind() != jsonscan.Object {
		return jsonscan.Value{}, malformed("%s is %s, not a JSON object", what, root.Kind())
	}
	return root, nil
}

// stringFields reads the wanted members, those that are there.
func stringFields(root jsonscan.Value, wanted []string) (map[string]string, error) {
	fields := map[string]string{}
	for _, name := range wanted {
		switch found := root.At(jsonscan.Pointer{name}); found.Kind() {
		case jsonscan.Missing, jsonscan.Null:
		case jsonscan.String:
			fields[name] = found.Text()
		default:
			return nil, malformed("%s is %s, not a string", name, found.Kind())
		}
	}
	return fields, nil
}

// readString reads a string that is the value.
func readString(v jsonscan.Value, where string) (*hooks.Value, error) {
	switch v.Kind() {
	case jsonscan.String:
		return v.Secret(), nil
	case jsonscan.Missing, jsonscan.Null:
		return nil, fmt.Errorf("%w: %s is %s", hooks.ErrNoValue, where, v.Kind())
	}
	return nil, malformed("%s is %s, not a string", where, v.Kind())
}
