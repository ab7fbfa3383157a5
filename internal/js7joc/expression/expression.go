// Package expression writes and reads the expressions of JS7 that are one string.
package expression

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrExpression says that a text cannot be written as a string of JS7's.
var ErrExpression = errors.New("text cannot be a string in a Job Resource: it has control characters or is not UTF-8")

// Quote writes a text as a JS7 expression, a string in double quotes: what would
// end it, begin an escape or be interpolated ($) is escaped, a newline is \n. Other
// control characters have no escape that is known, and are ErrExpression.
func Quote(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", ErrExpression
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\' || r == '$':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case unicode.IsControl(r):
			return "", ErrExpression
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String(), nil
}

// Unquote reads an expression that is one string, as Quote writes it, without control
// characters, or in single quotes, which take everything as it is. ok is false for every other expression,
// whose value only JS7 knows.
func Unquote(expression string) (text string, ok bool) {
	if len(expression) < 2 || !utf8.ValidString(expression) {
		return "", false
	}
	quote, body := expression[0], expression[1:len(expression)-1]
	if expression[len(expression)-1] != quote {
		return "", false
	}
	switch quote {
	case '\'':
		return body, !strings.ContainsAny(body, "'")
	case '"':
		return unescape(body)
	}
	return "", false
}

func unescape(body string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"' || c == '$' || c < ' ' || c == 0x7f:
			return "", false
		case c == '\\':
			i++
			if i == len(body) {
				return "", false
			}
			switch body[i] {
			case '"', '\\', '$':
				b.WriteByte(body[i])
			case 'n':
				b.WriteByte('\n')
			default:
				return "", false
			}
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}
