package verify

import (
	"errors"
	"fmt"
	"net/url"

	"github.com/sealrelay/sealrelay/hooks"
)

// APIKey has the settings of the scheme "api-key": requests with a token in a
// header of any name, or in a parameter of the URL's query. It proves as much as
// a bearer token. A URL, other than a header, ends up in the logs of proxies.
type APIKey struct {
	// Header is the name of the header that is the token.
	Header string `yaml:"header"`
	// Query is the name of the parameter that is the token, in place of Header.
	Query string `yaml:"query"`
	// Keys are the accepted tokens, 1 to 8: 16 to 4096 printable ASCII
	// characters without space.
	Keys []Key `yaml:"-"`
}

// apiKeyConfig is what a configuration has for the scheme.
type apiKeyConfig struct {
	APIKey       `yaml:",inline"`
	tokensConfig `yaml:",inline"`
}

func configuredAPIKey(s hooks.Settings) (hooks.Verifier, error) {
	var config apiKeyConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return config.use(s, func(keys []Key) (hooks.Verifier, error) {
		config.APIKey.Keys = keys
		return NewAPIKey(config.APIKey)
	})
}

// NewAPIKey returns a verifier of tokens at a place of the sender's choice. It
// learns neither an event ID nor a time from a request. It keeps digests only;
// the settings' Values stay the caller's.
func NewAPIKey(settings APIKey) (hooks.Verifier, error) {
	if (settings.Header == "") == (settings.Query == "") {
		return nil, errors.New("set exactly one of header and query")
	}
	v := &apiKey{query: settings.Query}
	var err error
	if settings.Header != "" {
		if v.header, err = headerName(settings.Header); err != nil {
			return nil, fmt.Errorf("header %w", err)
		}
	}
	v.tokens, err = newTokens(settings.Keys, "token", tokenSettings, "", func(token []byte) error {
		for _, c := range token {
			if c <= ' ' || c > '~' {
				return errors.New("has a character that is not printable ASCII, or a space")
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, nil
}

type apiKey struct {
	header, query string
	tokens        tokens
}

// Verify implements hooks.Verifier.
func (v *apiKey) Verify(r *hooks.Request) (hooks.Verified, error) {
	if v.header != "" {
		token, err := single(r.Header, v.header)
		if err != nil {
			return hooks.Verified{}, err
		}
		return hooks.Verified{}, v.tokens.accept([]byte(token), r.Received, "token")
	}
	if r.URL == nil {
		return hooks.Verified{}, v.missing()
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return hooks.Verified{}, fmt.Errorf("%w: the URL's query cannot be read", hooks.ErrUnauthenticated)
	}
	if len(values[v.query]) != 1 {
		return hooks.Verified{}, v.missing()
	}
	return hooks.Verified{}, v.tokens.accept([]byte(values[v.query][0]), r.Received, "token")
}

func (v *apiKey) missing() error {
	return fmt.Errorf("%w: the URL does not have the query parameter %s exactly once", hooks.ErrUnauthenticated, v.query)
}
