package verify

import (
	"errors"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

// Bearer has the settings of the scheme "bearer": requests with the header
// "Authorization: Bearer TOKEN" (RFC 6750, section 2.1). At least one token is
// needed, at most 8 are allowed. A token proves the sender, but neither the body
// nor its age; prefer "standard-webhooks" where the sender can sign.
type Bearer struct {
	// Tokens are the accepted tokens: 16 to 4096 characters out of letters,
	// digits and -._~+/ with = at the end only.
	Tokens []*hooks.Value
	// Keys are more of them, each with the time in which it counts.
	Keys []Key
}

func configuredBearer(s hooks.Settings) (hooks.Verifier, error) {
	var config tokensConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return config.use(s, func(keys []Key) (hooks.Verifier, error) { return NewBearer(Bearer{Keys: keys}) })
}

// NewBearer returns a verifier of bearer tokens. It learns neither an event ID
// nor a time from a request. It keeps the tokens' digests only; the settings'
// Values stay the caller's.
func NewBearer(settings Bearer) (hooks.Verifier, error) {
	accepted, err := newTokens(append(always(settings.Tokens), settings.Keys...), "token", tokenSettings, "", checkToken)
	if err != nil {
		return nil, err
	}
	return &bearer{tokens: accepted}, nil
}

const tokenSettings = "tokens, token_files or keys"

// checkToken holds a token to the b64token syntax of RFC 6750, section 2.1, for
// no other could be sent.
func checkToken(token []byte) error {
	padding := false
	for _, c := range token {
		letterOrDigit := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		plain := letterOrDigit || strings.IndexByte("-._~+/", c) >= 0
		if !plain && c != '=' || plain && padding {
			return errors.New("has a character that a bearer token cannot have; letters, digits and -._~+/ are allowed, with = at the end only")
		}
		padding = !plain
	}
	return nil
}

type bearer struct{ tokens tokens }

// Verify implements hooks.Verifier.
func (v *bearer) Verify(r *hooks.Request) (hooks.Verified, error) {
	token, err := credentials(r.Header, "Bearer", "TOKEN")
	if err != nil {
		return hooks.Verified{}, err
	}
	return hooks.Verified{}, v.tokens.accept([]byte(token), r.Received, "token")
}
