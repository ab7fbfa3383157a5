package https

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// maxSecrets bounds the shared secrets, each of which is a signature.
const maxSecrets = 4

// signer shows that a request is the service's.
type signer struct {
	key     ed25519.PrivateKey
	message *verify.MessageSigner
	secrets []*verify.Secret
}

func newSigner(key ed25519.PrivateKey, files []string, read func(string) (*hooks.Value, error)) (*signer, error) {
	id, err := keys.ID(key.Public())
	if err != nil {
		return nil, err
	}
	message, err := verify.NewMessageSigner(key, id)
	if err != nil {
		return nil, err
	}
	if len(files) > maxSecrets {
		return nil, fmt.Errorf("secret_files has more than %d entries; remove the oldest", maxSecrets)
	}
	s := &signer{key: key, message: message}
	for i, file := range files {
		text, err := read(file)
		if err != nil {
			return nil, fmt.Errorf("secret_files: %w", err)
		}
		secret, err := verify.ParseSecret(text)
		text.Wipe()
		if err != nil {
			return nil, fmt.Errorf("secret_files: entry %d: %w", i+1, err)
		}
		s.secrets = append(s.secrets, secret)
	}
	return s, nil
}

// sign adds the headers of Standard Webhooks 1.0.0 and of RFC 9421; the latter
// covers the ID, by which a receiver knows a repeat.
func (s *signer) sign(r *http.Request, body []byte, id string, at time.Time) error {
	signatures := []string{verify.SignV1a(s.key, id, at, body)}
	for _, secret := range s.secrets {
		signature, err := verify.SignV1(secret, id, at, body)
		if err != nil {
			return err
		}
		signatures = append(signatures, signature)
	}
	r.Header.Set(verify.IDHeader, id)
	r.Header.Set(verify.TimestampHeader, strconv.FormatInt(at.Unix(), 10))
	r.Header.Set(verify.SignatureHeader, strings.Join(signatures, " "))
	return s.message.Sign(r, body, at, "content-type", verify.IDHeader)
}

// messageID is the same at each attempt at a version: "msg_" and 32 hexadecimal
// digits, which tell nothing of the names.
func messageID(d outbox.Delivery) string {
	h := sha256.New()
	for _, part := range []string{d.Agent, d.Destination, d.Secret} {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part))) // A hash takes what it is given.
		h.Write([]byte(part))
	}
	_ = binary.Write(h, binary.BigEndian, d.Version)
	return "msg_" + hex.EncodeToString(h.Sum(nil)[:16])
}

func (d *Destination) request(ctx context.Context, delivery outbox.Delivery) (*http.Request, error) {
	body, err := json.Marshal(wire.Delivery{Envelope: delivery.Envelope, Statement: delivery.Statement})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, "+wire.ProblemType)
	request.Header.Set("User-Agent", "sealrelay")
	return request, d.signer.sign(request, body, messageID(delivery), time.Now())
}
