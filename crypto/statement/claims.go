// Package statement signs and verifies the claim that goes with an envelope:
// which agent it is for, which secret and version it holds, and its digest.
//
// A statement is a JWS in compact serialization (RFC 7515, section 7.1) signed
// with Ed25519 (RFC 8037). Header and payload have one encoding only, the one
// that Sign writes, and Verify refuses every other, so that there are no two
// statements of the same meaning.
package statement

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// The classes in which a statement fails.
var (
	// ErrSignature: it is not a statement, or not signed by a trusted key.
	ErrSignature = errors.New("statement is not validly signed")
	// ErrMismatch: it is validly signed, but of something else.
	ErrMismatch = errors.New("statement does not match")
)

// Claims is what a statement says. As JSON its members are iss, agent, secret,
// ver, op, fmt, kid, sha256 and iat (Unix seconds), in this order.
type Claims struct {
	// Issuer names the service that signed.
	Issuer string
	// Agent and Secret name whom the envelope is for and what it holds.
	Agent, Secret string
	// Version counts the secret's versions, from 1.
	Version int64
	// Operation is "set" or "delete".
	Operation string
	// Format and KeyID are the envelope's format and the ID of the recipient
	// key; both may be empty on a delete, which has no envelope.
	Format, KeyID string
	// Digest is Digest of the envelope, of no bytes on a delete.
	Digest string
	// IssuedAt is when it was signed, in whole seconds.
	IssuedAt time.Time
}

// payload is Claims as JSON; the order of its fields is the encoding's.
type payload struct {
	Issuer    string `json:"iss"`
	Agent     string `json:"agent"`
	Secret    string `json:"secret"`
	Version   int64  `json:"ver"`
	Operation string `json:"op"`
	Format    string `json:"fmt"`
	KeyID     string `json:"kid"`
	Digest    string `json:"sha256"`
	IssuedAt  int64  `json:"iat"`
}

func (c Claims) encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return json.Marshal(payload{ //nolint:gosec // Secret is the name of one, not its value.
		c.Issuer, c.Agent, c.Secret, c.Version, c.Operation, c.Format, c.KeyID, c.Digest, c.IssuedAt.Unix(),
	})
}

func decode(data []byte) (Claims, error) {
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return Claims{}, errors.New("its payload is not the JSON of a statement")
	}
	claims := Claims{
		p.Issuer, p.Agent, p.Secret, p.Version, p.Operation, p.Format, p.KeyID, p.Digest, time.Unix(p.IssuedAt, 0).UTC(),
	}
	// An unknown or repeated member, another order or spelling, or white space
	// does not survive the way back.
	encoded, err := claims.encode()
	if err != nil {
		return Claims{}, err
	}
	if string(encoded) != string(data) {
		return Claims{}, errors.New("its payload is not in the one encoding of a statement")
	}
	return claims, nil
}

// check refuses claims that no service of ours would sign.
func (c Claims) check() error {
	switch {
	case c.Issuer == "" || c.Agent == "" || c.Secret == "":
		return errors.New("a statement needs issuer, agent and secret")
	case c.Version < 1:
		return errors.New("a statement needs a version of 1 or more")
	case c.Operation != "set" && c.Operation != "delete":
		return errors.New("a statement's operation is set or delete")
	case c.Operation == "set" && (c.Format == "" || c.KeyID == ""):
		return errors.New("a statement of a set needs format and key ID")
	case c.Operation == "delete" && c.Digest != Digest(nil):
		return errors.New("a statement of a delete has the digest of no bytes")
	case !IsDigest(c.Digest):
		return errors.New("a statement needs the digest of the envelope, in lower-case hex")
	case c.IssuedAt.Unix() <= 0:
		return errors.New("a statement needs the time of its issue")
	}
	return nil
}

// IsDigest says whether text has the form of a Digest.
func IsDigest(text string) bool {
	sum, err := hex.DecodeString(text)
	return err == nil && len(sum) == sha256.Size && hex.EncodeToString(sum) == text
}

// Digest is the lower-case hex SHA-256 of an envelope.
func Digest(envelope []byte) string {
	sum := sha256.Sum256(envelope)
	return hex.EncodeToString(sum[:])
}

// Covers says whether the statement is of this envelope; ErrMismatch if not.
func (c Claims) Covers(envelope []byte) error {
	if subtle.ConstantTimeCompare([]byte(Digest(envelope)), []byte(c.Digest)) != 1 {
		return fmt.Errorf("%w: it is of another envelope; fetch envelope and statement anew", ErrMismatch)
	}
	return nil
}

// Check compares each field that is set in want, IssuedAt apart; ErrMismatch,
// with both values, at the first that differs.
func (c Claims) Check(want Claims) error {
	for _, field := range []struct{ name, want, is string }{
		{"issuer", want.Issuer, c.Issuer},
		{"agent", want.Agent, c.Agent},
		{"secret", want.Secret, c.Secret},
		{"operation", want.Operation, c.Operation},
		{"format", want.Format, c.Format},
		{"key ID", want.KeyID, c.KeyID},
		{"digest", want.Digest, c.Digest},
	} {
		if field.want != "" && field.want != field.is {
			return fmt.Errorf("%w: its %s is %q, not %q", ErrMismatch, field.name, field.is, field.want)
		}
	}
	if want.Version != 0 && want.Version != c.Version {
		return fmt.Errorf("%w: its version is %d, not %d", ErrMismatch, c.Version, want.Version)
	}
	return nil
}
