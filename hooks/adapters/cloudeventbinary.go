package adapters

import (
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/hooks"
)

// readBinary reads an event whose attributes are in the header and whose data
// are the body.
func readBinary(r *hooks.Request, media string) (cloudEvent, error) {
	check := checkEncoding
	if jsonMedia(media) {
		check = checkMedia
	}
	if err := check(r); err != nil {
		return cloudEvent{}, err
	}
	if len(r.Header.Values("Ce-Datacontenttype")) > 0 {
		return cloudEvent{}, malformed("the header has ce-datacontenttype; Content-Type stands for it")
	}
	event, err := readAttributes(func(name string) (string, error) { return ceHeader(r.Header, name) })
	event.data = ceData{bytes: r.Body, media: media}
	return event, err
}

// ceHeader decodes an attribute in the header: from a quoted string, which older
// senders write, and then from percent-encoding (HTTP Protocol Binding, section
// 3.1.3.2).
func ceHeader(header http.Header, name string) (string, error) {
	lines := header.Values("ce-" + name)
	if len(lines) == 0 {
		return "", nil
	}
	if len(lines) > 1 {
		return "", malformed("the header has ce-%s %d times", name, len(lines))
	}
	text, ok := unquoted(lines[0])
	decoded, err := url.PathUnescape(text)
	if !ok || err != nil || !utf8.ValidString(decoded) {
		return "", malformed("ce-%s is not percent-encoded UTF-8", name)
	}
	return decoded, nil
}

// unquoted is what a quoted string says (RFC 9110, section 5.6.4), and any other
// text as it is.
func unquoted(text string) (string, bool) {
	inner, found := strings.CutPrefix(text, `"`)
	if !found {
		return text, !strings.Contains(text, `"`)
	}
	var out strings.Builder
	for i := 0; i < len(inner); i++ {
		switch {
		case inner[i] == '"':
			return out.String(), i == len(inner)-1
		case inner[i] == '\\' && i+1 < len(inner):
			i++
		}
		out.WriteByte(inner[i])
	}
	return "", false
}
