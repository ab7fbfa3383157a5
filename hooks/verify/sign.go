package verify

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"strconv"
	"time"
)

// The names of the three headers of a signed request, and the schemes that its
// signatures begin with (Standard Webhooks 1.0.0).
const (
	IDHeader        = "webhook-id"
	TimestampHeader = "webhook-timestamp"
	SignatureHeader = "webhook-signature"

	schemeV1  = "v1,"
	schemeV1a = "v1a,"
)

// SignV1 returns the symmetric signature of a message, as it stands in the
// webhook-signature header: HMAC-SHA256 over id.timestamp.body (Standard
// Webhooks 1.0.0, RFC 2104). at counts in whole seconds. The error is
// secretbytes.ErrWiped after the secret's Wipe.
func SignV1(secret *Secret, id string, at time.Time, body []byte) (string, error) {
	mac, err := secret.mac(id, timestamp(at), body)
	if err != nil {
		return "", err
	}
	return schemeV1 + strictBase64.EncodeToString(mac), nil
}

// SignV1a returns the asymmetric signature of a message, as it stands in the
// webhook-signature header: Ed25519 over id.timestamp.body (Standard Webhooks
// 1.0.0, RFC 8032). at counts in whole seconds. The message is copied for the
// signature; the copy is wiped.
func SignV1a(key ed25519.PrivateKey, id string, at time.Time, body []byte) string {
	message := signed(id, timestamp(at), body)
	defer clear(message)
	return schemeV1a + strictBase64.EncodeToString(ed25519.Sign(key, message))
}

func timestamp(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

// mac is the HMAC-SHA256 of id.timestamp.body.
func (s *Secret) mac(id, timestamp string, body []byte) ([]byte, error) {
	var sum []byte
	err := s.key.Expose(func(key []byte) error {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(id + "." + timestamp + "."))
		h.Write(body)
		sum = h.Sum(nil)
		return nil
	})
	return sum, err
}

// signed is id.timestamp.body in a buffer that the caller wipes: Ed25519 takes
// the message in one piece.
func signed(id, timestamp string, body []byte) []byte {
	message := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	message = append(message, id+"."+timestamp+"."...)
	return append(message, body...)
}
