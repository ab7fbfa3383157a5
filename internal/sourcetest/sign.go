package sourcetest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// Signer signs requests as a source's sender would. It is safe for concurrent
// use until its Wipe.
type Signer struct {
	scheme string
	credentials
	key crypto.Signer
}

// credentials are what a verifier's settings have that a sender has as well.
type credentials struct {
	Secrets     []*hooks.Value `yaml:"secrets"`
	SecretFiles []string       `yaml:"secret_files"`
	Tokens      []*hooks.Value `yaml:"tokens"`
	TokenFiles  []string       `yaml:"token_files"`
	// Others are the settings that do not concern a sender.
	Others map[string]any `yaml:",inline"`
}

// NewSigner takes the credentials from the settings of a source's verifier. key
// signs for schemes of which the service has the public half only; it is nil if
// there is none.
func NewSigner(scheme string, settings hooks.Settings, key crypto.Signer) (*Signer, error) {
	s := &Signer{scheme: scheme, key: key}
	if err := settings.Decode(&s.credentials); err != nil {
		return nil, fmt.Errorf("verify %s: %w", scheme, err)
	}
	for _, from := range []struct {
		files []string
		into  *[]*hooks.Value
	}{{s.SecretFiles, &s.Secrets}, {s.TokenFiles, &s.Tokens}} {
		for _, file := range from.files {
			value, err := settings.ReadSecret(file)
			if err != nil {
				s.Wipe()
				return nil, fmt.Errorf("verify %s: %w", scheme, err)
			}
			*from.into = append(*from.into, value)
		}
	}
	return s, nil
}

// Wipe overwrites the credentials.
func (s *Signer) Wipe() {
	for _, value := range append(s.Secrets, s.Tokens...) {
		value.Wipe()
	}
}

// message is what is signed.
type message struct {
	*http.Request
	id   string
	body []byte
	at   time.Time
}

// content is what a scheme signs that signs the body: the target of a request
// that has none.
func (m message) content() []byte {
	if len(m.body) == 0 {
		return []byte(m.URL.RequestURI())
	}
	return m.body
}

// signers has how to sign for each scheme.
var signers = map[string]func(*Signer, message) error{
	"standard-webhooks": func(s *Signer, m message) error { return s.standardWebhooks(m, "webhook") },
	"svix":              func(s *Signer, m message) error { return s.standardWebhooks(m, "svix") },
	"bearer":            (*Signer).bearer,
	"github": func(s *Signer, m message) error {
		return s.hexMAC(func(mac string) { m.Header.Set("X-Hub-Signature-256", "sha256="+mac) }, m.content())
	},
	"doppler": func(s *Signer, m message) error {
		return s.hexMAC(func(mac string) { m.Header.Set("X-Doppler-Signature", "sha256="+mac) }, m.content())
	},
	"stripe":    (*Signer).stripe,
	"infisical": (*Signer).infisical,
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
		return "this program cannot sign for the verifier " + scheme
	}
	return ""
}

func (s *Signer) sign(r *http.Request, id string, body []byte, at time.Time) error {
	return signers[s.scheme](s, message{r, id, body, at})
}

// first is the credential in use: the first one, which a sender gets last.
func first(values []*hooks.Value, what string) (*hooks.Value, error) {
	if len(values) == 0 {
		return nil, errors.New("the source has no " + what)
	}
	return values[0], nil
}

// standardWebhooks signs as Standard Webhooks 1.0.0 has it, for either family of
// headers. An ID that the file has stays.
func (s *Signer) standardWebhooks(m message, family string) error {
	id := m.Header.Get(family + "-id")
	if id == "" {
		id = m.id
	}
	signature, err := s.standardSignature(id, m)
	if err != nil {
		return err
	}
	m.Header.Set(family+"-id", id)
	m.Header.Set(family+"-timestamp", strconv.FormatInt(m.at.Unix(), 10))
	m.Header.Set(family+"-signature", signature)
	return nil
}

func (s *Signer) standardSignature(id string, m message) (string, error) {
	if s.key != nil {
		key, ok := s.key.(ed25519.PrivateKey)
		if !ok {
			return "", errors.New("the key is not an Ed25519 key")
		}
		return verify.SignV1a(key, id, m.at, m.content()), nil
	}
	text, err := first(s.Secrets, "secret; give --sign-key")
	if err != nil {
		return "", err
	}
	secret, err := verify.ParseSecret(text)
	if err != nil {
		return "", err
	}
	defer secret.Wipe()
	return verify.SignV1(secret, id, m.at, m.content())
}

func (s *Signer) bearer(m message) error {
	token, err := first(s.Tokens, "token")
	if err != nil {
		return err
	}
	return token.Expose(func(token []byte) error {
		m.Header.Set("Authorization", "Bearer "+string(token))
		return nil
	})
}

// hexMAC sets the HMAC-SHA256 of the parts, in hexadecimal.
func (s *Signer) hexMAC(set func(string), parts ...[]byte) error {
	secret, err := first(s.Secrets, "secret")
	if err != nil {
		return err
	}
	return secret.Expose(func(key []byte) error {
		mac := hmac.New(sha256.New, key)
		for _, part := range parts {
			mac.Write(part)
		}
		set(hex.EncodeToString(mac.Sum(nil)))
		return nil
	})
}

// stripe signs the time and the body.
func (s *Signer) stripe(m message) error {
	at := strconv.FormatInt(m.at.Unix(), 10)
	return s.hexMAC(func(mac string) { m.Header.Set("Stripe-Signature", "t="+at+",v1="+mac) }, []byte(at+"."), m.content())
}

// infisical signs the body, which has the time of the header in it.
func (s *Signer) infisical(m message) error {
	var body struct {
		Timestamp json.Number `json:"timestamp"`
	}
	if err := json.Unmarshal(m.body, &body); err != nil {
		return errors.New("the body is not JSON with a timestamp")
	}
	return s.hexMAC(func(mac string) { m.Header.Set("X-Infisical-Signature", "t="+body.Timestamp.String()+";"+mac) }, m.body)
}

// newID is an ID for a case, which no other run has.
func newID() string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return "test_" + hex.EncodeToString(random[:])
}
