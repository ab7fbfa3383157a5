package adapters

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/internal/jwks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// SETPush has the settings of the adapter "set-push", for Security Event Tokens
// (RFC 8417) that a transmitter pushes (RFC 8935), such as those of OpenID Shared
// Signals.
type SETPush struct {
	// Names has the secrets of what the SET names as its subject.
	Names `yaml:",inline"`
	// Config says where the transmitter's keys are: jwks_file, or jwks_url with
	// jwks_ca_file and jwks_pin.
	jwks.Config `yaml:",inline"`
	// Issuer is the transmitter, as it stands in the claim iss. Required.
	Issuer string `yaml:"issuer"`
	// Audiences are what the claim aud may name: one of them has to be there.
	// Required.
	Audiences []string `yaml:"audiences"`
	// EventTypes are the types of event that tell of a new value; CAEP's
	// credential-change if there are none. A SET of other types tells nothing.
	EventTypes []string `yaml:"event_types"`
	// Subject is where in the claims what changed is named: a JSON Pointer
	// (RFC 6901). /sub_id/id if not set.
	Subject string `yaml:"subject"`
	// MaxAge is how long after the claim iat a SET is taken, at least 1m; 24h if
	// not set. Transmitters try again for a while.
	MaxAge time.Duration `yaml:"max_age"`
}

const (
	// setCredentialChange is the type of OpenID CAEP 1.0, section 3.3.
	setCredentialChange = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	setMaxAge           = 24 * time.Hour
	// setLeeway is how far the clocks may differ.
	setLeeway = 5 * time.Minute
)

// configuredSETPush makes the adapter. It reads a SET whose signature, issuer,
// audience and time are right, and takes the claim jti for the event's ID. The
// verification event of Shared Signals is taken like any other that tells
// nothing. Answers are those of RFC 8935, sections 2.2 to 2.4.
func configuredSETPush(s hooks.Settings) (hooks.Adapter, error) {
	settings := SETPush{EventTypes: []string{setCredentialChange}, Subject: "/sub_id/id", MaxAge: setMaxAge}
	if err := s.Decode(&settings); err != nil {
		return nil, err
	}
	subject, err := jsonscan.ParsePointer(settings.Subject)
	if err != nil {
		err = fmt.Errorf("subject: %w", err)
	}
	keys, keysErr := settings.Open(s)
	if err := errors.Join(settings.check(), err, keysErr); err != nil {
		return nil, err
	}
	return &setPush{settings, keys, place{settings.Subject, subject}}, nil
}

func (s SETPush) check() error {
	errs := []error{s.Names.check()}
	if s.Issuer == "" {
		errs = append(errs, errors.New("issuer is not set: the claim iss of the transmitter's tokens"))
	}
	if len(s.Audiences) == 0 || slices.Contains(s.Audiences, "") {
		errs = append(errs, errors.New("audiences: name at least one value that the claim aud has for this receiver"))
	}
	if len(s.EventTypes) == 0 || slices.Contains(s.EventTypes, "") {
		errs = append(errs, errors.New("event_types: name at least one type, or leave the setting out"))
	}
	if s.Subject == "" {
		errs = append(errs, errors.New("subject: name a place, or leave the setting out"))
	}
	if s.MaxAge < time.Minute {
		errs = append(errs, errors.New("max_age is not at least 1m"))
	}
	return errors.Join(errs...)
}

type setPush struct {
	settings SETPush
	keys     *jwks.Keys
	subject  place
}

// setError is a refusal with its code of RFC 8935, section 2.4.
type setError struct {
	code string
	err  error
}

func (e *setError) Error() string { return e.err.Error() }
func (e *setError) Unwrap() error { return e.err }

// Answer implements hooks.Answerer. Success has no body.
func (*setPush) Answer(err error) (hooks.Reply, bool) {
	if err == nil {
		return hooks.Reply{Status: http.StatusAccepted}, true
	}
	var own *setError
	code := ""
	switch {
	case errors.As(err, &own):
		code = own.code
	case errors.Is(err, hooks.ErrUnauthenticated):
		code = "authentication_failed"
	case errors.Is(err, hooks.ErrMalformed), errors.Is(err, hooks.ErrMediaType):
		code = "invalid_request"
	default:
		return hooks.Reply{}, false
	}
	body, err := json.Marshal(map[string]string{"err": code, "description": err.Error()})
	if err != nil {
		return hooks.Reply{}, false
	}
	// RFC 8935, section 2.3, wants the language of the description.
	header := http.Header{"Content-Type": {"application/json"}, "Content-Language": {"en"}}
	return hooks.Reply{Status: http.StatusBadRequest, Header: header, Body: body}, true
}

// Read implements hooks.Adapter.
func (a *setPush) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	claims, err := a.open(r)
	if err != nil {
		return hooks.Message{}, err
	}
	if err := a.admit(claims, r.Received); err != nil {
		return hooks.Message{}, err
	}
	n, told, err := a.notice(claims)
	if err != nil || !told {
		return hooks.Message{}, err
	}
	return hooks.Message{Events: a.settings.changed(hooks.Event{ID: n.id, OccurredAt: n.at}, n.told)}, nil
}

// open verifies the token and parses its claims.
func (a *setPush) open(r *hooks.Request) (jsonscan.Value, error) {
	if err := checkEncoding(r); err != nil {
		return jsonscan.Value{}, err
	}
	lines := r.Header.Values("Content-Type")
	if media, _, err := mime.ParseMediaType(strings.Join(lines, "")); err != nil || len(lines) > 1 || media != "application/secevent+jwt" {
		return jsonscan.Value{}, fmt.Errorf("%w: Content-Type is not application/secevent+jwt", hooks.ErrMediaType)
	}
	if bytes.Count(r.Body, []byte(".")) != 2 {
		return jsonscan.Value{}, malformed("the body is not a SET in compact serialization (RFC 7515, section 7.1)")
	}
	token, err := a.keys.Verify(string(r.Body))
	if errors.Is(err, hooks.ErrUnavailable) {
		return jsonscan.Value{}, err
	}
	if err != nil {
		return jsonscan.Value{}, &setError{"invalid_key", err}
	}
	// RFC 8417, section 2.3: no other kind of JWT is taken for a SET.
	if kind := strings.TrimPrefix(strings.ToLower(token.Type), "application/"); kind != "secevent+jwt" {
		return jsonscan.Value{}, malformed("the token's type (typ) is not secevent+jwt")
	}
	claims, err := parse(token.Payload)
	if err == nil && claims.Kind() != jsonscan.Object {
		return jsonscan.Value{}, malformed("the claims are %s, not an object", claims.Kind())
	}
	return claims, err
}
