package verify

import (
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/sealrelay/sealrelay/hooks"
)

// derived are the components that are no headers (RFC 9421, section 2.2). Not
// among them is @query-param, which says nothing that @query does not, and what
// only a response has.
var derived = map[string]func(*hooks.Request) string{
	"@method":         func(r *hooks.Request) string { return r.Method },
	"@target-uri":     func(r *hooks.Request) string { return r.URL.String() },
	"@authority":      func(r *hooks.Request) string { return authorityOf(r.URL) },
	"@scheme":         func(r *hooks.Request) string { return strings.ToLower(r.URL.Scheme) },
	"@request-target": func(r *hooks.Request) string { return r.URL.RequestURI() },
	"@path":           func(r *hooks.Request) string { return pathOf(r.URL) },
	"@query":          func(r *hooks.Request) string { return "?" + r.URL.RawQuery },
}

// authorityOf is the host without case and without the scheme's own port (RFC
// 9421, section 2.2.3).
func authorityOf(u *url.URL) string {
	host := strings.ToLower(u.Host)
	switch strings.ToLower(u.Scheme) {
	case "https":
		return strings.TrimSuffix(host, ":443")
	case "http":
		return strings.TrimSuffix(host, ":80")
	}
	return host
}

// pathOf is the path as it was sent; an empty one is a slash (RFC 9421, section
// 2.2.6).
func pathOf(u *url.URL) string {
	if path := u.EscapedPath(); path != "" {
		return path
	}
	return "/"
}

// usualBase is a size, in bytes, that few signature bases outgrow.
const usualBase = 1024

// base is what was signed (RFC 9421, section 2.5).
func (s *messageSignature) base(r *hooks.Request) ([]byte, error) {
	b := make([]byte, 0, usualBase)
	for _, name := range s.components {
		value, err := component(r, name)
		if err != nil {
			return nil, err
		}
		b = append(appendLine(b, name, value), '\n')
	}
	return appendLine(b, "@signature-params", s.params), nil
}

func appendLine(b []byte, name, value string) []byte {
	b = append(append(b, '"'), name...)
	return append(append(b, `": `...), value...)
}

// component is what a component is in a request. A line break in it could be
// taken for the end of its line.
func component(r *hooks.Request, name string) (string, error) {
	value := ""
	if derive, is := derived[name]; is {
		value = derive(r)
	} else {
		lines := r.Header.Values(name)
		if len(lines) == 0 {
			return "", fmt.Errorf("%w: the signature covers a header that the request does not have; of Host, it is @authority that is covered", hooks.ErrUnauthenticated)
		}
		value = joined(lines)
	}
	if strings.ContainsAny(value, "\r\n") {
		return "", fmt.Errorf("%w: a covered component has a line break", hooks.ErrUnauthenticated)
	}
	return value, nil
}

// joined is the value of a header of several lines (RFC 9421, section 2.1).
func joined(lines []string) string {
	if len(lines) == 1 {
		return strings.Trim(lines[0], " \t")
	}
	trimmed := make([]string, len(lines))
	for i, line := range lines {
		trimmed[i] = strings.Trim(line, " \t")
	}
	return strings.Join(trimmed, ", ")
}

// checkContentDigest holds the body to the header Content-Digest (RFC 9530,
// section 2): to each digest that is not of an insecure algorithm, of which there
// must be one.
func checkContentDigest(h http.Header, body []byte) error {
	digests, err := httpsfv.UnmarshalDictionary(h.Values("Content-Digest"))
	if err != nil {
		return fmt.Errorf("%w: header Content-Digest is not a dictionary of digests", hooks.ErrUnauthenticated)
	}
	sha256Of := func(b []byte) []byte { sum := sha256.Sum256(b); return sum[:] }
	sha512Of := func(b []byte) []byte { sum := sha512.Sum512(b); return sum[:] }
	matched := 0
	for _, known := range []struct {
		name string
		sum  func([]byte) []byte
	}{{"sha-256", sha256Of}, {"sha-512", sha512Of}} {
		member, found := digests.Get(known.name)
		if !found {
			continue
		}
		item, _ := member.(httpsfv.Item)
		digest, _ := item.Value.([]byte)
		if !sameBytes(digest, known.sum(body)) {
			return fmt.Errorf("%w: the body is not that of header Content-Digest", hooks.ErrUnauthenticated)
		}
		matched++
	}
	if matched == 0 {
		return fmt.Errorf("%w: header Content-Digest has neither sha-256 nor sha-512", hooks.ErrUnauthenticated)
	}
	return nil
}
