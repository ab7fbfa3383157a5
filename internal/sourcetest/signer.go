package sourcetest

import (
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// Signer signs requests as a source's sender would. It is safe for concurrent
// use until its Wipe.
type Signer struct {
	scheme string
	settings
	values []credential
	// key signs where the service has the public half only; nil if there is none.
	key crypto.Signer
}

// settings are what verifiers' settings have that concerns a sender as well.
type settings struct {
	Secrets       []*hooks.Value `yaml:"secrets"`
	SecretFiles   []string       `yaml:"secret_files"`
	Tokens        []*hooks.Value `yaml:"tokens"`
	TokenFiles    []string       `yaml:"token_files"`
	Passwords     []*hooks.Value `yaml:"passwords"`
	PasswordFiles []string       `yaml:"password_files"`
	Keys          []credential   `yaml:"keys"`

	User            string   `yaml:"user"`
	Header          string   `yaml:"header"`
	Query           string   `yaml:"query"`
	Algorithm       string   `yaml:"algorithm"`
	Encoding        string   `yaml:"encoding"`
	Prefix          string   `yaml:"prefix"`
	Signed          []string `yaml:"signed"`
	TimestampHeader string   `yaml:"timestamp_header"`
	TimestampFormat string   `yaml:"timestamp_format"`
	Issuer          string   `yaml:"issuer"`
	Audience        string   `yaml:"audience"`
	Emails          []string `yaml:"emails"`
	Subjects        []string `yaml:"subjects"`
	Tenant          string   `yaml:"tenant"`
	Applications    []string `yaml:"applications"`

	// Others do not concern a sender.
	Others map[string]any `yaml:",inline"`
}

// credential is a secret, token or password, and when it counts.
type credential struct {
	Value     *hooks.Value   `yaml:"value"`
	File      string         `yaml:"file"`
	NotBefore time.Time      `yaml:"not_before"`
	NotAfter  time.Time      `yaml:"not_after"`
	ID        string         `yaml:"id"`
	Algorithm string         `yaml:"algorithm"`
	Others    map[string]any `yaml:",inline"`
}

// NewSigner takes the credentials from the settings of a source's verifier. key
// signs for schemes of which the service has the public half only; it is nil if
// there is none.
func NewSigner(scheme string, from hooks.Settings, key crypto.Signer) (*Signer, error) {
	s := &Signer{scheme: scheme, key: key}
	if err := from.Decode(&s.settings); err != nil {
		return nil, fmt.Errorf("verify %s: %w", scheme, err)
	}
	for _, value := range slices.Concat(s.Secrets, s.Tokens, s.Passwords) {
		s.values = append(s.values, credential{Value: value})
	}
	for _, file := range slices.Concat(s.SecretFiles, s.TokenFiles, s.PasswordFiles) {
		s.values = append(s.values, credential{File: file})
	}
	s.values = append(s.values, s.Keys...)
	for i, c := range s.values {
		if c.File == "" {
			continue
		}
		var err error
		if s.values[i].Value, err = from.ReadSecret(c.File); err != nil {
			s.Wipe()
			return nil, fmt.Errorf("verify %s: %w", scheme, err)
		}
	}
	return s, nil
}

// Wipe overwrites the credentials.
func (s *Signer) Wipe() {
	for _, c := range s.values {
		c.Value.Wipe()
	}
}

// refuses says why nothing can be signed for the scheme; empty if it can.
func (s *Signer) refuses(scheme string) string {
	_, known := signers[scheme]
	switch {
	case s == nil:
		return "it has to be signed, and there is no configuration with the source's secret"
	case scheme != s.scheme:
		return fmt.Sprintf("it is for the verifier %s, and the source has %s", printable(scheme), s.scheme)
	case !known:
		return "this program cannot sign for the verifier " + scheme + "; send a file that is signed already"
	}
	return ""
}

// message is what is signed.
type message struct {
	*http.Request
	id   string
	body []byte
	at   time.Time
}

// content is what a scheme signs that signs the body: of a request that has
// none, what stands in for it.
func (m message) content() []byte {
	if len(m.body) == 0 {
		return hooks.RequestLine(m.Method, m.URL)
	}
	return m.body
}

func (s *Signer) sign(m message) error { return signers[s.scheme](s, m) }

var errNoCredential = errors.New("the source's verifier has no secret or token that counts now")

// current is the first credential that counts at the time.
func (s *Signer) current(at time.Time) (credential, error) {
	for _, c := range s.values {
		if c.Value != nil && !at.Before(c.NotBefore) && (c.NotAfter.IsZero() || !at.After(c.NotAfter)) {
			return c, nil
		}
	}
	return credential{}, errNoCredential
}
