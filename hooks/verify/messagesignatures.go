package verify

import (
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// MessageSignatures has the settings of the scheme "http-message-signatures":
// requests with one signature as RFC 9421 says, over at least the method, the
// whole URL and, where there is a body, its Content-Digest (RFC 9530).
type MessageSignatures struct {
	// Keys are the senders', 1 to 8, each with another ID.
	Keys []SignatureKey
	// Tolerance is how far the parameter created may be from this machine's clock,
	// before or after, in whole seconds: 1s to 1h, 5m if it is not set.
	Tolerance time.Duration
}

// SignatureKey is a key that a sender signs with. Its Value is the public key, in
// PEM, or for hmac-sha256 the shared secret, of 8 to 1024 bytes, as it is.
type SignatureKey struct {
	// ID is the parameter keyid of the signatures that it makes.
	ID string `yaml:"id"`
	// Algorithm is the one that the key is for: ed25519, ecdsa-p256-sha256,
	// ecdsa-p384-sha384, rsa-pss-sha512 or hmac-sha256.
	Algorithm string `yaml:"algorithm"`
	Key       `yaml:",inline"`
}

// messageSignaturesConfig has the settings of the scheme
// "http-message-signatures": requests with one signature as RFC 9421 says, over
// at least the method, the whole URL and, where there is a body, its
// Content-Digest (RFC 9530).
type messageSignaturesConfig struct {
	// Keys are the senders', 1 to 8, each with another ID.
	Keys []signatureKeyConfig `yaml:"keys"`
	// Tolerance is how far the parameter created may be from this machine's clock,
	// before or after, in whole seconds: 1s to 1h, 5m if it is not set.
	Tolerance time.Duration `yaml:"tolerance"`
}

// signatureKeyConfig is a key that a sender signs with, and the time in which it
// counts. It is the public key, in PEM, or for hmac-sha256 the shared secret, of
// 8 to 1024 bytes, as it is.
type signatureKeyConfig struct {
	SignatureKey `yaml:",inline"`
	// File has the same, in place of Value.
	File string `yaml:"file"`
}

func configuredMessageSignatures(s hooks.Settings) (hooks.Verifier, error) {
	var config messageSignaturesConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	windowed := make([]keyConfig, len(config.Keys))
	for i, key := range config.Keys {
		windowed[i] = keyConfig{Key: key.Key, File: key.File}
	}
	return useKeys(s, nil, nil, windowed, func(keys []Key) (hooks.Verifier, error) {
		settings := MessageSignatures{Tolerance: config.Tolerance}
		for i, key := range keys {
			settings.Keys = append(settings.Keys, SignatureKey{ID: config.Keys[i].ID, Algorithm: config.Keys[i].Algorithm, Key: key})
		}
		return NewMessageSignatures(settings)
	})
}

// NewMessageSignatures returns a verifier of HTTP Message Signatures (RFC 9421).
// What it learns of a request is when it was signed, and the signature. It keeps
// copies of the keys; the settings' Values stay the caller's.
func NewMessageSignatures(settings MessageSignatures) (hooks.Verifier, error) {
	v := &messageSignatures{keys: map[string]signatureKey{}}
	var err error
	if v.tolerance, err = checkTolerance(settings.Tolerance); err != nil {
		return nil, err
	}
	var keys []Key
	for _, key := range settings.Keys {
		keys = append(keys, key.Key)
	}
	next := 0
	err = eachKey(keys, "key", "keys", func(value []byte, window Window) error {
		from := settings.Keys[next]
		next++
		return v.add(from.ID, from.Algorithm, value, window)
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

type messageSignatures struct {
	keys      map[string]signatureKey
	tolerance time.Duration
}

type signatureKey struct {
	algorithm string
	verify    verifyFunc
	Window
}

func (v *messageSignatures) add(id, algorithm string, value []byte, window Window) error {
	if id == "" {
		return errors.New("has no id")
	}
	if _, taken := v.keys[id]; taken {
		return errors.New("has the id of another key")
	}
	verify, err := newVerifyFunc(algorithm, value)
	if err != nil {
		return err
	}
	v.keys[id] = signatureKey{algorithm: algorithm, verify: verify, Window: window}
	return nil
}

// Verify implements hooks.Verifier. The body's digest is looked at last, once
// the header that has it is known to be the sender's.
func (v *messageSignatures) Verify(r *hooks.Request) (hooks.Verified, error) {
	s, err := parseSignature(r.Header)
	if err != nil {
		return hooks.Verified{}, err
	}
	if err := s.checkCovers(r); err != nil {
		return hooks.Verified{}, err
	}
	if err := s.checkTimes(r.Received, v.tolerance); err != nil {
		return hooks.Verified{}, err
	}
	key, err := v.key(s, r.Received)
	if err != nil {
		return hooks.Verified{}, err
	}
	base, err := s.base(r)
	if err != nil {
		return hooks.Verified{}, err
	}
	identity, ok := key.verify(base, s.signature)
	if !ok {
		return hooks.Verified{}, errNoMatch
	}
	if s.covers(contentDigest) {
		if err := checkContentDigest(r.Header, content(r)); err != nil {
			return hooks.Verified{}, err
		}
	}
	return hooks.Verified{Signed: true, SignedAt: s.created, Signature: base64.StdEncoding.EncodeToString(identity)}, nil
}

// key is the one that the signature names, if it counts.
func (v *messageSignatures) key(s messageSignature, at time.Time) (signatureKey, error) {
	key, known := v.keys[s.keyID]
	if !known {
		return signatureKey{}, fmt.Errorf("%w: the signature's keyid is that of none of the source's keys", hooks.ErrUnauthenticated)
	}
	if !key.holds(at) {
		return signatureKey{}, errNoneNow
	}
	// The key decides what it is for, never the request (RFC 9421, section 3.2).
	if s.algorithm != "" && !sameBytes([]byte(s.algorithm), []byte(key.algorithm)) {
		return signatureKey{}, fmt.Errorf("%w: the signature's alg is not the algorithm of its key", hooks.ErrUnauthenticated)
	}
	return key, nil
}

// content is the body that was sent. In a request without one, Body is what
// stands in for it.
func content(r *hooks.Request) []byte {
	if bodyless(r) {
		return nil
	}
	return r.Body
}

// bodyless says that a request has no body. A POST always has one, if an empty
// one.
func bodyless(r *hooks.Request) bool {
	return r.Method != http.MethodPost && (len(r.Body) == 0 || sameBytes(r.Body, hooks.RequestLine(r.Method, r.URL)))
}

// sameBytes compares in constant time.
func sameBytes(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }
