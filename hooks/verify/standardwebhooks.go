package verify

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// Bounds of a signed request.
const (
	maxIDLen = 256
	// maxSignatures bounds the header; a sender that rotates keys sends two.
	maxSignatures = 16
	// maxV1aSignatures bounds the costly ones, since each is tried with each
	// key and reads the whole body.
	maxV1aSignatures = 4
)

// StandardWebhooks has the settings of the scheme "standard-webhooks": requests
// signed as the Standard Webhooks 1.0.0 specification says, with its headers or
// with those of Svix, which has the same signatures under names of its own. At
// least one secret or public key is needed. A request is accepted when any one
// of its signatures matches any one of the keys, so keys are rotated by
// configuring both the old and the new one for a while.
type StandardWebhooks struct {
	// Secrets are shared with the sender, for v1 signatures (HMAC-SHA256), each
	// whsec_ and 24 to 64 bytes in base64.
	Secrets []*hooks.Value
	// PublicKeys are the sender's, for v1a signatures (Ed25519), each whpk_ and
	// 32 bytes in base64.
	PublicKeys []string
	// Keys are more of both, each with the time in which it counts. There are at
	// most 8 of all.
	Keys []Key
	// Tolerance is how far the timestamp may be from this machine's clock,
	// before or after, in whole seconds: 1s to 1h, 5m if it is not set.
	Tolerance time.Duration
}

// standardWebhooksConfig is what a configuration has for the scheme.
type standardWebhooksConfig struct {
	secretsConfig `yaml:",inline"`
	// PublicKeys are the sender's, for v1a signatures (Ed25519), each whpk_ and
	// 32 bytes in base64. Keys may have such ones as well.
	PublicKeys []string `yaml:"public_keys"`
	// Tolerance is how far the timestamp may be from this machine's clock,
	// before or after, in whole seconds: 1s to 1h, 5m if it is not set.
	Tolerance time.Duration `yaml:"tolerance"`
}

func configuredStandardWebhooks(s hooks.Settings) (hooks.Verifier, error) {
	var config standardWebhooksConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return config.use(s, func(keys []Key) (hooks.Verifier, error) {
		return NewStandardWebhooks(StandardWebhooks{Keys: keys, PublicKeys: config.PublicKeys, Tolerance: config.Tolerance})
	})
}

// NewStandardWebhooks returns a verifier of requests signed as the Standard
// Webhooks 1.0.0 specification says. What it learns of a request is the event
// ID, which is the webhook-id, and when it was signed. It keeps copies of the
// keys; the settings' Values stay the caller's.
func NewStandardWebhooks(settings StandardWebhooks) (hooks.Verifier, error) {
	v := &standardWebhooks{}
	var err error
	if v.tolerance, err = checkTolerance(settings.Tolerance); err != nil {
		return nil, err
	}
	for i, text := range settings.PublicKeys {
		if err := v.addPublicKey(text, Window{}); err != nil {
			return nil, fmt.Errorf("public key %d: %w", i+1, err)
		}
	}
	keys := append(always(settings.Secrets), settings.Keys...)
	if len(keys) > 0 || len(v.publicKeys) == 0 {
		if err := eachKey(keys, "secret", "secrets, secret_files, keys or public_keys", v.addKey); err != nil {
			return nil, err
		}
	}
	if len(v.publicKeys)+len(v.secrets) > maxKeys {
		return nil, fmt.Errorf("more than %d secrets and public keys are configured; remove the oldest", maxKeys)
	}
	return v, nil
}

type standardWebhooks struct {
	secrets    []windowedSecret
	publicKeys []windowedPublicKey
	tolerance  time.Duration
}

type windowedSecret struct {
	*Secret
	Window
}

type windowedPublicKey struct {
	key ed25519.PublicKey
	Window
}

// addKey adds a secret, or a public key, which begins with other letters.
func (v *standardWebhooks) addKey(text []byte, window Window) error {
	if _, public := bytes.CutPrefix(text, []byte(publicKeyPrefix)); public {
		return v.addPublicKey(string(text), window)
	}
	secret, err := parseSecret(text)
	v.secrets = append(v.secrets, windowedSecret{secret, window})
	return err
}

func (v *standardWebhooks) addPublicKey(text string, window Window) error {
	key, err := parsePublicKey(text)
	v.publicKeys = append(v.publicKeys, windowedPublicKey{key, window})
	return err
}

// family has the names of the three headers of a signed request.
type family struct{ id, timestamp, signature string }

// families are Standard Webhooks' own names and Svix's.
var families = [...]family{
	{IDHeader, TimestampHeader, SignatureHeader},
	{"svix-id", "svix-timestamp", "svix-signature"},
}

// familyOf finds the family of a request. A request with headers of both is refused:
// its sender could not say which it has signed.
func familyOf(h http.Header) (family, error) {
	found := families[0]
	present := 0
	for _, f := range families {
		if len(h.Values(f.id))+len(h.Values(f.timestamp))+len(h.Values(f.signature)) > 0 {
			found = f
			present++
		}
	}
	if present > 1 {
		return family{}, fmt.Errorf("%w: the headers of Standard Webhooks and those of Svix are both there; send one family", hooks.ErrUnauthenticated)
	}
	return found, nil
}

// Verify implements hooks.Verifier. The timestamp is checked first, since that
// costs nothing; the caller learns its ID and time only once a signature over
// both has matched.
func (v *standardWebhooks) Verify(r *hooks.Request) (hooks.Verified, error) {
	f, err := familyOf(r.Header)
	if err != nil {
		return hooks.Verified{}, err
	}
	id, err := single(r.Header, f.id)
	if err != nil {
		return hooks.Verified{}, err
	}
	sentAt, err := single(r.Header, f.timestamp)
	if err != nil {
		return hooks.Verified{}, err
	}
	header, err := single(r.Header, f.signature)
	if err != nil {
		return hooks.Verified{}, err
	}
	if !validID(id) {
		return hooks.Verified{}, fmt.Errorf("%w: %s is not 1 to %d printable ASCII characters without space and dot", hooks.ErrUnauthenticated, f.id, maxIDLen)
	}
	at, err := readTime(timeFormats["s"], f.timestamp, sentAt)
	if err != nil {
		return hooks.Verified{}, err
	}
	if err := checkFresh(r.Received, at, v.tolerance); err != nil {
		return hooks.Verified{}, err
	}
	signatures, err := parseSignatures(f.signature, header)
	if err != nil {
		return hooks.Verified{}, err
	}
	if err := v.match(signatures, r, id, sentAt); err != nil {
		return hooks.Verified{}, err
	}
	return hooks.Verified{EventID: id, SignedAt: at, Signed: true}, nil
}

// validID keeps the dot out, which separates the signed parts, and whatever a
// log or a header could not hold.
func validID(id string) bool {
	if id == "" || len(id) > maxIDLen {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool { return r <= ' ' || r > '~' || r == '.' }) < 0
}
