package azuretest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// claims are those of a token that the server issued.
type claims struct {
	Audience string `json:"aud"`
	Issuer   string `json:"iss"`
	Tenant   string `json:"tid"`
	App      string `json:"appid"`
	Object   string `json:"oid"`
	Expires  int64  `json:"exp"`
	From     int64  `json:"nbf"`
}

const tokenLife = time.Hour

func (s *Server) issuerOf(tenant string) string { return "https://sts.windows.net/" + tenant + "/" }

// issue makes a token for the app, for whoever the audience names.
func (s *Server) issue(app *App, tenant, audience string) (string, error) {
	now := s.config.Now()
	payload, err := json.Marshal(claims{
		Audience: audience, Issuer: s.issuerOf(tenant), Tenant: tenant,
		App: app.ClientID, Object: app.objectID(), From: now.Unix(), Expires: now.Add(tokenLife).Unix(),
	})
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: s.signing}, nil)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// authenticate returns whose token a request has. Without one that is good for the
// tenant and one of the audiences it is refused with the challenge of Key Vault, from
// which the SDK learns both.
func (s *Server) authenticate(r *http.Request, tenant string, audiences ...string) (*App, *refusal) {
	unauthorized := func(code, format string, arguments ...any) *refusal {
		refused := refuse(http.StatusUnauthorized, "Unauthorized", "", "%s: %s", code, fmt.Sprintf(format, arguments...))
		// A comma and a space: the SDK takes no other.
		refused.header = [2]string{"WWW-Authenticate", fmt.Sprintf(`Bearer authorization="https://%s/%s", resource="%s"`, s.config.Cloud.Login, tenant, audiences[0])}
		return refused
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return nil, unauthorized("AKV10000", "Request is missing a Bearer or PoP token.")
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, unauthorized("AKV10043", "The token could not be parsed.")
	}
	payload, err := signed.Verify(s.signing.Public())
	if err != nil {
		return nil, unauthorized("AKV10046", "Unable to resolve the key used for signature validation.")
	}
	var held claims
	if err := json.Unmarshal(payload, &held); err != nil {
		return nil, unauthorized("AKV10043", "The token could not be parsed.")
	}
	now := s.config.Now().Unix()
	switch {
	case !slices.Contains(audiences, strings.TrimSuffix(held.Audience, "/")):
		return nil, unauthorized("AKV10022", "Invalid audience. Expected %s, found: %s.", audiences[0], held.Audience)
	case tenant != "" && held.Tenant != tenant:
		return nil, unauthorized("AKV10032", "Invalid issuer. Expected one of %s, found %s.", s.issuerOf(tenant), held.Issuer)
	case now >= held.Expires || now < held.From:
		return nil, unauthorized("AKV10044", "The token is not valid at this time: it has expired or is not valid yet.")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app := s.apps[held.App]
	if app == nil {
		return nil, unauthorized("AKV10045", "The caller is not known any longer.")
	}
	return app, nil
}

// decodePayload returns what a token that was verified says.
func decodePayload(token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, err
	}
	return signed.UnsafePayloadWithoutVerification(), nil
}

// Token is one that Entra would issue to the app, which must be known, for a tool that
// gets its tokens elsewhere.
func (s *Server) Token(clientID, tenant, audience string) (string, error) {
	s.mu.Lock()
	app := s.apps[clientID]
	s.mu.Unlock()
	if app == nil {
		return "", fmt.Errorf("azuretest: there is no app %s", clientID)
	}
	return s.issue(app, tenant, audience)
}
