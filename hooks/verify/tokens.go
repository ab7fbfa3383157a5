package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// The sizes of a token or password, in bytes.
const (
	minTokenLen = 16
	maxTokenLen = 4096
)

// token is the SHA-256 of a credential that is sent as it is. Digests are
// compared, so that the time does not tell a credential's length, and so that
// it is not kept.
type token struct {
	digest [sha256.Size]byte
	Window
}

type tokens []token

// newTokens digests credentials that check lets pass; prefix goes before each.
func newTokens(keys []Key, what, settings, prefix string, check func([]byte) error) (tokens, error) {
	var out tokens
	err := eachKey(keys, what, settings, func(credential []byte, window Window) error {
		if len(credential) < minTokenLen || len(credential) > maxTokenLen {
			return fmt.Errorf("has %d characters, %d to %d are allowed", len(credential), minTokenLen, maxTokenLen)
		}
		if err := check(credential); err != nil {
			return err
		}
		h := sha256.New()
		h.Write([]byte(prefix))
		h.Write(credential)
		out = append(out, token{digest: [sha256.Size]byte(h.Sum(nil)), Window: window})
		return nil
	})
	return out, err
}

// accept checks that a credential is one of those that count at the time. It
// tries them all.
func (t tokens) accept(credential []byte, at time.Time, what string) error {
	got := sha256.Sum256(credential)
	matched, counting := 0, 0
	for _, want := range t {
		if want.holds(at) {
			counting++
			matched |= subtle.ConstantTimeCompare(want.digest[:], got[:])
		}
	}
	if counting == 0 {
		return errNoneNow
	}
	if matched != 1 {
		return fmt.Errorf("%w: the %s is not accepted: check the %s", hooks.ErrUnauthenticated, what, what)
	}
	return nil
}
