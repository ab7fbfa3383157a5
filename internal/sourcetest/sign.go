package sourcetest

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"

	"github.com/sealrelay/sealrelay/hooks/verify"
)

// signers has how to sign for each verifier.
var signers = map[string]func(*Signer, message) error{
	"api-key": (*Signer).apiKey,
	"basic":   (*Signer).basic,
	"bearer":  (*Signer).bearer,
	// The connection has the certificate.
	"client-certificate":      func(*Signer, message) error { return nil },
	"doppler":                 func(s *Signer, m message) error { return s.preset(m, "X-Doppler-Signature") },
	"entra-jwt":               (*Signer).entra,
	"github":                  func(s *Signer, m message) error { return s.preset(m, "X-Hub-Signature-256") },
	"hmac":                    (*Signer).hmac,
	"http-message-signatures": (*Signer).messageSignature,
	"infisical":               (*Signer).infisical,
	"oidc-jwt":                (*Signer).oidc,
	"standard-webhooks":       (*Signer).standardWebhooks,
	"stripe":                  (*Signer).stripe,
}

// standardWebhooks signs as Standard Webhooks 1.0.0 has it, with the headers of
// Svix if the file has one of them. An ID that the file has stays.
func (s *Signer) standardWebhooks(m message) error {
	family := "webhook"
	if m.Header.Get("svix-id") != "" {
		family = "svix"
	}
	id := m.Header.Get(family + "-id")
	if id == "" {
		id = m.id
	}
	signature, err := s.standardSignature(m, id)
	if err != nil {
		return err
	}
	m.Header.Set(family+"-id", id)
	m.Header.Set(family+"-timestamp", strconv.FormatInt(m.at.Unix(), 10))
	m.Header.Set(family+"-signature", signature)
	return nil
}

func (s *Signer) standardSignature(m message, id string) (string, error) {
	if s.key != nil {
		key, ok := s.key.(ed25519.PrivateKey)
		if !ok {
			return "", errors.New("the key is not an Ed25519 key")
		}
		return verify.SignV1a(key, id, m.at, m.content()), nil
	}
	current, err := s.current(m.at)
	if err != nil {
		return "", err
	}
	secret, err := verify.ParseSecret(current.Value)
	if err != nil {
		return "", err
	}
	defer secret.Wipe()
	return verify.SignV1(secret, id, m.at, m.content())
}

func (s *Signer) bearer(m message) error {
	return s.expose(m, func(token []byte) { m.Header.Set("Authorization", "Bearer "+string(token)) })
}

func (s *Signer) basic(m message) error {
	return s.expose(m, func(password []byte) {
		pair := append([]byte(s.User+":"), password...)
		defer clear(pair)
		m.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString(pair))
	})
}

func (s *Signer) apiKey(m message) error {
	return s.expose(m, func(token []byte) {
		if s.Query == "" {
			m.Header.Set(s.Header, string(token))
			return
		}
		if m.URL.RawQuery != "" {
			m.URL.RawQuery += "&"
		}
		m.URL.RawQuery += url.QueryEscape(s.Query) + "=" + url.QueryEscape(string(token))
	})
}

// expose calls use with the credential in use.
func (s *Signer) expose(m message, use func([]byte)) error {
	current, err := s.current(m.at)
	if err != nil {
		return err
	}
	return current.Value.Expose(func(credential []byte) error {
		use(credential)
		return nil
	})
}

// preset signs the body alone.
func (s *Signer) preset(m message, header string) error {
	mac, err := s.mac(m, "", m.content())
	m.Header.Set(header, "sha256="+hexadecimal(mac))
	return err
}

// stripe signs the time and the body.
func (s *Signer) stripe(m message) error {
	at := strconv.FormatInt(m.at.Unix(), 10)
	mac, err := s.mac(m, "", []byte(at+"."), m.content())
	m.Header.Set("Stripe-Signature", "t="+at+",v1="+hexadecimal(mac))
	return err
}

// infisical signs the body, which has the time of the header in it.
func (s *Signer) infisical(m message) error {
	var body struct {
		Timestamp json.Number `json:"timestamp"`
	}
	if err := json.Unmarshal(m.body, &body); err != nil {
		return errors.New("the body is not JSON with a timestamp")
	}
	mac, err := s.mac(m, "", m.body)
	m.Header.Set("X-Infisical-Signature", "t="+body.Timestamp.String()+";"+hexadecimal(mac))
	return err
}
