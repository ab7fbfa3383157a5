package jsonscan

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Pointer is a JSON Pointer's reference tokens, unescaped (RFC 6901). The
// empty Pointer points to the whole document. The token "-" of an array points
// to no element.
type Pointer []string

// ParsePointer reads a pointer in its string form, such as /data/password or
// /items/0/a~1b.
func ParsePointer(text string) (Pointer, error) {
	if text == "" {
		return Pointer{}, nil
	}
	if text[0] != '/' {
		return nil, fmt.Errorf("JSON Pointer %q does not begin with a slash", text)
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("JSON Pointer is not valid UTF-8")
	}
	tokens := strings.Split(text[1:], "/")
	for i, token := range tokens {
		if !validTildes(token) {
			return nil, fmt.Errorf("JSON Pointer %q has a ~ that is neither ~0 (for ~) nor ~1 (for /)", text)
		}
		tokens[i] = unescaper.Replace(token)
	}
	return tokens, nil
}

// unescaper replaces in one pass, so that ~01 is ~1 and not a slash
// (RFC 6901, section 4).
var unescaper = strings.NewReplacer("~1", "/", "~0", "~")

func validTildes(token string) bool {
	for i := 0; i < len(token); i++ {
		if token[i] == '~' && (i+1 == len(token) || token[i+1] != '0' && token[i+1] != '1') {
			return false
		}
	}
	return true
}
