package joctest

import (
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// certificate is an encipherment certificate.
type certificate struct {
	text, privateKeyPath string
	agents               []string
}

// PutCertificate makes or replaces an encipherment certificate, assigned to the agents,
// without a Job Resource.
func (s *Server) PutCertificate(alias, text string, agents ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.certificates[alias] = &certificate{text: text, agents: agents}
}

// Encipherment is the text of an encipherment certificate, and the agents that it is
// assigned to; ok is false if there is none.
func (s *Server) Encipherment(alias string) (text string, agents []string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.certificates[alias]
	if c == nil {
		return "", nil, false
	}
	return c.text, slices.Sorted(slices.Values(c.agents)), true
}

// Exists says whether there is a Job Resource of that path.
func (s *Server) Exists(at string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resources[at] != nil
}

func ok() reply { return reply{status: 200, body: map[string]any{"ok": true}} }

func denied(token string) reply {
	return reply{status: 403, body: map[string]any{"accessToken": token, "isPermitted": false, "message": "Access denied"}}
}

// encipherment answers what is below encipherment/.
func (s *Server) encipherment(token, name string, body []byte) reply {
	if s.knobs.NoCertificates || s.knobs.NoAssignments && strings.HasPrefix(name, "assignment/") {
		return denied(token)
	}
	switch name {
	case "certificate":
		return s.listCertificates(body)
	case "assignment":
		return s.assignments(body)
	case "certificate/store":
		return s.change(token, body, s.storeCertificate)
	case "certificate/delete":
		return s.change(token, body, s.deleteCertificate)
	case "assignment/add":
		return s.change(token, body, func(body []byte) reply { return s.assign(body, true) })
	case "assignment/remove":
		return s.change(token, body, func(body []byte) reply { return s.assign(body, false) })
	}
	return reply{status: 404}
}

func (s *Server) listCertificates(body []byte) reply {
	var asked struct {
		Aliases []string `json:"certAliases"`
	}
	if len(body) > 0 && !strict(body, &asked) {
		return invalid("JOC-400")
	}
	found := []map[string]string{}
	for alias, c := range s.certificates {
		if len(asked.Aliases) == 0 || slices.Contains(asked.Aliases, alias) {
			found = append(found, map[string]string{"certAlias": alias, "certificate": c.text, "privateKeyPath": c.privateKeyPath})
		}
	}
	return reply{status: 200, body: map[string]any{"certificates": found}}
}

// assignments are those of the agents that are asked for. Those of certificates cannot be
// asked for: whatever aliases are given, all assignments are the answer.
func (s *Server) assignments(body []byte) reply {
	var asked struct {
		Agents  *[]string `json:"agentIds"`
		Aliases *[]string `json:"certAliases"`
	}
	if !strict(body, &asked) || (asked.Agents == nil) == (asked.Aliases == nil) {
		return invalid("JOC-400")
	}
	mappings := []map[string]any{}
	for alias, c := range s.certificates {
		agents := []string{}
		for _, agent := range c.agents {
			if asked.Agents == nil || len(*asked.Agents) == 0 || slices.Contains(*asked.Agents, agent) {
				agents = append(agents, agent)
			}
		}
		if len(agents) > 0 {
			mappings = append(mappings, map[string]any{"certAlias": alias, "agentId": agents})
		}
	}
	return reply{status: 200, body: map[string]any{"mappings": mappings}}
}

// storeCertificate keeps a certificate, and makes the Job Resource of its name: one of
// that name, wherever it is, is changed and moved.
func (s *Server) storeCertificate(body []byte) reply {
	var asked struct {
		Alias          string   `json:"certAlias"`
		Certificate    string   `json:"certificate"`
		Folder         string   `json:"jobResourceFolder"`
		PrivateKeyPath string   `json:"privateKeyPath"`
		AuditLog       auditLog `json:"auditLog"`
	}
	if !strict(body, &asked) || asked.Alias == "" || asked.Folder == "" {
		return invalid("JOC-400")
	}
	if blocks := strings.Count(asked.Certificate, "-----BEGIN CERTIFICATE-----") + strings.Count(asked.Certificate, "PUBLIC KEY-----\n"); blocks != 1 {
		return invalid("JOC-420")
	}
	kept := s.certificates[asked.Alias]
	if kept == nil {
		kept = &certificate{}
		s.certificates[asked.Alias] = kept
	}
	kept.text, kept.privateKeyPath = asked.Certificate, asked.PrivateKeyPath
	to := path.Join(asked.Folder, asked.Alias)
	at, r := s.find(asked.Alias)
	if r == nil {
		r = &resource{onController: map[string]string{}, configuration: map[string]json.RawMessage{"TYPE": json.RawMessage(`"JobResource"`)}}
	}
	delete(s.resources, at)
	s.resources[to] = r
	r.valid = true
	arguments, env := expressions(r.configuration["arguments"]), expressions(r.configuration["env"])
	arguments["encipherment_certificate"] = quoted(asked.Certificate)
	env["ENCIPHERMENT_CERTIFICATE"] = "$encipherment_certificate"
	if asked.PrivateKeyPath != "" {
		arguments["encipherment_private_key_path"] = quoted(asked.PrivateKeyPath)
		env["ENCIPHERMENT_PRIVATE_KEY_PATH"] = "$encipherment_private_key_path"
	}
	r.configuration["arguments"], r.configuration["env"] = json.RawMessage(encode(arguments)), json.RawMessage(encode(env))
	if !s.knobs.High {
		s.deployTo(to, r, s.controllers)
	}
	return ok()
}

func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "\n", `\n`).Replace(text) + `"`
}

func (s *Server) deleteCertificate(body []byte) reply {
	var asked struct {
		Alias    string   `json:"certAlias"`
		AuditLog auditLog `json:"auditLog"`
	}
	if !strict(body, &asked) || asked.Alias == "" {
		return invalid("JOC-400")
	}
	delete(s.certificates, asked.Alias)
	return ok()
}

func (s *Server) assign(body []byte, add bool) reply {
	var asked struct {
		Alias string `json:"certAlias"`
		Agent string `json:"agentId"`
	}
	if !strict(body, &asked) || asked.Alias == "" || asked.Agent == "" || s.certificates[asked.Alias] == nil {
		return invalid("JOC-400")
	}
	c := s.certificates[asked.Alias]
	c.agents = slices.DeleteFunc(c.agents, func(agent string) bool { return agent == asked.Agent })
	if add {
		c.agents = append(c.agents, asked.Agent)
	}
	return ok()
}
