package push

import (
	"errors"
	"net/url"
	"strings"
)

// endpoint is what sealing at the source asks for, which follows from the URL of
// the hook endpoint.
type endpoint struct {
	source string
	base   *url.URL
}

// endpointOf takes apart https://HOST/v1/hooks/SOURCE.
func endpointOf(hook string) (endpoint, error) {
	base, err := url.Parse(hook)
	if err != nil {
		return endpoint{}, errEndpoint
	}
	above, source, found := strings.Cut(base.EscapedPath(), "/hooks/")
	if !found || source == "" || strings.Contains(source, "/") || base.RawQuery != "" || base.Fragment != "" {
		return endpoint{}, errEndpoint
	}
	if source, err = url.PathUnescape(source); err != nil {
		return endpoint{}, errEndpoint
	}
	base = base.JoinPath() // A copy.
	base.Path, base.RawPath = above, ""
	return endpoint{source, base}, nil
}

var errEndpoint = errors.New("to seal, the URL must be https://HOST/v1/hooks/SOURCE, with nothing behind it")

// recipients is where the recipient set of a secret is.
func (e endpoint) recipients(secret string) string {
	at := e.base.JoinPath("recipients")
	at.RawQuery = url.Values{"source": {e.source}, "secret": {secret}}.Encode()
	return at.String()
}

// sealed is where sealed events go.
func (e endpoint) sealed() string {
	return e.base.JoinPath("hooks", url.PathEscape(e.source), "sealed").String()
}
