// Package enrol is how an agent's keys come to the service: the agent makes them
// and asks, with an invitation or by the key that it has, and an operator or a
// rule decides.
package enrol

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sealrelay/sealrelay/crypto/signed"
)

// The types of the two tokens (see package signed): the request, signed by the
// new signing key, and the word for it of the present one.
const (
	requestType     = "sealrelay-enrolment+jwt"
	endorsementType = "sealrelay-endorsement+jwt"
)

// MaxBody bounds the body of a request, in bytes. A hybrid age key has 2 KiB.
const MaxBody = 32 << 10

// Errors of a request.
var (
	// ErrMalformed: it cannot be read.
	ErrMalformed = errors.New("enrolment cannot be read")
	// ErrRefused: it is not shown to be the agent's.
	ErrRefused = errors.New("enrolment is not shown to be the agent's")
	// ErrKey: nothing could be sealed to the key.
	ErrKey = errors.New("key cannot be enrolled")
)

// Body is a request as it is sent, JSON.
type Body struct {
	Agent string `json:"agent"`
	// Token is the invitation; empty if the present key signed.
	Token string `json:"token,omitempty"`
	// SigningKey is the new Ed25519 public key, 32 bytes in base64url.
	SigningKey string `json:"signing_key"`
	// Request is the token that SigningKey signed.
	Request string `json:"request"`
	// Endorsement is the token of the present signing key over Request.
	Endorsement string `json:"endorsement,omitempty"`
}

// Answer is what the service says.
type Answer struct {
	Agent string `json:"agent"`
	// State is pending, approved, denied or replaced.
	State string `json:"state"`
	KeyID string `json:"key_id"`
	// Older is how many secrets are still sealed for keys that the agent had
	// before, as far as the service knows.
	Older int `json:"older,omitempty"`
}

// claims are what Request says. The order of its fields is the encoding's.
type claims struct {
	Agent string `json:"agent"`
	Key   string `json:"key"`
	At    int64  `json:"iat"`
}

// NewBody makes a request for the agent's new keys: the public key to seal to,
// and the private signing key, which shows that the agent has it. Set Token or
// Endorsement then.
func NewBody(agent, public string, signing ed25519.PrivateKey, now time.Time) (Body, error) {
	signer, err := signed.NewSigner(signing, requestType)
	if err != nil {
		return Body{}, err
	}
	payload, err := json.Marshal(claims{agent, public, now.Unix()})
	if err != nil {
		return Body{}, err
	}
	verifying, _ := signing.Public().(ed25519.PublicKey)
	return Body{Agent: agent, SigningKey: base64.RawURLEncoding.EncodeToString(verifying), Request: signer.Sign(payload)}, nil
}

// Endorse is the word of the present signing key for a request.
func Endorse(present ed25519.PrivateKey, request string) (string, error) {
	signer, err := signed.NewSigner(present, endorsementType)
	if err != nil {
		return "", err
	}
	return signer.Sign(endorsed(request)), nil
}

func endorsed(request string) []byte {
	digest := sha256.Sum256([]byte(request))
	return []byte(`{"request":"` + hex.EncodeToString(digest[:]) + `"}`)
}

// endorses says whether the token is the word of one of the keys for the request.
func endorses(token, request string, present ed25519.PublicKey) bool {
	payload, err := signed.Verify(token, endorsementType, present)
	return err == nil && bytes.Equal(payload, endorsed(request))
}

// ReadBody reads a request; ErrMalformed says nothing of what is in it.
func ReadBody(data []byte) (Body, error) {
	var body Body
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&body)
	if _, trailing := decoder.Token(); err != nil || !errors.Is(trailing, io.EOF) {
		return Body{}, fmt.Errorf("%w: the body is not the JSON of one", ErrMalformed)
	}
	if body.Agent == "" || body.SigningKey == "" || body.Request == "" || (body.Token == "") == (body.Endorsement == "") {
		return Body{}, fmt.Errorf("%w: it needs agent, signing_key, request, and either token or endorsement", ErrMalformed)
	}
	return body, nil
}

// verify returns the new signing key and what the request says, once that key
// has signed it.
func (b Body) verify() (ed25519.PublicKey, claims, error) {
	key, err := base64.RawURLEncoding.Strict().DecodeString(b.SigningKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, claims{}, fmt.Errorf("%w: signing_key is not an Ed25519 public key in base64url", ErrMalformed)
	}
	payload, err := signed.Verify(b.Request, requestType, key)
	if err != nil {
		return nil, claims{}, fmt.Errorf("%w: request: %w", ErrRefused, err)
	}
	var said claims
	if err := json.Unmarshal(payload, &said); err != nil {
		return nil, claims{}, fmt.Errorf("%w: what the request says is not its JSON", ErrMalformed)
	}
	// An unknown or repeated member, or another order, does not survive this.
	if again, err := json.Marshal(said); err != nil || !bytes.Equal(again, payload) {
		return nil, claims{}, fmt.Errorf("%w: what the request says is not in its one encoding", ErrMalformed)
	}
	return key, said, nil
}
