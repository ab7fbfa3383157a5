package azuretest

import (
	"crypto"
	"crypto/subtle"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// App is who signs in: an app registration, or a managed identity.
type App struct {
	// ClientID is the app's, a GUID. Required.
	ClientID string
	// ObjectID is its service principal's. Default: made from ClientID
	ObjectID string
	// ResourceID is a user-assigned managed identity's, in Resource Manager.
	ResourceID string
	// Tenants are those in which it is known. Required.
	Tenants []string
	// Secrets, Certificates and Federated are what it can sign in with.
	Secrets      []string
	Certificates []*x509.Certificate
	Federated    []Federated
	// Managed: it is a managed identity of the machine; System: the machine's own.
	Managed, System bool
	// Grants are what it may do.
	Grants []Grant
}

// Federated is another issuer's tokens that an app signs in with.
type Federated struct {
	Issuer, Subject string
	// Key verifies them.
	Key crypto.PublicKey
}

// federationAudience is what a token to sign in with is for.
const federationAudience = "api://AzureADTokenExchange"

func (a *App) objectID() string {
	if a.ObjectID != "" {
		return a.ObjectID
	}
	return "oid-" + a.ClientID
}

// AddApp makes an app known, or replaces it.
func (s *Server) AddApp(app App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.apps[app.ClientID] = &app
}

// RemoveApp forgets an app; tokens that it has are refused.
func (s *Server) RemoveApp(clientID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.apps, clientID)
}

func (s *Server) serveLogin(w http.ResponseWriter, r *http.Request) {
	tenant, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	base := "https://" + s.config.Cloud.Login + "/" + tenant
	switch {
	case r.Method == http.MethodGet && rest == "discovery/instance":
		s.count("GET /discovery/instance")
		answer(w, http.StatusOK, map[string]any{
			"tenant_discovery_endpoint": base + "/v2.0/.well-known/openid-configuration", "api-version": "1.1",
			"metadata": []any{map[string]any{
				"preferred_network": s.config.Cloud.Login, "preferred_cache": s.config.Cloud.Login, "aliases": []string{s.config.Cloud.Login},
			}},
		})
	case r.Method == http.MethodGet && rest == "v2.0/.well-known/openid-configuration":
		if !s.knowsTenant(tenant) {
			signInRefused(w, http.StatusBadRequest, "invalid_tenant", "AADSTS90002: Tenant '"+tenant+"' not found.")
			return
		}
		answer(w, http.StatusOK, map[string]any{
			"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "issuer": base + "/v2.0",
		})
	case r.Method == http.MethodPost && rest == "oauth2/v2.0/token":
		s.count("POST /token")
		s.serveToken(w, r, tenant)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) knowsTenant(tenant string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, app := range s.apps {
		if slices.Contains(app.Tenants, tenant) {
			return true
		}
	}
	return false
}

func signInRefused(w http.ResponseWriter, status int, code, description string) {
	answer(w, status, map[string]any{"error": code, "error_description": description})
}

func (s *Server) serveToken(w http.ResponseWriter, r *http.Request, tenant string) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil || r.PostForm.Get("grant_type") != "client_credentials" {
		signInRefused(w, http.StatusBadRequest, "unsupported_grant_type", "AADSTS70003: azuretest takes client_credentials only.")
		return
	}
	s.mu.Lock()
	app := s.apps[r.PostForm.Get("client_id")]
	s.mu.Unlock()
	if app == nil || !slices.Contains(app.Tenants, tenant) {
		signInRefused(w, http.StatusBadRequest, "unauthorized_client",
			"AADSTS700016: Application with identifier '"+r.PostForm.Get("client_id")+"' was not found in the directory '"+tenant+"'.")
		return
	}
	switch {
	case r.PostForm.Has("client_secret"):
		given := []byte(r.PostForm.Get("client_secret"))
		if !slices.ContainsFunc(app.Secrets, func(secret string) bool { return subtle.ConstantTimeCompare([]byte(secret), given) == 1 }) {
			signInRefused(w, http.StatusUnauthorized, "invalid_client", "AADSTS7000215: Invalid client secret provided.")
			return
		}
	case r.PostForm.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer":
		if refused := s.checkAssertion(app, r.PostForm.Get("client_assertion"), "https://"+s.config.Cloud.Login+r.URL.Path); refused != "" {
			signInRefused(w, http.StatusUnauthorized, "invalid_client", refused)
			return
		}
	default:
		signInRefused(w, http.StatusUnauthorized, "invalid_client", "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
		return
	}
	// The SDK adds openid and others behind the scope proper.
	scope, _, _ := strings.Cut(r.PostForm.Get("scope"), " ")
	resource, ok := strings.CutSuffix(scope, "/.default")
	if !ok {
		signInRefused(w, http.StatusBadRequest, "invalid_scope", "AADSTS1002012: The provided value for scope is not valid: it must end with /.default.")
		return
	}
	token, err := s.issue(app, tenant, resource)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": int(tokenLife.Seconds()), "access_token": token})
}

// checkAssertion verifies what an app signs in with in place of a secret: a token
// that it signed with the key of its certificate, or another issuer's. It returns why
// that is refused, in Entra's words.
func (s *Server) checkAssertion(app *App, assertion, endpoint string) (refused string) {
	signed, err := jose.ParseSignedCompact(assertion, []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256})
	if err != nil {
		return "AADSTS50027: JWT token is invalid or malformed."
	}
	var claimed struct {
		Issuer   string          `json:"iss"`
		Subject  string          `json:"sub"`
		Audience json.RawMessage `json:"aud"`
		Expires  float64         `json:"exp"`
	}
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &claimed); err != nil {
		return "AADSTS50027: JWT token is invalid or malformed."
	}
	if float64(s.config.Now().Unix()) >= claimed.Expires {
		return "AADSTS700024: Client assertion is not within its valid time range."
	}
	forUs := func(audience string) bool {
		var one string
		var many []string
		return json.Unmarshal(claimed.Audience, &one) == nil && one == audience || json.Unmarshal(claimed.Audience, &many) == nil && slices.Contains(many, audience)
	}
	if claimed.Issuer == app.ClientID {
		for _, certificate := range app.Certificates {
			if _, err := signed.Verify(certificate.PublicKey); err != nil {
				continue
			}
			if claimed.Subject != app.ClientID || !forUs(endpoint) {
				return "AADSTS700023: Client assertion audience claim does not match."
			}
			return ""
		}
		return "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application."
	}
	for _, trusted := range app.Federated {
		if trusted.Issuer != claimed.Issuer || trusted.Subject != claimed.Subject {
			continue
		}
		if _, err := signed.Verify(trusted.Key); err == nil && forUs(federationAudience) {
			return ""
		}
		return "AADSTS700212: No matching federated identity record found for presented assertion audience, or its signature is wrong."
	}
	return "AADSTS700213: No matching federated identity record found for presented assertion subject '" + claimed.Subject + "'."
}

