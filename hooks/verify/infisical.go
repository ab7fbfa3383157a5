package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

const infisicalHeader = "X-Infisical-Signature"

// NewInfisical returns a verifier of requests that are signed as Infisical signs
// its webhooks: "x-infisical-signature: t=MILLISECONDS;HEX", the HMAC-SHA256 of
// the body alone (Infisical, backend/src/services/webhook/webhook-fns.ts). The t
// of the header is not signed, but the member "timestamp" of the body is, and is
// the same: that is checked, after the signature, and then counts. tolerance is
// how far it may be from this machine's clock, before or after, in whole seconds:
// 1s to 1h, 5m for 0.
func NewInfisical(keys []Key, tolerance time.Duration) (hooks.Verifier, error) {
	tolerance, err := checkTolerance(tolerance)
	if err != nil {
		return nil, err
	}
	secrets, err := newMACKeys(keys)
	if err != nil {
		return nil, err
	}
	return &infisical{keys: secrets, tolerance: tolerance}, nil
}

type infisical struct {
	keys      macKeys
	tolerance time.Duration
}

// Verify implements hooks.Verifier.
func (v *infisical) Verify(r *hooks.Request) (hooks.Verified, error) {
	header, err := single(r.Header, infisicalHeader)
	if err != nil {
		return hooks.Verified{}, err
	}
	sentAt, claim, err := parseInfisical(header)
	if err != nil {
		return hooks.Verified{}, err
	}
	identity, err := v.keys.match(sha256.New, r.Received, [][]byte{r.Body}, [][]byte{claim})
	if err != nil {
		return hooks.Verified{}, err
	}
	at, err := readTime(timeFormats["ms"], "t of header "+infisicalHeader, sentAt)
	if err != nil {
		return hooks.Verified{}, err
	}
	if err := bodyHasTime(r.Body, sentAt); err != nil {
		return hooks.Verified{}, err
	}
	if err := checkFresh(r.Received, at, v.tolerance); err != nil {
		return hooks.Verified{}, err
	}
	return hooks.Verified{Signed: true, SignedAt: at, Signature: identity}, nil
}

// parseInfisical reads t=MILLISECONDS;HEX.
func parseInfisical(header string) (sentAt string, claim []byte, err error) {
	t, digits, found := strings.Cut(header, ";")
	sentAt, isTime := strings.CutPrefix(t, "t=")
	claim, err = hex.DecodeString(digits)
	if !found || !isTime || err != nil {
		return "", nil, fmt.Errorf("%w: header %s is not t=MILLISECONDS;HEX", hooks.ErrUnauthenticated, infisicalHeader)
	}
	return sentAt, claim, nil
}

// bodyHasTime checks that the signed body says the time that its header says.
func bodyHasTime(body []byte, sentAt string) error {
	root, err := jsonscan.Parse(body)
	if err != nil {
		return fmt.Errorf("%w: the signed body is not JSON, so that its time cannot be checked", hooks.ErrUnauthenticated)
	}
	timestamp := root.At(jsonscan.Pointer{"timestamp"})
	if subtle.ConstantTimeCompare(timestamp.Raw(), []byte(sentAt)) != 1 {
		return fmt.Errorf("%w: t of header %s is not the signed body's timestamp", hooks.ErrUnauthenticated, infisicalHeader)
	}
	return nil
}
