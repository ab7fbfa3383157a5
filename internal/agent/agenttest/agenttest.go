// Package agenttest makes agents for tests, and a service that seals for them.
package agenttest

import (
	"crypto/ed25519"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// Epoch is when version 0 of everything would have been sealed.
var Epoch = time.Unix(1_700_000_000, 0)

// Service signs statements.
type Service struct {
	signer *statement.Signer
	public string
}

// NewService makes a service with a key of its own.
func NewService(t testing.TB) *Service {
	t.Helper()
	private, public := generate(t, "ed25519")
	key, err := keys.ParseSigning(private)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := statement.NewSigner(key, "relay")
	if err != nil {
		t.Fatal(err)
	}
	return &Service{signer, public}
}

// Agent is an agent's folder: agent.yaml and the keys it names.
type Agent struct {
	Name, Dir string
	// Signing verifies its receipts.
	Signing ed25519.PublicKey

	t         testing.TB
	service   *Service
	recipient crypto.Recipient
	format    string
}

// New makes an agent that trusts the service, with a key of that kind, in a folder
// that it names. more is added to agent.yaml.
func New(t testing.TB, dir string, service *Service, name, kind, more string) *Agent {
	t.Helper()
	a := &Agent{Name: name, Dir: dir, t: t, service: service}
	private, public := generate(t, kind)
	parsed, err := keys.ParsePublic([]byte(public))
	if err != nil {
		t.Fatal(err)
	}
	recipient, format, err := formats.RecipientFor(parsed, "")
	if err != nil {
		t.Fatal(err)
	}
	a.recipient, a.format = recipient, format.Name
	signing, signingPublic := generate(t, "ed25519")
	if a.Signing, err = keys.ParseVerifying([]byte(signingPublic)); err != nil {
		t.Fatal(err)
	}
	a.Write("agent.key", string(private))
	a.Write("signing.key", string(signing))
	a.Write("service.pub", service.public)
	a.Write("agent.yaml", "name: "+name+"\nidentities:\n  - file: agent.key\nservice_key_files: [service.pub]\nsigning_key_file: signing.key\n"+more)
	return a
}

func generate(t testing.TB, kind string) (private []byte, public string) {
	t.Helper()
	private, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	return private, public + "\n"
}

// Path is that of a file in the agent's folder.
func (a *Agent) Path(name string) string { return filepath.Join(a.Dir, name) }

// Write writes a file of the agent's folder, for its owner only.
func (a *Agent) Write(name, text string) {
	a.t.Helper()
	if err := os.WriteFile(a.Path(name), []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// Config loads agent.yaml.
func (a *Agent) Config() *config.Config {
	a.t.Helper()
	c, err := config.Load(a.Path("agent.yaml"))
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// Claims are those of an envelope for the agent, sealed the version's number of
// seconds after Epoch.
func (a *Agent) Claims(secret string, version int64, envelope []byte) statement.Claims {
	claims := statement.Claims{
		Agent: a.Name, Secret: secret, Version: version, Operation: "set", Format: a.format, KeyID: a.recipient.KeyID(),
		Digest: statement.Digest(envelope), IssuedAt: Epoch.Add(time.Duration(version) * time.Second),
	}
	if envelope == nil {
		claims.Operation = "delete"
	}
	return claims
}

// Seal seals a value for the agent.
func (a *Agent) Seal(value string) []byte {
	a.t.Helper()
	envelope, err := a.recipient.Seal([]byte(value))
	if err != nil {
		a.t.Fatal(err)
	}
	return envelope
}

// Sign signs a statement of the service.
func (s *Service) Sign(t testing.TB, claims statement.Claims) string {
	t.Helper()
	token, err := s.signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Set is the delivery of a version with a value.
func (a *Agent) Set(secret string, version int64, value string) wire.Delivery {
	a.t.Helper()
	envelope := a.Seal(value)
	return wire.Delivery{Envelope: envelope, Statement: a.service.Sign(a.t, a.Claims(secret, version, envelope))}
}

// Delete is the delivery of a version that deletes.
func (a *Agent) Delete(secret string, version int64) wire.Delivery {
	a.t.Helper()
	return wire.Delivery{Statement: a.service.Sign(a.t, a.Claims(secret, version, nil))}
}
