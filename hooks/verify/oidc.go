package verify

import (
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/internal/jwks"
)

// OIDC has the settings of the scheme "oidc-jwt": requests with the header
// "Authorization: Bearer TOKEN", whose token an OpenID Connect issuer has made
// out for the sender, such as those of Google Pub/Sub. The settings of the
// issuer's keys go with them. A token proves the sender, for as long as it is
// valid, but neither the body nor its age.
type OIDC struct {
	// Issuer is the issuer as its tokens write it, claim iss.
	Issuer string `yaml:"issuer"`
	// Audience is whom the token must be for, claim aud: what the sender was told
	// to ask the issuer for.
	Audience string `yaml:"audience"`
	// Emails are the senders' addresses, claim email; they count only where the
	// issuer has verified them, claim email_verified.
	Emails []string `yaml:"emails"`
	// Subjects are the senders' IDs, claim sub. A token must have one of Emails or
	// of Subjects, for others can get tokens of the same issuer for any audience.
	Subjects []string `yaml:"subjects"`
	// Keys are the issuer's.
	Keys KeySource `yaml:"-"`
}

// oidcConfig is what a configuration has for the scheme.
type oidcConfig struct {
	OIDC        `yaml:",inline"`
	jwks.Config `yaml:",inline"`
}

func configuredOIDC(s hooks.Settings) (hooks.Verifier, error) {
	var config oidcConfig
	err := s.Decode(&config)
	if err != nil {
		return nil, err
	}
	if config.Keys, err = config.Source(s); err != nil {
		return nil, err
	}
	return NewOIDC(config.OIDC)
}

// NewOIDC returns a verifier of an issuer's tokens. It learns neither an event
// ID nor a time from a request. Its errors wrap hooks.ErrUnavailable as well,
// while the keys cannot be fetched.
func NewOIDC(settings OIDC) (hooks.Verifier, error) {
	switch {
	case settings.Issuer == "" || settings.Audience == "":
		return nil, errors.New("set issuer and audience")
	case len(settings.Emails)+len(settings.Subjects) == 0:
		return nil, errors.New("set emails or subjects: whoever else has an account with the issuer can get a token for the audience")
	case len(settings.Emails)+len(settings.Subjects) > maxAllowed:
		return nil, fmt.Errorf("emails and subjects are more than %d", maxAllowed)
	}
	keys, err := jwks.Open(settings.Keys)
	if err != nil {
		return nil, err
	}
	return &oidc{settings: settings, keys: keys}, nil
}

type oidc struct {
	settings OIDC
	keys     *jwks.Keys
}

// Verify implements hooks.Verifier.
func (v *oidc) Verify(r *hooks.Request) (hooks.Verified, error) {
	c, err := bearerClaims(r.Header, v.keys)
	if err != nil {
		return hooks.Verified{}, err
	}
	if !c.among("iss", v.settings.Issuer) {
		return hooks.Verified{}, fmt.Errorf("%w: the token is of another issuer", hooks.ErrUnauthenticated)
	}
	if err := c.checkAudience(v.settings.Audience); err != nil {
		return hooks.Verified{}, err
	}
	if err := c.checkTimes(r.Received); err != nil {
		return hooks.Verified{}, err
	}
	if c.among("sub", v.settings.Subjects...) || c.among("email", v.settings.Emails...) && c.isTrue("email_verified") {
		return hooks.Verified{}, nil
	}
	return hooks.Verified{}, fmt.Errorf("%w: the token is neither of one of the source's subjects nor of one of its e-mail addresses, verified by the issuer", hooks.ErrUnauthenticated)
}
