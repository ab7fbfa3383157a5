package verify

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
	"golang.org/x/net/http/httpguts"

	"github.com/sealrelay/sealrelay/hooks"
)

// Bounds of a signed request.
const (
	// maxSignatureHeader is the longest of the two headers, in bytes.
	maxSignatureHeader = 4096
	maxComponents      = 32
)

const (
	signatureInput = "Signature-Input"
	signatureField = "Signature"
	contentDigest  = "content-digest"
)

// messageSignature is the one signature of a request, as its two headers say it.
type messageSignature struct {
	components []string
	created    time.Time
	expires    time.Time
	keyID      string
	algorithm  string
	// params is the member of Signature-Input as it stands there.
	params    string
	signature []byte
}

// parseSignature reads the headers Signature-Input and Signature. They have one
// signature: of two, whoever sends the request again could leave out either, and
// it would be another message. Both are in the one form in which RFC 9651,
// section 4.1, has them written, so that no two texts are the same signature, and
// so that what was signed need not be written anew.
func parseSignature(h http.Header) (messageSignature, error) {
	line, err := single(h, signatureInput)
	if err != nil {
		return messageSignature{}, err
	}
	if len(line) > maxSignatureHeader {
		return messageSignature{}, fmt.Errorf("%w: header %s has more than %d bytes", hooks.ErrUnauthenticated, signatureInput, maxSignatureHeader)
	}
	members, err := httpsfv.UnmarshalDictionary([]string{line})
	if err != nil || len(members.Names()) != 1 {
		return messageSignature{}, fmt.Errorf("%w: header %s does not have exactly one signature", hooks.ErrUnauthenticated, signatureInput)
	}
	written, err := httpsfv.Marshal(members)
	if err != nil || !sameBytes([]byte(written), []byte(line)) {
		return messageSignature{}, fmt.Errorf("%w: header %s is not in the form of RFC 9651, section 4.1: without needless spaces and repeated parameters", hooks.ErrUnauthenticated, signatureInput)
	}
	label := members.Names()[0]
	member, _ := members.Get(label)
	list, isList := member.(httpsfv.InnerList)
	var s messageSignature
	if !isList || !s.readComponents(list.Items) || !s.readParams(list.Params) {
		return messageSignature{}, fmt.Errorf("%w: header %s has something else than names of components without parameters, each once, the parameters created and keyid, and at most expires, nonce, alg and tag", hooks.ErrUnauthenticated, signatureInput)
	}
	s.params = line[len(label)+len("="):]
	s.signature, err = parseSignatureValue(h, label)
	return s, err
}

// parseSignatureValue reads the header Signature, which is the label and a byte
// sequence (RFC 9651, section 4.1.8), and nothing else.
func parseSignatureValue(h http.Header, label string) ([]byte, error) {
	line, err := single(h, signatureField)
	if err != nil {
		return nil, err
	}
	encoded, begins := strings.CutPrefix(line, label+"=:")
	encoded, ends := strings.CutSuffix(encoded, ":")
	signature, err := decodeBase64(encoded)
	if !begins || !ends || err != nil || len(line) > maxSignatureHeader || strictBase64.EncodedLen(len(signature)) != len(encoded) {
		return nil, fmt.Errorf("%w: header %s is not one signature, padded base64 between colons, with the label that it has in %s", hooks.ErrUnauthenticated, signatureField, signatureInput)
	}
	return signature, nil
}

// readComponents reads the names of what is covered. A component with a
// parameter, such as a part of a header, is not among those that can be.
func (s *messageSignature) readComponents(items []httpsfv.Item) bool {
	if len(items) > maxComponents {
		return false
	}
	s.components = make([]string, 0, len(items))
	for _, item := range items {
		name, ok := item.Value.(string)
		if !ok || len(item.Params.Names()) > 0 || s.covers(name) || !componentName(name) {
			return false
		}
		s.components = append(s.components, name)
	}
	return true
}

// componentName says whether it is the name of a header in lower case, or of what
// RFC 9421, section 2.2, derives from a request.
func componentName(name string) bool {
	if _, is := derived[name]; is {
		return true
	}
	upper := slices.ContainsFunc([]byte(name), func(c byte) bool { return 'A' <= c && c <= 'Z' })
	return !upper && httpguts.ValidHeaderFieldName(name)
}

// readParams reads the parameters of RFC 9421, section 2.3.
func (s *messageSignature) readParams(params *httpsfv.Params) bool {
	hasCreated := false
	for _, name := range params.Names() {
		value, _ := params.Get(name)
		number, isNumber := value.(int64)
		text, isText := value.(string)
		switch {
		case name == "created" && isNumber:
			s.created, hasCreated = time.Unix(number, 0), true
		case name == "expires" && isNumber:
			s.expires = time.Unix(number, 0)
		case name == "keyid" && isText:
			s.keyID = text
		case name == "alg" && isText:
			s.algorithm = text
		case (name == "nonce" || name == "tag") && isText:
		default:
			return false
		}
	}
	return hasCreated && s.keyID != ""
}

func (s *messageSignature) covers(component string) bool {
	for _, name := range s.components {
		if sameBytes([]byte(name), []byte(component)) {
			return true
		}
	}
	return false
}

// checkCovers holds a signature to covering all that the request says: what is
// not covered, whoever passes it on can change.
func (s *messageSignature) checkCovers(r *hooks.Request) error {
	if r.URL == nil {
		return fmt.Errorf("%w: the request has no URL", hooks.ErrUnauthenticated)
	}
	hasQuery := r.URL.RawQuery != "" || r.URL.ForceQuery
	inParts := s.covers("@authority") && s.covers("@path") && (!hasQuery || s.covers("@query"))
	switch {
	case !s.covers("@method"):
		return fmt.Errorf("%w: the signature does not cover @method", hooks.ErrUnauthenticated)
	case !s.covers("@target-uri") && !inParts:
		return fmt.Errorf("%w: the signature covers neither @target-uri nor @authority, @path and, with a query, @query", hooks.ErrUnauthenticated)
	case !s.covers(contentDigest) && !bodyless(r):
		return fmt.Errorf("%w: the signature does not cover content-digest, without which the body is anybody's", hooks.ErrUnauthenticated)
	}
	return nil
}

func (s *messageSignature) checkTimes(received time.Time, tolerance time.Duration) error {
	if err := checkFresh(received, s.created, tolerance); err != nil {
		return err
	}
	if !s.expires.IsZero() && received.After(s.expires) {
		return fmt.Errorf("%w: the signature has expired", hooks.ErrUnauthenticated)
	}
	return nil
}
