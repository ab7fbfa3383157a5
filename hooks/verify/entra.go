package verify

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/internal/jwks"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Entra has the settings of the scheme "entra-jwt": requests with the header
// "Authorization: Bearer TOKEN", whose access token Microsoft Entra ID has made
// out, such as those of Azure Event Grid. Tokens of version 1.0 and 2.0 are
// accepted. The settings of the keys go with them, but may be left out: they are
// then those at
// https://login.microsoftonline.com/TENANT/discovery/v2.0/keys. A token proves
// the sender, for as long as it is valid, but neither the body nor its age.
type Entra struct {
	// Tenant is the ID of the tenant, a GUID, claim tid.
	Tenant string `yaml:"tenant"`
	// Audience is the application that the token must be for, claim aud: its
	// client ID, or in tokens of version 1.0 also its application ID URI.
	Audience string `yaml:"audience"`
	// Applications are the client IDs of those that may send, claim azp, or appid
	// in tokens of version 1.0. If there are none, every application that the
	// tenant gives a token for the audience may.
	Applications []string `yaml:"applications"`
	// Keys are the tenant's; those that it publishes, if neither Document nor URL
	// is set.
	Keys KeySource `yaml:"-"`
}

// entraConfig is what a configuration has for the scheme.
type entraConfig struct {
	Entra       `yaml:",inline"`
	jwks.Config `yaml:",inline"`
}

func configuredEntra(s hooks.Settings) (hooks.Verifier, error) {
	var config entraConfig
	err := s.Decode(&config)
	if err != nil {
		return nil, err
	}
	if config.Keys, err = config.Source(s); err != nil {
		return nil, err
	}
	return NewEntra(config.Entra)
}

var guid = lazyregexp.New(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// entraIssuers are the claim iss of a tenant's tokens, by the claim ver, and the
// claim that names the application (Microsoft, "Access token claims reference").
var entraIssuers = map[string]struct{ before, after, application string }{
	"1.0": {"https://sts.windows.net/", "/", "appid"},
	"2.0": {"https://login.microsoftonline.com/", "/v2.0", "azp"},
}

// NewEntra returns a verifier of a tenant's access tokens. It learns neither an
// event ID nor a time from a request. Its errors wrap hooks.ErrUnavailable as
// well, while the keys cannot be fetched.
func NewEntra(settings Entra) (hooks.Verifier, error) {
	settings.Tenant = strings.ToLower(settings.Tenant)
	switch {
	case !guid().MatchString(settings.Tenant):
		return nil, errors.New("tenant is not the GUID of one")
	case settings.Audience == "":
		return nil, errors.New("set audience")
	case len(settings.Applications) > maxAllowed:
		return nil, fmt.Errorf("applications are more than %d", maxAllowed)
	}
	settings.Applications = folded(settings.Applications)
	for _, id := range settings.Applications {
		if !guid().MatchString(id) {
			return nil, errors.New("applications has what is not the GUID of one")
		}
	}
	if settings.Keys.Document == nil && settings.Keys.URL == "" {
		settings.Keys.URL = "https://login.microsoftonline.com/" + settings.Tenant + "/discovery/v2.0/keys"
	}
	keys, err := jwks.Open(settings.Keys)
	if err != nil {
		return nil, err
	}
	return &entra{settings: settings, keys: keys}, nil
}

type entra struct {
	settings Entra
	keys     *jwks.Keys
}

// Verify implements hooks.Verifier.
func (v *entra) Verify(r *hooks.Request) (hooks.Verified, error) {
	c, err := bearerClaims(r.Header, v.keys)
	if err != nil {
		return hooks.Verified{}, err
	}
	issuer, known := entraIssuers[c.at("ver").Text()]
	if !known || !c.among("iss", issuer.before+v.settings.Tenant+issuer.after) || !c.among("tid", v.settings.Tenant) {
		return hooks.Verified{}, fmt.Errorf("%w: the token is not of the source's tenant, or not of version 1.0 or 2.0", hooks.ErrUnauthenticated)
	}
	if err := c.checkAudience(v.settings.Audience); err != nil {
		return hooks.Verified{}, err
	}
	if err := c.checkTimes(r.Received); err != nil {
		return hooks.Verified{}, err
	}
	if len(v.settings.Applications) > 0 && !c.among(issuer.application, v.settings.Applications...) {
		return hooks.Verified{}, fmt.Errorf("%w: the token is of none of the source's applications", hooks.ErrUnauthenticated)
	}
	return hooks.Verified{}, nil
}
