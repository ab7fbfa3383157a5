package verify

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/internal/jwks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// KeySource says where an issuer's keys are: in a JWK Set (RFC 7517) or at the
// URL of one.
type KeySource = jwks.Source

const (
	// leeway is how far an issuer's clock may be from this machine's.
	leeway = time.Minute
	// maxAllowed bounds a list of those that a source allows.
	maxAllowed = 64
	// maxAudiences bounds the audiences of one token.
	maxAudiences = 16
)

// claims are what a JWT says (RFC 7519), once its signature was verified.
type claims struct {
	root jsonscan.Value
}

// bearerClaims are those of the token in the header Authorization. A token that
// its issuer has made for another purpose, and says so, is none (RFC 8725,
// section 3.11).
func bearerClaims(h http.Header, keys *jwks.Keys) (claims, error) {
	text, err := credentials(h, "Bearer", "TOKEN")
	if err != nil {
		return claims{}, err
	}
	token, err := keys.Verify(text)
	if err != nil {
		return claims{}, err
	}
	switch strings.ToLower(token.Type) {
	case "", "jwt", "at+jwt", "application/at+jwt":
	default:
		return claims{}, fmt.Errorf("%w: the token is not of a type for this: JWT, at+jwt or none", hooks.ErrUnauthenticated)
	}
	root, err := jsonscan.Parse(token.Payload)
	if err != nil || root.Kind() != jsonscan.Object {
		return claims{}, fmt.Errorf("%w: the token's claims are not a JSON object", hooks.ErrUnauthenticated)
	}
	return claims{root}, nil
}

func (c claims) at(name string) jsonscan.Value { return c.root.At(jsonscan.Pointer{name}) }

// among says whether the claim is a string that is one of the allowed.
func (c claims) among(name string, allowed ...string) bool { return among(c.at(name), allowed) }

func among(v jsonscan.Value, allowed []string) bool {
	if v.Kind() != jsonscan.String {
		return false
	}
	got, found := []byte(v.Text()), 0
	for _, want := range allowed {
		found |= subtle.ConstantTimeCompare(got, []byte(want))
	}
	return found == 1
}

// isTrue says whether the claim is the JSON literal true.
func (c claims) isTrue(name string) bool { return string(c.at(name).Raw()) == "true" }

// checkAudience looks for the source among those that the token is for, which
// are one or a list (RFC 7519, section 4.1.3).
func (c claims) checkAudience(want string) error {
	n := 0
	for element := range c.at("aud").Elements() {
		if n++; n <= maxAudiences && among(element, []string{want}) {
			return nil
		}
	}
	if c.among("aud", want) {
		return nil
	}
	return fmt.Errorf("%w: the token is not for this audience: check the audience of the source and of the sender", hooks.ErrUnauthenticated)
}

// checkTimes checks exp and iat, which must be there, and nbf, if it is, with a
// leeway of a minute.
func (c claims) checkTimes(at time.Time) error {
	expires, hasExpires := c.time("exp")
	issued, hasIssued := c.time("iat")
	begins, hasBegins := c.time("nbf")
	switch {
	case !hasExpires || !hasIssued || !hasBegins && c.at("nbf").Kind() != jsonscan.Missing:
		return fmt.Errorf("%w: the token does not have exp and iat as numbers, or has nbf as something else", hooks.ErrUnauthenticated)
	case !at.Before(expires.Add(leeway)):
		return fmt.Errorf("%w: the token has expired", hooks.ErrUnauthenticated)
	case at.Add(leeway).Before(issued), hasBegins && at.Add(leeway).Before(begins):
		return fmt.Errorf("%w: the token is not valid yet: check the clocks", hooks.ErrUnauthenticated)
	}
	return nil
}

// time is a claim of seconds since 1970, which may have a fraction (RFC 7519,
// section 2).
func (c claims) time(name string) (time.Time, bool) {
	v := c.at(name)
	seconds, err := strconv.ParseFloat(v.Text(), 64)
	if v.Kind() != jsonscan.Number || err != nil || seconds < 0 || seconds >= 1e12 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}
