package verify

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// Bounds of a signed request.
const (
	defaultTolerance = 5 * time.Minute
	maxTolerance     = time.Hour
	maxIDLen         = 256
	maxTimestampLen  = 12
	// maxSignatures bounds the header; a sender that rotates keys sends two.
	maxSignatures = 16
	// maxV1aSignatures bounds the costly ones, since each is tried with each
	// key and reads the whole body.
	maxV1aSignatures = 4
)

// StandardWebhooks has the settings of the scheme "standard-webhooks": requests
// signed as the Standard Webhooks 1.0.0 specification says. At least one secret
// or public key is needed. A request is accepted when any one of its signatures
// matches any one of the keys, so keys are rotated by configuring both the old
// and the new one for a while.
type StandardWebhooks struct {
	// Secrets are shared with the sender, for v1 signatures (HMAC-SHA256): at
	// most 8, each whsec_ and 24 to 64 bytes in base64.
	Secrets []*hooks.Value `yaml:"secrets"`
	// PublicKeys are the sender's, for v1a signatures (Ed25519): at most 8, each
	// whpk_ and 32 bytes in base64.
	PublicKeys []string `yaml:"public_keys"`
	// Tolerance is how far webhook-timestamp may be from this machine's clock,
	// before or after, in whole seconds: 1s to 1h, 5m if it is not set.
	Tolerance time.Duration `yaml:"tolerance"`
}

// standardWebhooksFile is what a configuration file has for the scheme.
type standardWebhooksFile struct {
	StandardWebhooks `yaml:",inline"`
	// SecretFiles are files that hold one secret each, beside Secrets.
	SecretFiles []string `yaml:"secret_files"`
}

func configuredStandardWebhooks(s hooks.Settings) (hooks.Verifier, error) {
	var file standardWebhooksFile
	if err := s.Decode(&file); err != nil {
		return nil, err
	}
	values, err := readFiles(s, file.SecretFiles)
	if err != nil {
		return nil, err
	}
	defer wipe(values)
	file.Secrets = append(file.Secrets, values...)
	return NewStandardWebhooks(file.StandardWebhooks)
}

// NewStandardWebhooks returns a verifier of requests signed as the Standard
// Webhooks 1.0.0 specification says. What it learns of a request is the event
// ID, which is the webhook-id, and when it was signed. It keeps copies of the
// keys; the settings' Values stay the caller's.
func NewStandardWebhooks(settings StandardWebhooks) (hooks.Verifier, error) {
	v := &standardWebhooks{tolerance: settings.Tolerance}
	if v.tolerance == 0 {
		v.tolerance = defaultTolerance
	}
	if v.tolerance < time.Second || v.tolerance > maxTolerance || v.tolerance%time.Second != 0 {
		return nil, fmt.Errorf("tolerance is %v; whole seconds from 1s to %v are allowed", v.tolerance, maxTolerance)
	}
	if len(settings.Secrets)+len(settings.PublicKeys) == 0 {
		return nil, errors.New("no key: set secrets, secret_files or public_keys")
	}
	if len(settings.Secrets) > maxKeys || len(settings.PublicKeys) > maxKeys {
		return nil, fmt.Errorf("more than %d secrets or public keys are active at once; remove the oldest", maxKeys)
	}
	for i, text := range settings.Secrets {
		secret, err := ParseSecret(text)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		v.secrets = append(v.secrets, secret)
	}
	for i, text := range settings.PublicKeys {
		key, err := parsePublicKey(text)
		if err != nil {
			return nil, fmt.Errorf("public key %d: %w", i+1, err)
		}
		v.publicKeys = append(v.publicKeys, key)
	}
	return v, nil
}

type standardWebhooks struct {
	secrets    []*Secret
	publicKeys []ed25519.PublicKey
	tolerance  time.Duration
}

