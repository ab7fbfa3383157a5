// Package receipt signs and verifies what an agent answers when it has applied
// a version of a secret.
//
// A receipt has the form of package signed, signed with the agent's own Ed25519
// key: the one that it is registered with, which opens no envelope.
package receipt

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/crypto/signed"
	"github.com/sealrelay/sealrelay/crypto/statement"
)

// Type is the typ of a receipt's header.
const Type = "sealrelay-receipt+jwt"

// MaxSize bounds a receipt in its signed form, in bytes.
const MaxSize = 4096

// MaxDetail bounds Detail, in bytes.
const MaxDetail = 300

// The classes in which a receipt fails.
var (
	// ErrSignature: it is not a receipt, or not signed by the agent's key.
	ErrSignature = errors.New("receipt is not validly signed")
	// ErrMismatch: it is validly signed, but of something else.
	ErrMismatch = errors.New("receipt does not match")
)

// Action is what became of the action that an agent takes on a new version.
type Action string

// The results of an action.
const (
	// None: no action is configured for the secret.
	None Action = "none"
	// Done: the action succeeded.
	Done Action = "done"
	// Failed: it did not, for the receipt's Detail; what was there before is in
	// use still.
	Failed Action = "failed"
)

// Claims is what a receipt says. As JSON its members are iss, aud, secret, ver,
// op, sha256, iat (Unix seconds), action and detail, in this order.
type Claims struct {
	// Agent is who signed, Service the issuer of the statement.
	Agent, Service string
	// Secret, Version and Operation are those of the statement.
	Secret    string
	Version   int64
	Operation string
	// Digest is the statement's digest of the envelope.
	Digest string
	// AppliedAt is when the agent had it on its disk, in whole seconds.
	AppliedAt time.Time
	Action    Action
	// Detail says why an action failed, in one line without any value; else it
	// is empty.
	Detail string
}

// For is the receipt of what a statement says, with the result of its action.
func For(from statement.Claims, appliedAt time.Time, action Action, detail string) Claims {
	return Claims{
		Agent: from.Agent, Service: from.Issuer, Secret: from.Secret, Version: from.Version,
		Operation: from.Operation, Digest: from.Digest, AppliedAt: appliedAt, Action: action, Detail: detail,
	}
}

// Check compares the claims with those of the statement that they have to be
// of; ErrMismatch, with both values, at the first that differs.
func (c Claims) Check(want statement.Claims) error {
	for _, field := range []struct{ name, want, is string }{
		{"agent", want.Agent, c.Agent},
		{"service", want.Issuer, c.Service},
		{"secret", want.Secret, c.Secret},
		{"version", fmt.Sprint(want.Version), fmt.Sprint(c.Version)},
		{"operation", want.Operation, c.Operation},
		{"digest", want.Digest, c.Digest},
	} {
		if field.want != field.is {
			return fmt.Errorf("%w: its %s is %q, not %q", ErrMismatch, field.name, field.is, field.want)
		}
	}
	return nil
}

// payload is Claims as JSON; the order of its fields is the encoding's.
type payload struct {
	Agent     string `json:"iss"`
	Service   string `json:"aud"`
	Secret    string `json:"secret"`
	Version   int64  `json:"ver"`
	Operation string `json:"op"`
	Digest    string `json:"sha256"`
	AppliedAt int64  `json:"iat"`
	Action    Action `json:"action"`
	Detail    string `json:"detail,omitempty"`
}

func (c Claims) encode() ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return json.Marshal(payload{ //nolint:gosec // Secret is the name of one, not its value.
		c.Agent, c.Service, c.Secret, c.Version, c.Operation, c.Digest, c.AppliedAt.Unix(), c.Action, c.Detail,
	})
}

func decode(data []byte) (Claims, error) {
	var p payload
	if err := json.Unmarshal(data, &p); err != nil {
		return Claims{}, errors.New("its payload is not the JSON of a receipt")
	}
	claims := Claims{
		p.Agent, p.Service, p.Secret, p.Version, p.Operation, p.Digest, time.Unix(p.AppliedAt, 0).UTC(), p.Action, p.Detail,
	}
	// An unknown or repeated member, another order or spelling, or white space
	// does not survive the way back.
	encoded, err := claims.encode()
	if err != nil {
		return Claims{}, err
	}
	if string(encoded) != string(data) {
		return Claims{}, errors.New("its payload is not in the one encoding of a receipt")
	}
	return claims, nil
}

// check refuses claims that no agent of ours would sign.
func (c Claims) check() error {
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case c.Agent == "" || c.Service == "" || c.Secret == "":
		return errors.New("a receipt needs agent, service and secret")
	case c.Version < 1:
		return errors.New("a receipt needs a version of 1 or more")
	case c.Operation != "set" && c.Operation != "delete":
		return errors.New("a receipt's operation is set or delete")
	case !statement.IsDigest(c.Digest):
		return errors.New("a receipt needs the digest of the envelope, in lower-case hex")
	case c.AppliedAt.Unix() <= 0:
		return errors.New("a receipt needs the time")
	case c.Action != None && c.Action != Done && c.Action != Failed:
		return errors.New("a receipt's action is none, done or failed")
	case (c.Action == Failed) != (c.Detail != ""):
		return errors.New("a receipt has a detail if its action failed, and only then")
	case len(c.Detail) > MaxDetail || !utf8.ValidString(c.Detail) || strings.ContainsFunc(c.Detail, unprintable):
		return fmt.Errorf("a receipt's detail is one line of at most %d bytes", MaxDetail)
	}
	return nil
}

// Signer signs receipts. It is safe for concurrent use.
type Signer struct{ signer *signed.Signer }

// NewSigner returns a signer with an agent's key.
func NewSigner(key ed25519.PrivateKey) (*Signer, error) {
	signer, err := signed.NewSigner(key, Type)
	if err != nil {
		return nil, err
	}
	return &Signer{signer}, nil
}

// Sign returns the receipt of claims, and an error if one is missing or
// impossible.
func (s *Signer) Sign(claims Claims) (string, error) {
	body, err := claims.encode()
	if err != nil {
		return "", err
	}
	return s.signer.Sign(body), nil
}

// Verify returns the claims of a receipt that one of the agent's keys signed, or
// ErrSignature. A valid signature over claims that do not make sense, or are not
// in the encoding that Sign writes, is ErrSignature too. Whether the claims are
// those that the caller waits for is Check's matter.
func Verify(token string, keys ...ed25519.PublicKey) (Claims, error) {
	if len(token) > MaxSize {
		return Claims{}, fmt.Errorf("%w: it has more than %d bytes", ErrSignature, MaxSize)
	}
	data, err := signed.Verify(token, Type, keys...)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	claims, err := decode(data)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return claims, nil
}

// Parse returns the claims of a receipt that Verify accepted before, whoever
// signed it: the agent's key may be another one since. It proves nothing.
func Parse(token string) (Claims, error) {
	_, rest, _ := strings.Cut(token, ".")
	body, _, found := strings.Cut(rest, ".")
	data, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil || !found || len(token) > MaxSize {
		return Claims{}, errors.New("it is not a receipt")
	}
	return decode(data)
}
