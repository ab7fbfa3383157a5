package app

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/deliver"
	fetched "github.com/sealrelay/sealrelay/internal/deliver/mailbox"
	"github.com/sealrelay/sealrelay/internal/mailbox"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// callers are the agents with signing keys, without which nothing that an agent
// says can be verified.
func (b *builder) callers(registry *agentkeys.Registry) map[string]*mailbox.Agent {
	callers := map[string]*mailbox.Agent{}
	if registry == nil { // why is among the errors
		return callers
	}
	for _, agent := range registry.Agents() {
		from := b.cfg.Agents[agent.Name]
		if len(agent.SigningKeys) == 0 {
			if from.ClientCertificate != nil && !from.Awaited() {
				b.add("agent "+agent.Name, errors.New("client_certificate is for the mailbox, which needs signing_key_files beside it: receipts are signed"))
			}
			continue
		}
		if slices.ContainsFunc(agent.SigningKeys, func(key ed25519.PublicKey) bool { return key == nil }) {
			continue // it could not be read, which is among the errors
		}
		verifier, err := b.callerVerifier(agent, from.ClientCertificate)
		b.add("agent "+agent.Name, err)
		callers[agent.Name] = &mailbox.Agent{
			Name: agent.Name, Verifier: verifier, SigningKeys: agent.SigningKeys, Mailboxes: b.mailboxes(agent),
			AskedKeys: from.Enrolled != nil && from.Enrolled.Asked,
		}
	}
	return callers
}

// callerVerifier knows the agent by its certificate if it has one configured,
// else by the signature of its requests.
func (b *builder) callerVerifier(agent *agentkeys.Agent, certificate *config.Settings) (hooks.Verifier, error) {
	if certificate == nil {
		verifier, err := mailbox.NewSignatureVerifier(agent.SigningKeys)
		if err != nil {
			return nil, fmt.Errorf("signing_key_files: %w", err)
		}
		return verifier, nil
	}
	settings := b.hookSettings(*certificate)
	verifier, err := make1(verify.Table, "scheme", "client-certificate", settings)
	if err == nil {
		err = ownCertificate(settings)
	}
	if err != nil {
		return nil, fmt.Errorf("client_certificate: %w", err)
	}
	return verifier, nil
}

// ownCertificate refuses settings that each certificate of an authority meets.
func ownCertificate(settings hooks.Settings) error {
	var is struct {
		verify.ClientCertificate `yaml:",inline"`
		CAFile                   string `yaml:"ca_file"`
	}
	if err := settings.Decode(&is); err != nil {
		return err
	}
	if len(is.DNSNames)+len(is.URIs)+len(is.Emails)+len(is.Pins) == 0 {
		return errors.New("ca_file alone takes each certificate of the authority for the agent's; add dns_names, uris, emails or pins")
	}
	return nil
}

// mailboxes are the agent's destinations that it fetches from, by name.
func (b *builder) mailboxes(agent *agentkeys.Agent) []string {
	var names []string
	for _, destination := range agent.Destinations {
		if _, is := b.destinations[place{agent.Name, destination.Name}].(fetched.Destination); is {
			names = append(names, destination.Name)
		}
	}
	return names
}

// caller is the agent of that name as the configuration has it now, nil if it may
// not call.
func (a *App) caller(name string) *mailbox.Agent { return a.built.Load().callers[name] }

// attempted counts a settled attempt, and wakes an agent for which something
// waits now.
func (a *App) attempted(attempt deliver.Attempt) {
	a.observed.attempt(attempt)
	if attempt.State == outbox.Waiting {
		a.mailbox.Ring(attempt.Agent)
	}
}
