package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
)

// maxParts bounds what is signed together.
const maxParts = 16

// part is one of the parts of a request that are signed together.
type part struct {
	// kind is one of the words of HMAC.Signed.
	kind string
	// argument is the text of a text, the name of a header.
	argument string
	// fence is the text beside a part of any length, between it and the body;
	// behind says that the body is before the part.
	fence  string
	behind bool
}

// parseParts reads the parts of HMAC.Signed.
func parseParts(signed []string) ([]part, error) {
	if len(signed) == 0 {
		signed = []string{"body"}
	}
	if len(signed) > maxParts {
		return nil, fmt.Errorf("has more than %d parts", maxParts)
	}
	parts := make([]part, len(signed))
	for i, text := range signed {
		kind, argument, found := strings.Cut(text, ":")
		parts[i] = part{kind: kind, argument: argument}
		if err := parts[i].check(found); err != nil {
			return nil, fmt.Errorf("part %d %w", i+1, err)
		}
	}
	return parts, fence(parts)
}

func (p *part) check(hasArgument bool) error {
	switch p.kind {
	case "body", "timestamp", "method", "path", "target":
		if hasArgument {
			return errors.New("takes nothing behind a colon")
		}
	case "text":
		if p.argument == "" {
			return errors.New("has no text behind its colon")
		}
	case "header":
		name, err := headerName(p.argument)
		if err != nil {
			return err
		}
		p.argument = name
	default:
		return errors.New("is none of body, timestamp, method, path, target, header:NAME and text:TEXT")
	}
	return nil
}

// fence makes sure that the signed text comes apart in one way only. Otherwise
// whoever saw a request could move bytes from one part to the next, and the
// signature would still hold. A timestamp says where it ends, a method and a
// path are fixed by the source's URL, but a header and a query can be of any
// length: they need a text beside them, towards the body, which they cannot
// contain.
func fence(parts []part) error {
	isBody := func(p part) bool { return p.kind == "body" }
	body := slices.IndexFunc(parts, isBody)
	if body < 0 || slices.ContainsFunc(parts[body+1:], isBody) {
		return errors.New("needs the part body exactly once")
	}
	for i := range parts {
		if parts[i].kind != "header" && parts[i].kind != "target" {
			continue
		}
		beside := i + 1
		if i > body {
			beside = i - 1
		}
		if parts[beside].kind != "text" {
			return fmt.Errorf("part %d needs a text between it and what is signed towards the body", i+1)
		}
		parts[i].fence, parts[i].behind = parts[beside].argument, i > body
	}
	return nil
}

// message is what was signed of a request.
func message(parts []part, r *hooks.Request, timestamp string) ([][]byte, error) {
	message := make([][]byte, len(parts))
	for i, p := range parts {
		if p.kind == "body" {
			message[i] = r.Body
			continue
		}
		text, err := p.of(r, timestamp)
		if err != nil {
			return nil, err
		}
		if p.overflows(text) {
			return nil, fmt.Errorf("%w: the signed part %s contains the text that ends it", hooks.ErrUnauthenticated, p.kind)
		}
		message[i] = []byte(text)
	}
	return message, nil
}

// overflows says whether a part's text has its fence in it, or makes one
// together with some of the fence itself.
func (p part) overflows(text string) bool {
	switch {
	case p.fence == "":
		return false
	case p.behind:
		return strings.LastIndex(p.fence+text, p.fence) > 0
	}
	return strings.Index(text+p.fence, p.fence) < len(text)
}

// of is what a part other than the body is in a request.
func (p part) of(r *hooks.Request, timestamp string) (string, error) {
	switch p.kind {
	case "text":
		return p.argument, nil
	case "timestamp":
		return timestamp, nil
	case "method":
		return r.Method, nil
	case "header":
		return single(r.Header, p.argument)
	}
	if r.URL == nil {
		return "", fmt.Errorf("%w: the request has no URL", hooks.ErrUnauthenticated)
	}
	if p.kind == "path" {
		return r.URL.EscapedPath(), nil
	}
	return r.URL.RequestURI(), nil
}
