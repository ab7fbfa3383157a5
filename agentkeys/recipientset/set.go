// Package recipientset is the signed set of those who get a secret, with their
// keys: what the service hands to a source, so that the source seals by itself
// and the service never sees the value.
//
// A set is a JWS in compact serialization (RFC 7515, section 7.1) signed with
// Ed25519 (RFC 8037), of a type of its own. Header and payload have one encoding
// only, the one that Sign writes, and Verify refuses every other.
package recipientset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
)

// The classes in which a set fails.
var (
	// ErrSignature: it is not a recipient set, or not signed by a trusted key.
	ErrSignature = errors.New("recipient set is not validly signed")
	// ErrMismatch: it is validly signed, but for something else.
	ErrMismatch = errors.New("recipient set does not match")
	// ErrExpired: it is not in date.
	ErrExpired = errors.New("recipient set is not in date")
	// ErrKey: a key in it is not the one that it is called, or cannot be read.
	ErrKey = errors.New("key in the recipient set is not usable")
)

// MaxValidity is the longest time for which a set is signed.
const MaxValidity = 31 * 24 * time.Hour

// skew is how far the clock of the service may be ahead of the sender's.
const skew = 5 * time.Minute

// Set says who gets one secret of one source.
type Set struct {
	// Issuer names the service that signed.
	Issuer string
	// Source and Secret are what the set is for.
	Source, Secret string
	// IssuedAt and ExpiresAt bound its validity, in whole seconds.
	IssuedAt, ExpiresAt time.Time
	// Keys are to be sealed to, each once, sorted by format and ID.
	Keys []Key
	// Targets are who gets the envelopes, sorted by agent.
	Targets []Target
}

// Key is a public key and the format of the envelope for it.
type Key struct {
	Format string `json:"fmt"`
	ID     string `json:"kid"`
	// Public is the key, or its certificate, in text.
	Public string `json:"key"`
}

// Target is one place where an envelope goes.
type Target struct {
	Agent       string `json:"agent"`
	Destination string `json:"dest"`
	// Format and KeyID name the key, one of the set's Keys unless Blocked.
	Format string `json:"fmt"`
	KeyID  string `json:"kid"`
	// Blocked is why nothing may be sealed for it; empty if something is to be.
	Blocked string `json:"blocked,omitempty"`
}

// payload is Set as JSON; the order of its fields is the encoding's.
type payload struct {
	Issuer    string   `json:"iss"`
	Source    string   `json:"source"`
	Secret    string   `json:"secret"`
	IssuedAt  int64    `json:"iat"`
	ExpiresAt int64    `json:"exp"`
	Keys      []Key    `json:"keys"`
	Targets   []Target `json:"targets"`
}

func (s Set) encode() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	return json.Marshal(payload{ //nolint:gosec // Secret is the name of one, not its value.
		s.Issuer, s.Source, s.Secret, s.IssuedAt.Unix(), s.ExpiresAt.Unix(), s.Keys, s.Targets,
	})
}

func decode(data []byte) (Set, error) {
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return Set{}, errors.New("its payload is not the JSON of a recipient set")
	}
	set := Set{p.Issuer, p.Source, p.Secret, time.Unix(p.IssuedAt, 0).UTC(), time.Unix(p.ExpiresAt, 0).UTC(), p.Keys, p.Targets}
	// An unknown or repeated member, another order or spelling, or white space
	// does not survive the way back.
	encoded, err := set.encode()
	if err != nil {
		return Set{}, err
	}
	if string(encoded) != string(data) {
		return Set{}, errors.New("its payload is not in the one encoding of a recipient set")
	}
	return set, nil
}

// check refuses a set that no service of ours would sign.
func (s Set) check() error {
	switch {
	case s.Issuer == "" || s.Source == "" || s.Secret == "":
		return errors.New("a recipient set needs issuer, source and secret")
	case s.IssuedAt.Unix() <= 0 || s.ExpiresAt.Unix() <= s.IssuedAt.Unix():
		return errors.New("a recipient set needs the time of its issue, and a later one of its end")
	case s.ExpiresAt.Unix()-s.IssuedAt.Unix() > int64(MaxValidity/time.Second):
		return fmt.Errorf("a recipient set is good for %v at most", MaxValidity)
	case len(s.Targets) == 0:
		return errors.New("a recipient set has at least one recipient")
	}
	for i, key := range s.Keys {
		if key.Format == "" || key.ID == "" || key.Public == "" {
			return errors.New("a key of a recipient set needs format, ID and the key itself")
		}
		if i > 0 && compareKeys(s.Keys[i-1], key) >= 0 {
			return errors.New("the keys of a recipient set are not in order")
		}
	}
	return s.checkTargets()
}

// checkTargets holds the keys to those that targets need.
func (s Set) checkTargets() error {
	wanted := map[[2]string]bool{}
	for _, target := range s.Targets {
		if target.Agent == "" || target.Destination == "" || target.Format == "" || target.KeyID == "" {
			return errors.New("a recipient needs agent, destination, format and key ID")
		}
		if target.Blocked == "" {
			wanted[[2]string{target.Format, target.KeyID}] = true
		}
	}
	for _, key := range s.Keys {
		if !wanted[[2]string{key.Format, key.ID}] {
			return errors.New("a key of a recipient set is nobody's")
		}
	}
	if len(wanted) != len(s.Keys) {
		return errors.New("a recipient's key is not in the set")
	}
	in := slices.IsSortedFunc(s.Targets, func(a, b Target) int { return strings.Compare(a.Agent, b.Agent) })
	if !in {
		return errors.New("the recipients are not in order")
	}
	return nil
}

// Digest names the recipients: whoever gets the secret, where, and with which
// key in which format. It stays the same while a key is blocked, and over the
// sets that are signed one after the other.
func (s Set) Digest() string { return digestOf(s.Targets) }

// DigestOf is the Digest of the set that New makes of the targets.
func DigestOf(targets []agentkeys.Target) string {
	named := make([]Target, len(targets))
	for i, target := range targets {
		named[i] = name(target)
	}
	return digestOf(named)
}

func digestOf(targets []Target) string {
	hash := sha256.New()
	for _, target := range targets {
		for _, part := range []string{target.Agent, target.Destination, target.Format, target.KeyID} {
			fmt.Fprintf(hash, "%d:%s,", len(part), part) // No two lists run into the same text.
		}
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// Check compares the set with what it was asked for, an empty issuer being any,
// and with the clock: ErrMismatch or ErrExpired, with what to do.
func (s Set) Check(issuer, source, secret string, now time.Time) error {
	for _, field := range []struct{ name, want, is string }{
		{"issuer", issuer, s.Issuer}, {"source", source, s.Source}, {"secret", secret, s.Secret},
	} {
		if field.want != field.is && (field.name != "issuer" || issuer != "") {
			return fmt.Errorf("%w: its %s is %q, not %q", ErrMismatch, field.name, field.is, field.want)
		}
	}
	switch {
	case now.Add(skew).Before(s.IssuedAt):
		return fmt.Errorf("%w: it was issued at %s, which is in the future; compare the clocks of this machine and of the service", ErrExpired, s.IssuedAt.Format(time.RFC3339))
	case !now.Before(s.ExpiresAt):
		return fmt.Errorf("%w: it expired at %s; fetch it again", ErrExpired, s.ExpiresAt.Format(time.RFC3339))
	}
	return nil
}
