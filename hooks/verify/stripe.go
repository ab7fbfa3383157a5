package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

const stripeHeader = "Stripe-Signature"

// NewStripe returns a verifier of requests that are signed as Stripe signs its
// webhooks, and others like it: "Stripe-Signature: t=SECONDS,v1=HEX", with one or
// more v1, each an HMAC-SHA256 of t, a dot and the body (Stripe, "Verify webhook
// signatures manually"). Signatures of other versions are skipped. What it learns
// of a request is when it was signed. tolerance is how far that may be from this
// machine's clock, before or after, in whole seconds: 1s to 1h, 5m for 0.
func NewStripe(keys []Key, tolerance time.Duration) (hooks.Verifier, error) {
	tolerance, err := checkTolerance(tolerance)
	if err != nil {
		return nil, err
	}
	secrets, err := newMACKeys(keys)
	if err != nil {
		return nil, err
	}
	return &stripe{keys: secrets, tolerance: tolerance}, nil
}

type stripe struct {
	keys      macKeys
	tolerance time.Duration
}

// Verify implements hooks.Verifier.
func (v *stripe) Verify(r *hooks.Request) (hooks.Verified, error) {
	header, err := single(r.Header, stripeHeader)
	if err != nil {
		return hooks.Verified{}, err
	}
	sentAt, claims, err := parseStripe(header)
	if err != nil {
		return hooks.Verified{}, err
	}
	at, err := readTime(timeFormats["s"], "t of header "+stripeHeader, sentAt)
	if err != nil {
		return hooks.Verified{}, err
	}
	if err := checkFresh(r.Received, at, v.tolerance); err != nil {
		return hooks.Verified{}, err
	}
	identity, err := v.keys.match(sha256.New, r.Received, [][]byte{[]byte(sentAt + "."), r.Body}, claims)
	if err != nil {
		return hooks.Verified{}, err
	}
	return hooks.Verified{Signed: true, SignedAt: at, Signature: identity}, nil
}

// parseStripe reads the elements of the header: one t, and the v1 that are
// well-formed, for others can match nothing.
func parseStripe(header string) (sentAt string, claims [][]byte, err error) {
	elements := strings.Split(header, ",")
	if len(elements) > maxSignatures {
		return "", nil, fmt.Errorf("%w: header %s has more than %d elements", hooks.ErrUnauthenticated, stripeHeader, maxSignatures)
	}
	times := 0
	for _, element := range elements {
		switch name, value, _ := strings.Cut(element, "="); name {
		case "t":
			sentAt = value
			times++
		case "v1":
			if mac, err := hex.DecodeString(value); err == nil && len(mac) == sha256.Size {
				claims = append(claims, mac)
			}
		}
	}
	if times != 1 {
		return "", nil, fmt.Errorf("%w: header %s does not have t exactly once", hooks.ErrUnauthenticated, stripeHeader)
	}
	return sentAt, claims, nil
}
