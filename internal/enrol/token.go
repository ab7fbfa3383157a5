package enrol

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// invitationLabel separates the key of invitations from the other uses of the
// installation's secret (HKDF info, RFC 5869, section 3.2).
const invitationLabel = "sealrelay invitation digest v1"

// tokenBytes are the random bytes of an invitation.
const tokenBytes = 32

// NewToken makes an invitation for the agent. It begins with the agent's name,
// so that the agent need not be told.
func NewToken(agent string) string {
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // never fails
	return agent + ":" + base64.RawURLEncoding.EncodeToString(random)
}

// TokenAgent is whom the invitation is for.
func TokenAgent(token string) (string, error) {
	agent, random, found := strings.Cut(token, ":")
	if bytes, err := base64.RawURLEncoding.Strict().DecodeString(random); !found || agent == "" || err != nil || len(bytes) != tokenBytes {
		return "", fmt.Errorf("%w: that is no invitation; `sealrelay agents invite` prints one", ErrMalformed)
	}
	return agent, nil
}

// Digests makes the digests by which invitations are known again. They are
// keyed: whoever reads the database finds nothing to check a guess with.
type Digests struct{ key []byte }

// NewDigests derives the key from the installation's secret.
func NewDigests(secret []byte) (Digests, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, invitationLabel, sha256.Size)
	return Digests{key}, err
}

// Of is HMAC-SHA256 of the invitation.
func (d Digests) Of(token string) []byte {
	mac := hmac.New(sha256.New, d.key)
	_, _ = mac.Write([]byte(token)) // never fails
	return mac.Sum(nil)
}
