package adapters

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// The bounds of a secret's fields.
const (
	maxFields       = 64
	maxFieldNameLen = 64
)

// JoinFields makes of named fields what hooks.Event has for them: the Value,
// which is a JSON object in the canonical form of RFC 8785, and the sorted
// names. A name has 1 to 64 letters, digits and -._ ; there are 1 to 64
// fields, and each value is UTF-8. The fields' Values stay the caller's; the
// result is the caller's to wipe as well.
func JoinFields(fields map[string]*hooks.Value) (*hooks.Value, []string, error) {
	names := slices.Sorted(maps.Keys(fields))
	if err := checkFieldNames(names); err != nil {
		return nil, nil, err
	}
	size := len("{}")
	for _, name := range names {
		err := fields[name].Expose(func(value []byte) error {
			if !utf8.Valid(value) {
				return fmt.Errorf("field %s is not UTF-8", name)
			}
			size += len(name) + len(`"":,`) + jsonscan.QuotedLen(value)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	// With room for all of it from the start, append leaves no copy behind.
	object := append(make([]byte, 0, size), '{')
	for i, name := range names {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(jsonscan.AppendQuoted(object, []byte(name)), ':')
		err := fields[name].Expose(func(value []byte) error {
			object = jsonscan.AppendQuoted(object, value)
			return nil
		})
		if err != nil {
			clear(object)
			return nil, nil, err
		}
	}
	return secretbytes.New(append(object, '}')), names, nil
}

func checkFieldNames(names []string) error {
	if len(names) == 0 || len(names) > maxFields {
		return fmt.Errorf("%d fields; 1 to %d are allowed", len(names), maxFields)
	}
	for _, name := range names {
		if err := checkFieldName(name); err != nil {
			return err
		}
	}
	return nil
}

// checkFieldName does not repeat the name: a confused sender may have put a
// value there.
func checkFieldName(name string) error {
	outside := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		return !letter && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_'
	}
	if name == "" || len(name) > maxFieldNameLen || strings.ContainsFunc(name, outside) {
		return errors.New("a field's name is not 1 to 64 letters, digits and -._")
	}
	return nil
}

// readFields reads the string of each field, where find has it, and joins them.
func readFields(names []string, find func(name string) (value jsonscan.Value, where string)) (*hooks.Value, []string, error) {
	fields := make(map[string]*hooks.Value, len(names))
	defer func() {
		for _, value := range fields {
			value.Wipe()
		}
	}()
	for _, name := range names {
		found, where := find(name)
		value, err := readSecret(found, where)
		if err != nil {
			return nil, nil, err
		}
		fields[name] = value
	}
	value, sorted, err := JoinFields(fields)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", hooks.ErrMalformed, err)
	}
	return value, sorted, nil
}