// Verify implements hooks.Verifier. The timestamp is checked first, since that
// costs nothing; the caller learns its ID and time only once a signature over
// both has matched.
func (v *standardWebhooks) Verify(r *hooks.Request) (hooks.Verified, error) {
	id, err := single(r.Header, IDHeader)
	if err != nil {
		return hooks.Verified{}, err
	}
	sentAt, err := single(r.Header, TimestampHeader)
	if err != nil {
		return hooks.Verified{}, err
	}
	header, err := single(r.Header, SignatureHeader)
	if err != nil {
		return hooks.Verified{}, err
	}
	if !validID(id) {
		return hooks.Verified{}, fmt.Errorf("%w: %s is not 1 to %d printable ASCII characters without space and dot", hooks.ErrUnauthenticated, IDHeader, maxIDLen)
	}
	at, err := parseTimestamp(sentAt)
	if err != nil {
		return hooks.Verified{}, err
	}
	if err := v.checkFresh(r.Received, at); err != nil {
		return hooks.Verified{}, err
	}
	signatures, err := parseSignatures(header)
	if err != nil {
		return hooks.Verified{}, err
	}
	if !v.match(signatures, id, sentAt, r.Body) {
		return hooks.Verified{}, fmt.Errorf("%w: no signature matches: check the secret", hooks.ErrUnauthenticated)
	}
	return hooks.Verified{EventID: id, SignedAt: at}, nil
}

// validID keeps the dot out, which separates the signed parts, and whatever a
// log or a header could not hold.
func validID(id string) bool {
	if id == "" || len(id) > maxIDLen {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) < 0
}

// parseTimestamp reads decimal seconds since 1970 in their one canonical form.
func parseTimestamp(text string) (time.Time, error) {
	seconds, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > maxTimestampLen || len(text) > 1 && text[0] == '0' {
		return time.Time{}, fmt.Errorf("%w: %s is not decimal seconds since 1970", hooks.ErrUnauthenticated, TimestampHeader)
	}
	return time.Unix(int64(seconds), 0), nil
}

// checkFresh compares whole seconds, as the sender counts them, and accepts a
// timestamp that is exactly at the edge.
func (v *standardWebhooks) checkFresh(received, at time.Time) error {
	off := received.Unix() - at.Unix()
	if limit := int64(v.tolerance / time.Second); off < -limit || off > limit {
		return fmt.Errorf("%w: timestamp outside ±%s: check the sender's clock", hooks.ErrUnauthenticated, shortDuration(v.tolerance))
	}
	return nil
}

// shortDuration writes 5m0s as 5m.
func shortDuration(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + "m"
	}
	return d.String()
}

// signatures are those of a webhook-signature header, decoded.
type signatures struct {
	v1, v1a [][]byte
}

// parseSignatures reads the space separated list. The specification has a
// receiver skip schemes it does not know; what is no well-formed signature of a
// known scheme is skipped in the same way, for it can match nothing.
func parseSignatures(header string) (signatures, error) {
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
		return signatures{}, fmt.Errorf("%w: too many signatures in %s: at most %d, of them %d v1a, are read", hooks.ErrUnauthenticated, SignatureHeader, maxSignatures, maxV1aSignatures)
	}
	return s, nil
}

// match says whether any signature is any key's. It tries every key with every
// signature and never stops early, so the time tells nothing of which matched.
func (v *standardWebhooks) match(s signatures, id, timestamp string, body []byte) bool {
	matched := false
	for _, secret := range v.secrets {
		mac, err := secret.mac(id, timestamp, body)
		for _, signature := range s.v1 {
			equal := hmac.Equal(mac, signature)
			matched = matched || equal && err == nil
		}
	}
	if len(s.v1a) == 0 {
		return matched
	}
	message := signed(id, timestamp, body)
	defer clear(message)
	for _, key := range v.publicKeys {
		for _, signature := range s.v1a {
			valid := ed25519.Verify(key, message, signature)
			matched = matched || valid
		}
	}
	return matched
}
