package verify

import (
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"hash"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// The sizes of a shared secret, in bytes. Products let people choose them; what
// is shorter is guessed from one signed request.
const (
	minSharedLen = 8
	maxSharedLen = 1024
)

// macKey is a shared secret that authenticates messages.
type macKey struct {
	secret *secretbytes.Value
	Window
}

type macKeys []macKey

// newMACKeys copies secrets, whose bytes are the key as they are.
func newMACKeys(keys []Key) (macKeys, error) {
	var out macKeys
	err := eachKey(keys, "secret", "secrets, secret_files or keys", func(secret []byte, window Window) error {
		if len(secret) < minSharedLen || len(secret) > maxSharedLen {
			return errSharedLen(len(secret))
		}
		out = append(out, macKey{secret: secretbytes.Copy(secret), Window: window})
		return nil
	})
	return out, err
}

func errSharedLen(got int) error {
	return fmt.Errorf("has %d bytes, %d to %d are allowed", got, minSharedLen, maxSharedLen)
}

// sum is the HMAC (RFC 2104) of the parts of a message, one after the other.
func (k macKey) sum(newHash func() hash.Hash, parts [][]byte) ([]byte, error) {
	var sum []byte
	err := k.secret.Expose(func(secret []byte) error {
		h := hmac.New(newHash, secret)
		for _, part := range parts {
			h.Write(part)
		}
		sum = h.Sum(nil)
		return nil
	})
	return sum, err
}

// match checks that one of the claims is the MAC of a message by a key that
// counts at the time. It tries every key with every claim and never stops early,
// so the time tells nothing of which matched.
//
// It returns what identifies the message: its MAC by the first key, whichever
// matched. A sender that rotates secrets may sign with two; whoever leaves out
// one of its signatures must not make another message of it.
func (k macKeys) match(newHash func() hash.Hash, at time.Time, parts, claims [][]byte) (string, error) {
	var identity []byte
	matched := false
	for _, key := range k {
		if !key.holds(at) {
			continue
		}
		sum, err := key.sum(newHash, parts)
		if err != nil {
			return "", err
		}
		if identity == nil {
			identity = sum
		}
		for _, claim := range claims {
			equal := hmac.Equal(sum, claim)
			matched = matched || equal
		}
	}
	if identity == nil {
		return "", errNoneNow
	}
	if !matched {
		return "", errNoMatch
	}
	return hex.EncodeToString(identity), nil
}

var errNoMatch = fmt.Errorf("%w: no signature matches: check the secret", hooks.ErrUnauthenticated)
