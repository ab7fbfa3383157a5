package verify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

// Basic has the settings of the scheme "basic": requests with the header
// "Authorization: Basic CREDENTIALS" (RFC 7617). It proves as much as a bearer
// token, for senders that know nothing else.
type Basic struct {
	// User is the user's name, without colon and control characters, in UTF-8.
	User string `yaml:"user"`
	// Keys are the accepted passwords, 1 to 8: 16 to 4096 bytes without control
	// characters. A colon is like any other character.
	Keys []Key `yaml:"-"`
}

// basicConfig is what a configuration has for the scheme.
type basicConfig struct {
	Basic `yaml:",inline"`
	// Passwords are those that always count: 16 to 4096 bytes without control
	// characters. Of these, PasswordFiles and Keys together there are 1 to 8.
	Passwords []*hooks.Value `yaml:"passwords"`
	// PasswordFiles are files that hold one password each, beside Passwords.
	PasswordFiles []string `yaml:"password_files"`
	// Keys are passwords with the time in which each counts.
	Keys []keyConfig `yaml:"keys"`
}

func configuredBasic(s hooks.Settings) (hooks.Verifier, error) {
	var config basicConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return useKeys(s, config.Passwords, config.PasswordFiles, config.Keys, func(keys []Key) (hooks.Verifier, error) {
		return NewBasic(Basic{User: config.User, Keys: keys})
	})
}

// NewBasic returns a verifier of user and password. It learns neither an event
// ID nor a time from a request. It keeps digests only; the settings' Values stay
// the caller's.
func NewBasic(settings Basic) (hooks.Verifier, error) {
	if settings.User == "" || strings.ContainsFunc(settings.User, func(r rune) bool { return r == ':' || control(r) }) {
		return nil, errors.New("no user: set one without colon and control characters")
	}
	accepted, err := newTokens(settings.Keys, "password", "passwords, password_files or keys", settings.User+":", func(password []byte) error {
		if bytes.ContainsFunc(password, control) {
			return errors.New("has a control character, which RFC 7617 does not allow")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &basic{tokens: accepted}, nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// basic has the digests of user, colon and password in one.
type basic struct{ tokens tokens }

// Verify implements hooks.Verifier. What is compared is the whole of user and
// password, so that neither is told to be right alone.
func (v *basic) Verify(r *hooks.Request) (hooks.Verified, error) {
	encoded, err := credentials(r.Header, "Basic", "CREDENTIALS")
	if err != nil {
		return hooks.Verified{}, err
	}
	decoded := make([]byte, strictBase64.DecodedLen(len(encoded)))
	defer clear(decoded)
	n, err := strictBase64.Decode(decoded, []byte(encoded))
	if err != nil || strictBase64.EncodedLen(n) != len(encoded) {
		return hooks.Verified{}, fmt.Errorf("%w: the credentials in header Authorization are not padded base64", hooks.ErrUnauthenticated)
	}
	return hooks.Verified{}, v.tokens.accept(decoded[:n], r.Received, "user or password")
}