// serveMetadata is the machine's own endpoint for the tokens of managed identities.
func (s *Server) serveMetadata(w http.ResponseWriter, r *http.Request) {
	s.count("GET /metadata/identity/oauth2/token")
	query := r.URL.Query()
	if r.URL.Path != "/metadata/identity/oauth2/token" || r.TLS != nil {
		http.NotFound(w, r)
		return
	}
	if r.Header.Get("Metadata") != "true" {
		signInRefused(w, http.StatusBadRequest, "invalid_request", "Required metadata header not specified")
		return
	}
	app := s.managed(query.Get("client_id"), query.Get("object_id"), query.Get("msi_res_id"))
	if app == nil {
		signInRefused(w, http.StatusBadRequest, "invalid_request", "Identity not found")
		return
	}
	resource := strings.TrimSuffix(query.Get("resource"), "/")
	token, err := s.issue(app, app.Tenants[0], resource)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": "3600", "resource": resource, "access_token": token, "client_id": app.ClientID})
}

// managed is the machine's identity of that client, object or resource ID; without
// any, its own.
func (s *Server) managed(client, object, resource string) *App {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, app := range s.apps {
		switch {
		case !app.Managed:
		case client == "" && object == "" && resource == "":
			if app.System {
				return app
			}
		case client != "" && app.ClientID == client, object != "" && app.objectID() == object, resource != "" && strings.EqualFold(app.ResourceID, resource):
			return app
		}
	}
	return nil
}
