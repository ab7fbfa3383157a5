package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// MessageSigner signs HTTP requests as RFC 9421 says, with an Ed25519 key. It is
// safe for concurrent use.
type MessageSigner struct {
	key ed25519.PrivateKey
	id  string
}

// NewMessageSigner returns a signer with a key, whose ID is the parameter keyid
// of its signatures. The ID is printable ASCII without quotes and backslashes.
func NewMessageSigner(key ed25519.PrivateKey, id string) (*MessageSigner, error) {
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("an Ed25519 private key has %d bytes, this one %d", ed25519.PrivateKeySize, len(key))
	}
	unfit := func(r rune) bool { return r < ' ' || r > '~' || strings.ContainsRune(`"\`, r) }
	if id == "" || strings.ContainsFunc(id, unfit) {
		return nil, errors.New("the ID of a signing key is printable ASCII without quotes and backslashes")
	}
	return &MessageSigner{key, id}, nil
}

// signatureLabel is the name of the one signature in its two headers.
const signatureLabel = "sealrelay"

// Sign adds a signature to a request: the headers Signature-Input and Signature
// (RFC 9421, section 4), over the method, the whole URL, the headers that are
// named, and, if there is a body, the header Content-Digest, which it adds too
// (RFC 9530, section 2; SHA-256). at counts in whole seconds. A named header that
// the request does not have is an error.
func (s *MessageSigner) Sign(r *http.Request, body []byte, at time.Time, headers ...string) error {
	covered := []coveredComponent{{"@method", r.Method}, {"@target-uri", r.URL.String()}}
	if len(body) > 0 {
		sum := sha256.Sum256(body)
		r.Header.Set("Content-Digest", "sha-256=:"+strictBase64.EncodeToString(sum[:])+":")
		headers = append([]string{"content-digest"}, headers...)
	}
	for _, name := range headers {
		lines := r.Header.Values(name)
		if len(lines) == 0 {
			return fmt.Errorf("the request has no header %s to sign", name)
		}
		trimmed := make([]string, len(lines))
		for i, line := range lines {
			trimmed[i] = strings.TrimSpace(line)
		}
		covered = append(covered, coveredComponent{strings.ToLower(name), strings.Join(trimmed, ", ")})
	}
	input, signature, err := signComponents(s.key, covered, ";created="+timestamp(at)+`;keyid="`+s.id+`";alg="ed25519"`)
	if err != nil {
		return err
	}
	r.Header.Set("Signature-Input", signatureLabel+"="+input)
	r.Header.Set("Signature", signatureLabel+"=:"+signature+":")
	return nil
}

// coveredComponent is what a signature covers (RFC 9421, section 2).
type coveredComponent struct{ name, value string }

// signComponents returns the signature's input, which has the parameters at its
// end, and the signature of the base that is made of both (RFC 9421, sections 2.5
// and 3.3.6).
func signComponents(key ed25519.PrivateKey, covered []coveredComponent, params string) (input, signature string, err error) {
	var base, names strings.Builder
	for i, c := range covered {
		// A line break could be taken for the end of the component's line.
		if strings.ContainsAny(c.value, "\r\n") {
			return "", "", fmt.Errorf("%s has a line break", c.name)
		}
		name := strconv.Quote(c.name)
		base.WriteString(name + ": " + c.value + "\n")
		if i > 0 {
			names.WriteByte(' ')
		}
		names.WriteString(name)
	}
	input = "(" + names.String() + ")" + params
	base.WriteString(`"@signature-params": ` + input)
	return input, strictBase64.EncodeToString(ed25519.Sign(key, []byte(base.String()))), nil
}
