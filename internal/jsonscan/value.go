package jsonscan

import (
	"bytes"
	"encoding/base64"
	"errors"
	"iter"
	"strconv"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// Kind is what a Value is.
type Kind string

// The kinds. Their text is fit for an error.
const (
	Missing Kind = "missing"
	Object  Kind = "an object"
	Array   Kind = "an array"
	String  Kind = "a string"
	Number  Kind = "a number"
	Bool    Kind = "a boolean"
	Null    Kind = "null"
)

// Value is one value of a document that Parse has checked. The zero Value is
// the one that is not there, of kind Missing.
type Value struct {
	// raw is the value's text, without space around it.
	raw []byte
}

// Kind says what the value is.
func (v Value) Kind() Kind {
	if len(v.raw) == 0 {
		return Missing
	}
	switch v.raw[0] {
	case '{':
		return Object
	case '[':
		return Array
	case '"':
		return String
	case 't', 'f':
		return Bool
	case 'n':
		return Null
	default:
		return Number
	}
}

// Raw is the value's text as it stands in the document, and part of it.
func (v Value) Raw() []byte { return v.raw }

// Text is what a string says, and the literal text of any other value. It is
// for what is not secret: the result cannot be wiped.
func (v Value) Text() string {
	if v.Kind() != String {
		return string(v.raw)
	}
	if content := v.content(); bytes.IndexByte(content, '\\') < 0 {
		return string(content)
	}
	return string(v.decode())
}

// Secret is what a string says, in a new Value that the caller wipes; no other
// copy of it is made. It is for values of kind String only.
func (v Value) Secret() *secretbytes.Value {
	return secretbytes.New(v.decode())
}

// strictBase64 refuses unused bits that are not zero, so that no two texts
// stand for the same bytes.
var strictBase64 = base64.StdEncoding.Strict()

// SecretBase64 is the bytes that a string says in padded base64 (RFC 4648,
// section 4), in a new Value that the caller wipes; no other copy of them is
// left. It is for values of kind String only. The error, for a text that is not
// the one encoding of its bytes, repeats nothing of it.
func (v Value) SecretBase64() (*secretbytes.Value, error) {
	text := v.decode()
	defer clear(text)
	decoded := make([]byte, strictBase64.DecodedLen(len(text)))
	n, err := strictBase64.Decode(decoded, text)
	// The decoder skips line breaks.
	if err != nil || strictBase64.EncodedLen(n) != len(text) {
		clear(decoded)
		return nil, errors.New("not padded base64")
	}
	return secretbytes.New(decoded[:n]), nil
}

// content is a string's text between its quotes.
func (v Value) content() []byte { return v.raw[1 : len(v.raw)-1] }

// decode returns a string's bytes in a buffer of their own. No escape sequence
// is shorter than what it stands for, so the buffer is never outgrown and
// leaves no copy behind.
func (v Value) decode() []byte {
	content := v.content()
	out := make([]byte, 0, len(content))
	for len(content) > 0 {
		plain := bytes.IndexByte(content, '\\')
		if plain < 0 {
			return append(out, content...)
		}
		r, size := unescape(content[plain:])
		out = utf8.AppendRune(append(out, content[:plain]...), r)
		content = content[plain+size:]
	}
	return out
}

// At is the value that pointer points to, starting from v, as RFC 6901
// evaluates it; the zero Value if there is none.
func (v Value) At(pointer Pointer) Value {
	for _, token := range pointer {
		v = v.child(token)
	}
	return v
}

func (v Value) child(token string) Value {
	switch v.Kind() {
	case Object:
		for name, member := range v.Members() {
			if name.Text() == token {
				return member
			}
		}
	case Array:
		index, err := strconv.Atoi(token)
		if err != nil || strconv.Itoa(index) != token {
			return Value{} // RFC 6901 allows neither a sign nor leading zeros
		}
		for element := range v.Elements() {
			if index == 0 {
				return element
			}
			index--
		}
	}
	return Value{}
}

// Members are an object's members, names and values in the document's order;
// none for any other kind.
func (v Value) Members() iter.Seq2[Value, Value] {
	return func(yield func(Value, Value) bool) {
		if v.Kind() != Object {
			return
		}
		rest := v.raw[1:]
		for {
			var name, value Value
			if name, rest = next(rest); name.raw == nil {
				return
			}
			if value, rest = next(rest); !yield(name, value) {
				return
			}
		}
	}
}

// Elements are an array's elements; none for any other kind.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if v.Kind() != Array {
			return
		}
		rest := v.raw[1:]
		for {
			var element Value
			if element, rest = next(rest); element.raw == nil || !yield(element) {
				return
			}
		}
	}
}

// next returns the first value in text, which is inside an object or array,
// and what follows it; the zero Value at the closing brace or bracket. The
// text has been checked, so separators need no second look.
func next(text []byte) (Value, []byte) {
	text = bytes.TrimLeft(text, " \t\r\n,:")
	if text[0] == '}' || text[0] == ']' {
		return Value{}, nil
	}
	end := length(text)
	return Value{raw: text[:end:end]}, text[end:]
}

// length is how many bytes the value takes that text begins with.
func length(text []byte) int {
	switch text[0] {
	case '"':
		return stringLength(text)
	case '{', '[':
		return nestedLength(text)
	default:
		return bytes.IndexAny(text, " \t\r\n,:]}")
	}
}

func stringLength(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
}

func nestedLength(text []byte) int {
	for i, depth := 0, 0; ; {
		switch text[i] {
		case '"':
			i += stringLength(text[i:])
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
}
