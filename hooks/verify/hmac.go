package verify

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// HMAC has the settings of the scheme "hmac": requests with an HMAC (RFC 2104)
// in a header, as most products sign. Which parts of the request are signed, and
// so cannot be changed or sent again, is the sender's choice; at least the body
// is.
type HMAC struct {
	// Keys are the secrets, 1 to 8, of 8 to 1024 bytes.
	Keys []Key `yaml:"-"`
	// Algorithm is that of the hash: sha256, sha384 or sha512. sha256 if it is
	// not set. SHA-1 is not among them: no sender that is kept up signs with it.
	Algorithm string `yaml:"algorithm"`
	// Header has the signature.
	Header string `yaml:"header"`
	// Encoding is that of the signature: hex, base64 (padded) or base64url
	// (padded or not). hex if it is not set.
	Encoding string `yaml:"encoding"`
	// Prefix is what the header has before the signature, such as "sha256=".
	Prefix string `yaml:"prefix"`
	// Signed are the parts that are signed, one after the other: "body";
	// "timestamp", the header TimestampHeader; "method"; "path", that of the URL
	// as it was sent; "target", the path with the query; "header:NAME"; and
	// "text:TEXT", TEXT itself. "body" alone if there is nothing.
	Signed []string `yaml:"signed"`
	// TimestampHeader has the time of the signature.
	TimestampHeader string `yaml:"timestamp_header"`
	// TimestampFormat is how it is written: s or ms, decimal seconds or
	// milliseconds since 1970, or rfc3339. s if it is not set.
	TimestampFormat string `yaml:"timestamp_format"`
	// Tolerance is how far the time may be from this machine's clock, before or
	// after, in whole seconds: 1s to 1h, 5m if it is not set.
	Tolerance time.Duration `yaml:"tolerance"`
}

// hmacConfig is what a configuration has for the scheme.
type hmacConfig struct {
	HMAC          `yaml:",inline"`
	secretsConfig `yaml:",inline"`
}

func configuredHMAC(s hooks.Settings) (hooks.Verifier, error) {
	var config hmacConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return config.use(s, func(keys []Key) (hooks.Verifier, error) {
		config.HMAC.Keys = keys
		return NewHMAC(config.HMAC)
	})
}

var hashes = map[string]func() hash.Hash{"": sha256.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}

// decoders read a signature out of a header.
var decoders = map[string]func(string) ([]byte, error){
	"":       hex.DecodeString,
	"hex":    hex.DecodeString,
	"base64": decodeBase64,
	"base64url": func(text string) ([]byte, error) {
		return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(text, "="))
	},
}

func decodeBase64(text string) ([]byte, error) { return strictBase64.DecodeString(text) }

// NewHMAC returns a verifier of requests with an HMAC. What it learns of a
// request is when it was signed, if that is among the signed parts. It keeps
// copies of the keys; the settings' Values stay the caller's.
func NewHMAC(settings HMAC) (hooks.Verifier, error) {
	v := &hmacScheme{newHash: hashes[settings.Algorithm], decode: decoders[settings.Encoding], prefix: settings.Prefix}
	if v.newHash == nil {
		return nil, errors.New("algorithm is none of sha256, sha384 and sha512")
	}
	if v.decode == nil {
		return nil, errors.New("encoding is none of hex, base64 and base64url")
	}
	var err error
	if v.header, err = headerName(settings.Header); err != nil {
		return nil, fmt.Errorf("header %w", err)
	}
	if v.parts, err = parseParts(settings.Signed); err != nil {
		return nil, fmt.Errorf("signed: %w", err)
	}
	if v.timestamp, err = newTimestamp(settings, v.parts); err != nil {
		return nil, err
	}
	if v.keys, err = newMACKeys(settings.Keys); err != nil {
		return nil, err
	}
	return v, nil
}

type hmacScheme struct {
	newHash   func() hash.Hash
	header    string
	prefix    string
	decode    func(string) ([]byte, error)
	parts     []part
	timestamp *timestampHeader
	keys      macKeys
}

// Verify implements hooks.Verifier.
func (v *hmacScheme) Verify(r *hooks.Request) (hooks.Verified, error) {
	header, err := single(r.Header, v.header)
	if err != nil {
		return hooks.Verified{}, err
	}
	claim, err := v.claim(header)
	if err != nil {
		return hooks.Verified{}, err
	}
	verified := hooks.Verified{Signed: true}
	var sentAt string
	if v.timestamp != nil {
		if sentAt, verified.SignedAt, err = v.timestamp.read(r); err != nil {
			return hooks.Verified{}, err
		}
	}
	message, err := message(v.parts, r, sentAt)
	if err != nil {
		return hooks.Verified{}, err
	}
	identity, err := v.keys.match(v.newHash, r.Received, message, [][]byte{claim})
	if err != nil {
		return hooks.Verified{}, err
	}
	if v.timestamp != nil {
		verified.Signature = identity
	}
	return verified, nil
}

// claim is the signature in a header.
func (v *hmacScheme) claim(header string) ([]byte, error) {
	encoded, found := strings.CutPrefix(header, v.prefix)
	claim, err := v.decode(encoded)
	if !found || err != nil || strings.ContainsAny(encoded, "\r\n") {
		return nil, fmt.Errorf("%w: header %s is not %q and a signature in the source's encoding", hooks.ErrUnauthenticated, v.header, v.prefix)
	}
	return claim, nil
}
