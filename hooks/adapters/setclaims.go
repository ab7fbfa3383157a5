package adapters

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// admit checks for whom and when the token was issued.
func (a *setPush) admit(claims jsonscan.Value, now time.Time) error {
	if issuer := claims.At(jsonscan.Pointer{"iss"}); issuer.Kind() != jsonscan.String || issuer.Text() != a.settings.Issuer {
		return &setError{"invalid_issuer", fmt.Errorf("%w: the claim iss is not the source's issuer", hooks.ErrUnauthenticated)}
	}
	if !a.isAudience(claims.At(jsonscan.Pointer{"aud"})) {
		return &setError{"invalid_audience", fmt.Errorf("%w: the claim aud names none of the source's audiences", hooks.ErrUnauthenticated)}
	}
	issued, err := numericDate(claims, "iat")
	if err != nil {
		return err
	}
	switch {
	case issued.IsZero():
		return malformed("the token has no claim iat")
	case issued.After(now.Add(setLeeway)):
		return fmt.Errorf("%w: the claim iat is in the future: set the clocks", hooks.ErrUnauthenticated)
	case issued.Before(now.Add(-a.settings.MaxAge)):
		return fmt.Errorf("%w: the claim iat is longer ago than max_age", hooks.ErrUnauthenticated)
	}
	expires, err := numericDate(claims, "exp")
	if err == nil && !expires.IsZero() && now.After(expires.Add(setLeeway)) {
		return fmt.Errorf("%w: the token has expired", hooks.ErrUnauthenticated)
	}
	return err
}

// isAudience looks for the receiver in a claim that is a string or an array of
// strings (RFC 7519, section 4.1.3).
func (a *setPush) isAudience(aud jsonscan.Value) bool {
	if aud.Kind() == jsonscan.String {
		return slices.Contains(a.settings.Audiences, aud.Text())
	}
	for one := range aud.Elements() {
		if one.Kind() == jsonscan.String && slices.Contains(a.settings.Audiences, one.Text()) {
			return true
		}
	}
	return false
}

// notice reads what the SET tells; told is false if it tells of no new value.
// When it happened is the claim toe, else iat (RFC 8417, section 2.2).
func (a *setPush) notice(claims jsonscan.Value) (n notice, told bool, err error) {
	if n.id, err = readWord(claims.At(jsonscan.Pointer{"jti"}), "/jti"); err == nil {
		n.id, err = checkEventID(n.id, "/jti")
	}
	if err != nil {
		return notice{}, false, err
	}
	events := claims.At(jsonscan.Pointer{"events"})
	if events.Kind() != jsonscan.Object {
		return notice{}, false, malformed("/events is %s, not an object", events.Kind())
	}
	count := 0
	for kind, payload := range events.Members() {
		if payload.Kind() != jsonscan.Object {
			return notice{}, false, malformed("an event in /events is %s, not an object", payload.Kind())
		}
		told = told || slices.Contains(a.settings.EventTypes, kind.Text())
		count++
	}
	if count == 0 {
		return notice{}, false, malformed("/events has no event")
	}
	if !told {
		return notice{}, false, nil
	}
	if n.told, err = readName(a.subject.in(claims), a.subject.text); err != nil {
		return notice{}, false, err
	}
	if n.at, err = numericDate(claims, "toe"); err == nil && n.at.IsZero() {
		n.at, err = numericDate(claims, "iat")
	}
	return n, err == nil, err
}

// numericDate reads a claim in seconds since 1970 (RFC 7519, section 2), of
// which a fraction is left out; zero if the token has none.
func numericDate(claims jsonscan.Value, claim string) (time.Time, error) {
	v := claims.At(jsonscan.Pointer{claim})
	if v.Kind() == jsonscan.Missing {
		return time.Time{}, nil
	}
	text := v.Text()
	whole, _, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if v.Kind() != jsonscan.Number || err != nil || seconds < 0 || seconds >= firstMilliseconds || strings.ContainsAny(text, "eE") {
		return time.Time{}, malformed("the claim %s is not a number of seconds since 1970", claim)
	}
	return time.Unix(seconds, 0), nil
}
