package agent_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent"
)

const plaintext = "tiger"

// pair is a key pair of one kind.
type pair struct {
	private   any
	recipient crypto.Recipient
	format    string
}

func newPair(t *testing.T, kind string) pair {
	t.Helper()
	private, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	key, err := keys.ParsePrivate(private, nil)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := keys.ParsePublic([]byte(public))
	if err != nil {
		t.Fatal(err)
	}
	recipient, format, err := formats.RecipientFor(parsed, "")
	if err != nil {
		t.Fatal(err)
	}
	return pair{key, recipient, format.Name}
}

func (p pair) seal(t *testing.T) []byte {
	t.Helper()
	envelope, err := p.recipient.Seal([]byte(plaintext))
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

// claims are those of an envelope that was sealed for the pair.
func (p pair) claims(envelope []byte) statement.Claims {
	return statement.Claims{
		Agent: "web", Secret: "prod/db", Version: 3, Operation: "set", Format: p.format, KeyID: p.recipient.KeyID(),
		Digest: statement.Digest(envelope), IssuedAt: time.Unix(1_700_000_000, 0),
	}
}

// service is one that signs statements.
func service(t *testing.T) (*statement.Signer, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := statement.NewSigner(private, "relay")
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

func sign(t *testing.T, signer *statement.Signer, claims statement.Claims) string {
	t.Helper()
	token, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestOpenBound(t *testing.T) {
	signer, trusted := service(t)
	stranger, strangersKey := service(t)
	for _, kind := range []string{"age", "ec-p256", "rsa-2048"} {
		mine, other := newPair(t, kind), newPair(t, kind)
		envelope := mine.seal(t)
		good := mine.claims(envelope)
		with := func(change func(*statement.Claims)) statement.Claims {
			claims := good
			change(&claims)
			return claims
		}
		expected := statement.Claims{Issuer: "relay", Agent: "web", Secret: "prod/db", Version: 3}
		for _, tc := range []struct {
			name     string
			private  any
			envelope []byte
			token    string
			want     statement.Claims
			trusted  []ed25519.PublicKey
			fails    error
		}{
			{"as it was sent", mine.private, envelope, sign(t, signer, good), expected, []ed25519.PublicKey{trusted}, nil},
			{"nothing in particular is wanted", mine.private, envelope, sign(t, signer, good), statement.Claims{}, []ed25519.PublicKey{trusted}, nil},
			{"one of two trusted keys", mine.private, envelope, sign(t, signer, good), expected, []ed25519.PublicKey{strangersKey, trusted}, nil},
			{"no trusted key", mine.private, envelope, sign(t, signer, good), expected, nil, statement.ErrSignature},
			{"signed by a stranger", mine.private, envelope, sign(t, stranger, good), expected, []ed25519.PublicKey{trusted}, statement.ErrSignature},
			{"unsigned", mine.private, envelope, "", expected, []ed25519.PublicKey{trusted}, statement.ErrSignature},
			{"for another agent", mine.private, envelope, sign(t, signer, with(func(c *statement.Claims) { c.Agent = "db" })), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"another secret", mine.private, envelope, sign(t, signer, with(func(c *statement.Claims) { c.Secret = "prod/other" })), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"an older version", mine.private, envelope, sign(t, signer, with(func(c *statement.Claims) { c.Version = 2 })), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"another issuer is wanted", mine.private, envelope, sign(t, signer, good), statement.Claims{Issuer: "else"}, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"a delete", mine.private, nil, sign(t, signer, with(func(c *statement.Claims) { c.Operation, c.Digest = "delete", statement.Digest(nil) })), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"another envelope of the same value", mine.private, mine.seal(t), sign(t, signer, good), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"an envelope for somebody else", mine.private, other.seal(t), sign(t, signer, good), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"another private key", other.private, envelope, sign(t, signer, good), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"another format is said", mine.private, envelope, sign(t, signer, with(func(c *statement.Claims) { c.Format = "cms" })), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
			{"another key is said", mine.private, envelope, sign(t, signer, with(func(c *statement.Claims) { c.KeyID = other.recipient.KeyID() })), expected, []ed25519.PublicKey{trusted}, statement.ErrMismatch},
		} {
			t.Run(kind+"/"+tc.name, func(t *testing.T) {
				opened, err := agent.OpenBound([]any{tc.private}, tc.envelope, tc.token, tc.want, tc.trusted...)
				if !errors.Is(err, tc.fails) || (opened == nil) != (tc.fails != nil) {
					t.Fatalf("got %v, %v, want %v", opened, err, tc.fails)
				}
				if err != nil {
					if strings.Contains(err.Error(), plaintext) {
						t.Errorf("the error has the value: %v", err)
					}
					return
				}
				_ = opened.Expose(func(got []byte) error {
					if string(got) != plaintext {
						t.Errorf("opened %q", got)
					}
					return nil
				})
			})
		}
	}
}

// TestOpenBoundDamaged has an envelope that is signed as it is, yet does not
// open: the service itself sent nonsense.
func TestOpenBoundDamaged(t *testing.T) {
	signer, trusted := service(t)
	mine := newPair(t, "age")
	damaged := mine.seal(t)
	damaged[len(damaged)-1] ^= 1
	opened, err := agent.OpenBound([]any{mine.private}, damaged, sign(t, signer, mine.claims(damaged)), statement.Claims{}, trusted)
	if opened != nil || !errors.Is(err, crypto.ErrDamaged) {
		t.Errorf("got %v, %v", opened, err)
	}
}

func TestOpen(t *testing.T) {
	mine, other := newPair(t, "age"), newPair(t, "age")
	opened, err := agent.Open([]any{mine.private}, mine.seal(t))
	if err != nil {
		t.Fatal(err)
	}
	_ = opened.Expose(func(got []byte) error {
		if string(got) != plaintext {
			t.Errorf("opened %q", got)
		}
		return nil
	})
	if opened, err := agent.Open([]any{mine.private}, other.seal(t)); opened != nil || !errors.Is(err, crypto.ErrNoMatch) {
		t.Errorf("for somebody else: %v, %v", opened, err)
	}
	if opened, err := agent.Open([]any{mine.private}, []byte("nothing of the kind")); opened != nil || err == nil {
		t.Errorf("no envelope: %v, %v", opened, err)
	}
}
