package verify

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

// The sizes of a bearer token, in bytes.
const (
	minTokenLen = 16
	maxTokenLen = 4096
)

// Bearer has the settings of the scheme "bearer": requests with the header
// "Authorization: Bearer TOKEN" (RFC 6750, section 2.1). At least one token is
// needed, at most 8 are active at once. A token proves the sender, but neither
// the body nor its age; prefer "standard-webhooks" where the sender can sign.
type Bearer struct {
	// Tokens are the accepted tokens: 16 to 4096 characters out of letters,
	// digits and -._~+/ with = at the end only.
	Tokens []*hooks.Value `yaml:"tokens"`
}

// bearerFile is what a configuration file has for the scheme.
type bearerFile struct {
	Bearer `yaml:",inline"`
	// TokenFiles are files that hold one token each, beside Tokens.
	TokenFiles []string `yaml:"token_files"`
}

func configuredBearer(s hooks.Settings) (hooks.Verifier, error) {
	var file bearerFile
	if err := s.Decode(&file); err != nil {
		return nil, err
	}
	values, err := readFiles(s, file.TokenFiles)
	if err != nil {
		return nil, err
	}
	defer wipe(values)
	file.Tokens = append(file.Tokens, values...)
	return NewBearer(file.Bearer)
}

// NewBearer returns a verifier of bearer tokens. It learns neither an event ID
// nor a time from a request. It keeps the tokens' digests only; the settings'
// Values stay the caller's.
func NewBearer(settings Bearer) (hooks.Verifier, error) {
	if len(settings.Tokens) == 0 {
		return nil, errors.New("no token: set tokens or token_files")
	}
	if len(settings.Tokens) > maxKeys {
		return nil, fmt.Errorf("more than %d tokens are active at once; remove the oldest", maxKeys)
	}
	v := &bearer{}
	for i, token := range settings.Tokens {
		err := token.Expose(func(token []byte) error {
			v.digests = append(v.digests, sha256.Sum256(token))
			return checkToken(token)
		})
		if err != nil {
			return nil, fmt.Errorf("token %d: %w", i+1, err)
		}
	}
	return v, nil
}

// checkToken holds a token to the b64token syntax of RFC 6750, section 2.1, for
// no other could be sent.
func checkToken(token []byte) error {
	if len(token) < minTokenLen || len(token) > maxTokenLen {
		return fmt.Errorf("has %d characters, %d to %d are allowed", len(token), minTokenLen, maxTokenLen)
	}
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

// bearer has the SHA-256 of each token. Digests are compared instead of tokens,
// so that the time does not tell a token's length.
type bearer struct {
	digests [][sha256.Size]byte
}

// Verify implements hooks.Verifier.
func (v *bearer) Verify(r *hooks.Request) (hooks.Verified, error) {
	header, err := single(r.Header, "Authorization")
	if err != nil {
		return hooks.Verified{}, err
	}
	scheme, token, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return hooks.Verified{}, fmt.Errorf("%w: header Authorization is not \"Bearer TOKEN\"", hooks.ErrUnauthenticated)
	}
	got := sha256.Sum256([]byte(token))
	matched := 0
	for _, want := range v.digests {
		matched |= subtle.ConstantTimeCompare(want[:], got[:])
	}
	if matched != 1 {
		return hooks.Verified{}, fmt.Errorf("%w: the token is not accepted: check the token", hooks.ErrUnauthenticated)
	}
	return hooks.Verified{}, nil
}
