package js7joc

import (
	"context"
	"slices"
)

// Certificate is an encipherment certificate that the JOC Cockpit keeps.
type Certificate struct {
	Alias string `json:"certAlias"`
	// PEM is the certificate, or a bare public key.
	PEM string `json:"certificate"`
	// PrivateKeyPath is where the agents have the private key.
	PrivateKeyPath string `json:"privateKeyPath"`
}

// Certificates are all encipherment certificates.
func (s *Session) Certificates(ctx context.Context) ([]Certificate, error) {
	var answer struct {
		Certificates []Certificate `json:"certificates"`
	}
	err := s.call(ctx, "encipherment/certificate", map[string]any{"certAliases": []string{}}, &answer)
	return answer.Certificates, err
}

// Assignments are the agents' IDs by alias of certificate. All are asked for, as the
// JOC Cockpit's own filter by alias has no effect.
func (s *Session) Assignments(ctx context.Context) (map[string][]string, error) {
	var answer struct {
		Mappings []struct {
			Alias  string   `json:"certAlias"`
			Agents []string `json:"agentId"`
		} `json:"mappings"`
	}
	if err := s.call(ctx, "encipherment/assignment", map[string]any{"agentIds": []string{}}, &answer); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, mapping := range answer.Mappings {
		out[mapping.Alias] = append(out[mapping.Alias], mapping.Agents...)
	}
	for _, agents := range out {
		slices.Sort(agents)
	}
	return out, nil
}

// StoreCertificate stores a certificate, or replaces that of the alias. The JOC Cockpit
// also makes a Job Resource of the alias's name in the folder, or changes the one of that
// name, wherever it is, and moves it there.
func (s *Session) StoreCertificate(ctx context.Context, certificate Certificate, folder, comment string) error {
	body := map[string]any{"certAlias": certificate.Alias, "certificate": certificate.PEM, "jobResourceFolder": folder}
	if certificate.PrivateKeyPath != "" {
		body["privateKeyPath"] = certificate.PrivateKeyPath
	}
	if log := auditLog(comment); log != nil {
		body["auditLog"] = log
	}
	return s.call(ctx, "encipherment/certificate/store", body, nil)
}

// DeleteCertificate deletes a certificate with its assignments. The Job Resource of its
// name stays. It is no error if there is none.
func (s *Session) DeleteCertificate(ctx context.Context, alias, comment string) error {
	body := map[string]any{"certAlias": alias}
	if log := auditLog(comment); log != nil {
		body["auditLog"] = log
	}
	return s.call(ctx, "encipherment/certificate/delete", body, nil)
}

// Assign assigns a certificate to an agent, and Unassign takes that back.
func (s *Session) Assign(ctx context.Context, alias, agent string) error {
	return s.call(ctx, "encipherment/assignment/add", map[string]string{"certAlias": alias, "agentId": agent}, nil)
}

// Unassign takes an assignment back.
func (s *Session) Unassign(ctx context.Context, alias, agent string) error {
	return s.call(ctx, "encipherment/assignment/remove", map[string]string{"certAlias": alias, "agentId": agent}, nil)
}

// Find reads the Job Resource of a name, in whatever folder it is.
func (s *Session) Find(ctx context.Context, name string) (*Resource, error) {
	var found Resource
	err := s.call(ctx, "inventory/read/configuration", map[string]string{"path": name, "objectType": objectType}, &found)
	if err != nil {
		return nil, err
	}
	return &found, nil
}
