// Package pin reads and compares SHA-256 fingerprints in the form sha256:HEX.
package pin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"
)

const prefix = "sha256:"

// Pin is a SHA-256 fingerprint.
type Pin [sha256.Size]byte

// Parse reads "sha256:" and 64 hexadecimal digits of either case.
func Parse(text string) (Pin, error) {
	digits, found := strings.CutPrefix(text, prefix)
	sum, err := hex.DecodeString(digits)
	if !found || err != nil || len(sum) != sha256.Size {
		return Pin{}, errors.New("is not sha256: and 64 hexadecimal digits")
	}
	return Pin(sum), nil
}

// Matches says whether it is the fingerprint of data, in constant time.
func (p Pin) Matches(data []byte) bool {
	sum := sha256.Sum256(data)
	return subtle.ConstantTimeCompare(p[:], sum[:]) == 1
}
