package verify

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

// signatures are those of a webhook-signature header, decoded.
type signatures struct {
	v1, v1a [][]byte
}

// parseSignatures reads the space separated list. The specification has a
// receiver skip schemes it does not know; what is no well-formed signature of a
// known scheme is skipped in the same way, for it can match nothing.
func parseSignatures(name, header string) (signatures, error) {
	var s signatures
	entries := strings.Split(header, " ")
	for _, entry := range entries {
		if encoded, found := strings.CutPrefix(entry, schemeV1); found {
			if mac, err := decodeFixed(encoded, sha256.Size); err == nil {
				s.v1 = append(s.v1, mac)
			}
		}
		if encoded, found := strings.CutPrefix(entry, schemeV1a); found {
			if signature, err := decodeFixed(encoded, ed25519.SignatureSize); err == nil {
				s.v1a = append(s.v1a, signature)
			}
		}
	}
	if len(entries) > maxSignatures || len(s.v1a) > maxV1aSignatures {
		return signatures{}, fmt.Errorf("%w: too many signatures in %s: at most %d, of them %d v1a, are read", hooks.ErrUnauthenticated, name, maxSignatures, maxV1aSignatures)
	}
	return s, nil
}

// match says whether any signature is any key's of those that count. It tries
// every key with every signature and never stops early, so the time tells
// nothing of which matched.
func (v *standardWebhooks) match(s signatures, r *hooks.Request, id, timestamp string) error {
	matched, counting := false, 0
	for _, secret := range v.secrets {
		if !secret.holds(r.Received) {
			continue
		}
		counting++
		mac, err := secret.mac(id, timestamp, r.Body)
		for _, signature := range s.v1 {
			equal := hmac.Equal(mac, signature)
			matched = matched || equal && err == nil
		}
	}
	var message []byte
	if len(s.v1a) > 0 {
		message = signed(id, timestamp, r.Body)
		defer clear(message)
	}
	for _, public := range v.publicKeys {
		if !public.holds(r.Received) {
			continue
		}
		counting++
		for _, signature := range s.v1a {
			valid := ed25519.Verify(public.key, message, signature)
			matched = matched || valid
		}
	}
	switch {
	case counting == 0:
		return errNoneNow
	case !matched:
		return errNoMatch
	}
	return nil
}
