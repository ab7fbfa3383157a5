// Package jsonscan reads a JSON document in place: it checks the whole of it,
// finds values by JSON Pointer, and decodes a string straight into the buffer
// of a secretbytes.Value. So a plaintext is never in a Go string, which could
// not be wiped.
//
// It accepts RFC 8259 with four stricter rules: no object has the same member
// name twice, no value is nested deeper than MaxDepth, the text is valid
// UTF-8, and no string has an unpaired surrogate escape.
package jsonscan

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is how many objects and arrays may be inside each other.
const MaxDepth = 32

// SyntaxError says where a document is not what Parse accepts. It repeats
// nothing of the document, which may be a secret.
type SyntaxError struct {
	// Offset is the number of bytes before the defect.
	Offset int
	// Reason is what is wrong there.
	Reason string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("JSON is not accepted at byte %d: %s", e.Offset, e.Reason)
}

// Parse checks the whole document and returns its value, which refers to doc:
// the caller keeps doc unchanged as long as it uses the Value. The error is a
// *SyntaxError.
func Parse(doc []byte) (Value, error) {
	s := scanner{doc: doc}
	s.space()
	start := s.pos
	if err := s.value(0); err != nil {
		return Value{}, err
	}
	end := s.pos
	s.space()
	if s.pos < len(doc) {
		return Value{}, s.fail("data after the document")
	}
	return Value{raw: doc[start:end]}, nil
}

// scanner is at doc[pos]. Each method reads one production of RFC 8259's
// grammar and leaves pos behind it.
type scanner struct {
	doc []byte
	pos int
}

func (s *scanner) fail(reason string) error {
	return &SyntaxError{Offset: s.pos, Reason: reason}
}

// peek is the byte at pos, 0 at the end. A NUL byte is valid nowhere in the
// grammar, so the two need not be told apart.
func (s *scanner) peek() byte {
	if s.pos < len(s.doc) {
		return s.doc[s.pos]
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

func (s *scanner) space() {
	for c := s.peek(); c == ' ' || c == '\t' || c == '\n' || c == '\r'; c = s.peek() {
		s.pos++
	}
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '{':
		return s.object(depth + 1)
	case c == '[':
		return s.array(depth + 1)
	case c == '"':
		return s.str()
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	default:
		return s.fail("a value should begin here")
	}
}

func (s *scanner) literal(word string) error {
	if !bytes.HasPrefix(s.doc[s.pos:], []byte(word)) {
		return s.fail("a value should begin here")
	}
	s.pos += len(word)
	return nil
}

func (s *scanner) object(depth int) error {
	if depth > MaxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	s.space()
	if s.take('}') {
		return nil
	}
	names := map[string]bool{}
	for {
		if err := s.member(names, depth); err != nil {
			return err
		}
		if s.take('}') {
			return nil
		}
		if !s.take(',') {
			return s.fail("a comma or a closing brace should be here")
		}
		s.space()
	}
}

func (s *scanner) member(names map[string]bool, depth int) error {
	start := s.pos
	if s.peek() != '"' {
		return s.fail("a member name in double quotes should be here")
	}
	if err := s.str(); err != nil {
		return err
	}
	name := Value{raw: s.doc[start:s.pos]}.Text()
	if names[name] {
		s.pos = start
		return s.fail("the object has this member name twice")
	}
	names[name] = true
	s.space()
	if !s.take(':') {
		return s.fail("a colon should be here")
	}
	s.space()
	if err := s.value(depth); err != nil {
		return err
	}
	s.space()
	return nil
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return s.fail("nested too deeply")
	}
	s.pos++
	s.space()
	if s.take(']') {
		return nil
	}
	for {
		if err := s.value(depth); err != nil {
			return err
		}
		s.space()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.fail("a comma or a closing bracket should be here")
		}
		s.space()
	}
}

func (s *scanner) number() error {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return s.fail("a digit should be here")
	}
	if s.take('.') && !s.digits() {
		return s.fail("a digit should be here")
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		if !s.digits() {
			return s.fail("a digit should be here")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for isDigit(s.peek()) {
		s.pos++
	}
	return s.pos > start
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (s *scanner) str() error {
	s.pos++
	for s.pos < len(s.doc) {
		switch c := s.doc[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return s.fail("a control character is in a string; escape it")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.doc[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return s.fail("not valid UTF-8")
			}
			s.pos += size
		}
	}
	return s.fail("a string has no closing quote")
}

func (s *scanner) escape() error {
	_, size := unescape(s.doc[s.pos:])
	if size == 0 {
		return s.fail("not a valid escape sequence")
	}
	s.pos += size
	return nil
}
