package deliver

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Line is text of any origin as one line of printable characters, of at most
// limit bytes, so that it can stand in a reason. What is not printable becomes a
// space.
func Line(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
	if len(text) <= limit {
		return text
	}
	for !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}
