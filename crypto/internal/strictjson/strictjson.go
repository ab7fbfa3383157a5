// Package strictjson reads the JSON objects that JOSE is made of (RFC 7515,
// section 4, and RFC 7517, section 4): no member twice, valid UTF-8 only, and
// base64url in the one encoding of each value. No error repeats what was read,
// for it may be a private key.
package strictjson

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4/json"
)

// The errors of reading.
var (
	ErrObject  = errors.New("not one JSON object, or a member comes twice")
	ErrArray   = errors.New("not a JSON array")
	ErrString  = errors.New("a member is not a string, or a string comes twice")
	ErrBase64  = errors.New("a value is not base64url without padding, in the shortest encoding")
	ErrMissing = errors.New("a member is missing or empty")
)

// Object holds the members of one JSON object, each as it was written. Objects
// within it are read only when they are asked for.
type Object map[string]json.RawMessage

// Parse reads one object; nothing but white space may be around it.
func Parse(data []byte) (Object, error) {
	var object Object
	if !utf8.Valid(data) || json.Unmarshal(data, &object) != nil || object == nil {
		return nil, ErrObject
	}
	return object, nil
}

// Array reads the array of objects that is the member's value.
func (o Object) Array(name string) ([]Object, error) {
	var items []json.RawMessage
	if json.Unmarshal(o[name], &items) != nil || items == nil {
		return nil, ErrArray
	}
	objects := make([]Object, len(items))
	for i, item := range items {
		var err error
		if objects[i], err = Parse(item); err != nil {
			return nil, err
		}
		clear(item)
	}
	return objects, nil
}

// String returns the member's string; ErrMissing if it is absent or empty.
func (o Object) String(name string) (string, error) {
	raw, found := o[name]
	if !found {
		return "", ErrMissing
	}
	var text *string // A pointer tells null from a string.
	if json.Unmarshal(raw, &text) != nil || text == nil {
		return "", ErrString
	}
	if *text == "" {
		return "", ErrMissing
	}
	return *text, nil
}

// Strings returns the strings of the array that is the member's value; one that
// comes twice is refused.
func (o Object) Strings(name string) ([]string, error) {
	var items []*string
	if json.Unmarshal(o[name], &items) != nil || items == nil {
		return nil, ErrArray
	}
	var texts []string
	for _, item := range items {
		if item == nil || slices.Contains(texts, *item) {
			return nil, ErrString
		}
		texts = append(texts, *item)
	}
	return texts, nil
}

// Base64 returns the text of the member, which is base64url or empty, as it
// was written: JSON's escapes are refused in it.
func (o Object) Base64(name string) ([]byte, error) {
	raw, found := o[name]
	if !found {
		return nil, ErrMissing
	}
	text, opened := bytes.CutPrefix(raw, []byte(`"`))
	text, closed := bytes.CutSuffix(text, []byte(`"`))
	if !opened || !closed {
		return nil, ErrString
	}
	return text, nil
}

// Bytes returns what the member holds in base64url; ErrMissing if it is absent
// or empty.
func (o Object) Bytes(name string) ([]byte, error) {
	text, err := o.Base64(name)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		return nil, ErrMissing
	}
	return Decode(text)
}

// Only says whether the object has no members but these.
func (o Object) Only(names ...string) bool {
	known := 0
	for _, name := range names {
		if _, found := o[name]; found {
			known++
		}
	}
	return known == len(o)
}

// Wipe clears every value.
func (o Object) Wipe() {
	for _, raw := range o {
		clear(raw)
	}
}

// Decode reads base64url without padding (RFC 7515, section 2). Go's decoder
// alone would pass line breaks.
func Decode(text []byte) ([]byte, error) {
	if bytes.ContainsAny(text, "\r\n") {
		return nil, ErrBase64
	}
	data, err := base64.RawURLEncoding.Strict().AppendDecode(nil, text)
	if err != nil {
		clear(data)
		return nil, ErrBase64
	}
	return data, nil
}
