package service

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// escrowStore has one copy, whatever it is asked for.
type escrowStore struct {
	outbox.Outbox
	copied outbox.Escrow
}

func (s escrowStore) Escrow(context.Context, string) (outbox.Escrow, error) { return s.copied, nil }

// TestResealRefusesWhatIsNotBound: whoever can write to the outbox must not have
// one secret's value sealed for those who get another.
func TestResealRefusesWhatIsNotBound(t *testing.T) {
	private, public, err := keys.Generate("age")
	if err != nil {
		t.Fatal(err)
	}
	identity, err := keys.ParsePrivate(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := agentkeys.NewKey([]byte(public), agentkeys.Requirements{})
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := key.Recipient.Seal([]byte("tiger"))
	if err != nil {
		t.Fatal(err)
	}
	service, signing, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, foreign, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := statement.Claims{
		Agent: agentkeys.Escrow, Secret: "a", Version: 2, Operation: "set", Format: "age", KeyID: key.ID,
		Digest: statement.Digest(envelope), IssuedAt: time.Now(),
	}
	for _, tc := range []struct {
		name   string
		key    ed25519.PrivateKey
		issuer string
		change func(*statement.Claims)
		bytes  []byte
		want   error
	}{
		{"another secret's", signing, "relay", func(c *statement.Claims) { c.Secret = "b" }, envelope, statement.ErrMismatch},
		{"another version's", signing, "relay", func(c *statement.Claims) { c.Version = 1 }, envelope, statement.ErrMismatch},
		{"an agent's", signing, "relay", func(c *statement.Claims) { c.Agent = "web" }, envelope, statement.ErrMismatch},
		{"another service's", signing, "other", func(*statement.Claims) {}, envelope, statement.ErrMismatch},
		{"signed by somebody else", foreign, "relay", func(*statement.Claims) {}, envelope, statement.ErrSignature},
		{"another envelope", signing, "relay", func(*statement.Claims) {}, append([]byte{}, envelope[1:]...), statement.ErrMismatch},
		{"for another key", signing, "relay", func(c *statement.Claims) { c.KeyID = "sha256:00" }, envelope, statement.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			signer, err := statement.NewSigner(tc.key, tc.issuer)
			if err != nil {
				t.Fatal(err)
			}
			claims := good
			tc.change(&claims)
			token, err := signer.Sign(claims)
			if err != nil {
				t.Fatal(err)
			}
			r := &resealer{
				store:    escrowStore{copied: outbox.Escrow{Secret: "a", Version: 2, Format: "age", KeyID: key.ID, Envelope: tc.bytes, Statement: token}},
				privates: []any{identity}, issuer: "relay", service: service,
			}
			if _, err := r.reseal(t.Context(), chosenSecret{name: "a"}); !errors.Is(err, tc.want) {
				t.Errorf("error %v, want %v", err, tc.want)
			}
		})
	}
}
