package hooks

import (
	"fmt"
	"strings"
)

// MaxNameLen is the longest secret name, in bytes.
const MaxNameLen = 255

// CheckName says whether name can be a secret's name: segments separated by
// single slashes; in a segment the ASCII letters, digits and -._@+=,~ and,
// inside, the space; no segment begins or ends with a dot. So a name is also
// a relative path that stays where it is put, on every system. The error does
// not repeat the name: a misconfigured sender may have put a value there.
func CheckName(name string) error {
	if name == "" {
		return fmt.Errorf("%w: secret name is empty", ErrMalformed)
	}
	if len(name) > MaxNameLen {
		return fmt.Errorf("%w: secret name has %d bytes, at most %d are allowed", ErrMalformed, len(name), MaxNameLen)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if err := checkSegment(segment); err != nil {
			return err
		}
	}
	return nil
}

func checkSegment(segment string) error {
	if segment == "" {
		return fmt.Errorf("%w: secret name has an empty segment; write it as a/b/c", ErrMalformed)
	}
	for i := range len(segment) {
		if !nameByte(segment[i]) {
			return fmt.Errorf("%w: secret name has a character that is not allowed at byte %d of a segment; allowed are letters, digits, space and -._@+=,~", ErrMalformed, i+1)
		}
	}
	if strings.Trim(segment, ". ") != segment {
		return fmt.Errorf("%w: a segment of a secret name begins or ends with a dot or a space", ErrMalformed)
	}
	return nil
}

func nameByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._@+=,~ ", c) >= 0
}
