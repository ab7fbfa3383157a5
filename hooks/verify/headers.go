package verify

import (
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/sealrelay/sealrelay/hooks"
)

// single is the value of a header that must be there exactly once. Senders
// never repeat it, and proxies differ in which one of several they look at.
func single(h http.Header, name string) (string, error) {
	switch lines := h.Values(name); len(lines) {
	case 1:
		return lines[0], nil
	case 0:
		return "", fmt.Errorf("%w: missing header %s", hooks.ErrUnauthenticated, name)
	default:
		return "", fmt.Errorf("%w: more than one header %s", hooks.ErrUnauthenticated, name)
	}
}

// headerName is a header's name out of a configuration, in the form in which
// requests have it.
func headerName(name string) (string, error) {
	if !httpguts.ValidHeaderFieldName(name) {
		return "", errors.New("is not the name of a header: letters, digits and hyphens")
	}
	return textproto.CanonicalMIMEHeaderKey(name), nil
}

// credentials are what follows the scheme in the header Authorization (RFC
// 9110, section 11.6.2), whose name has no case; what says what that is.
func credentials(h http.Header, scheme, what string) (string, error) {
	header, err := single(h, "Authorization")
	if err != nil {
		return "", err
	}
	word, rest, found := strings.Cut(header, " ")
	if !found || !strings.EqualFold(word, scheme) {
		return "", fmt.Errorf("%w: header Authorization is not \"%s %s\"", hooks.ErrUnauthenticated, scheme, what)
	}
	return rest, nil
}
