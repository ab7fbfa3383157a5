package azuretest

import (
	"maps"
	"net/http"
	"strings"
)

// setSecret adds a version, which takes over nothing of the one before.
func (c *call) setSecret([]string) (int, any, *refusal) {
	var given struct {
		Value       *string           `json:"value"`
		ContentType string            `json:"contentType"`
		Tags        map[string]string `json:"tags"`
		Attributes  attributes        `json:"attributes"`
	}
	if refused := c.decode(&given); refused != nil {
		return 0, nil, refused
	}
	switch {
	case given.Value == nil:
		return 0, nil, badParameter("Property value is required.")
	case len(*given.Value) > maxValue:
		return 0, nil, badParameter("Secret value is longer than %d octets.", maxValue)
	case len(given.ContentType) > maxContentType:
		return 0, nil, badParameter("contentType is longer than %d characters.", maxContentType)
	}
	if refused := checkTags(given.Tags); refused != nil {
		return 0, nil, refused
	}
	into, refused := c.place("secrets")
	if refused != nil {
		return 0, nil, refused
	}
	if len(into.versions) > 0 && into.newest().managed {
		return 0, nil, refuse(http.StatusForbidden, "Forbidden", "", "The secret belongs to a certificate.")
	}
	v := &version{id: newVersion(), value: *given.Value, contentType: given.ContentType, tags: given.Tags, attributes: given.Attributes}
	v.attributes.Created = 0
	c.fill(&v.attributes)
	into.versions = append(into.versions, v)
	c.shelves["secrets"][strings.ToLower(c.name)] = into
	return http.StatusOK, c.render("secrets", into, v, true), nil
}

// Secret is a version of a secret.
type Secret struct {
	Name, Version, Value, ContentType string
	Tags                              map[string]string
	Enabled                           bool
	// Expires is in seconds since 1970; 0 if it does not.
	Expires int64
}

// Secrets are the newest versions of a vault's secrets in use, by name, with which
// a test sees what there is without asking the vault.
func (s *Server) Secrets(vault string) map[string]Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[string]Secret{}
	for _, i := range s.vaults[strings.ToLower(vault)].shelves["secrets"] {
		if i.deleted.IsZero() && len(i.versions) > 0 {
			out[i.name] = i.newest().secret(i.name)
		}
	}
	return out
}

// Versions are all versions of a secret, the oldest first.
func (s *Server) Versions(vault, name string) []Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Secret
	if i := s.vaults[strings.ToLower(vault)].shelves["secrets"][strings.ToLower(name)]; i != nil {
		for _, v := range i.versions {
			out = append(out, v.secret(i.name))
		}
	}
	return out
}

func (v *version) secret(name string) Secret {
	out := Secret{Name: name, Version: v.id, Value: v.value, ContentType: v.contentType, Tags: maps.Clone(v.tags), Enabled: v.attributes.enabled()}
	if v.attributes.Expires != nil {
		out.Expires = *v.attributes.Expires
	}
	return out
}
