// Package verify has the schemes by which a hook's sender proves that a request
// is its own. Each scheme is a settings struct, a constructor, and an entry in
// Table.
package verify

import (
	"github.com/sealrelay/sealrelay/hooks"
)

// Table has each scheme's constructor by the name that configurations use.
var Table = map[string]func(hooks.Settings) (hooks.Verifier, error){
	"api-key":                 configuredAPIKey,
	"basic":                   configuredBasic,
	"bearer":                  configuredBearer,
	"client-certificate":      configuredClientCertificate,
	"doppler":                 configuredDoppler,
	"entra-jwt":               configuredEntra,
	"github":                  configuredGitHub,
	"hmac":                    configuredHMAC,
	"http-message-signatures": configuredMessageSignatures,
	"infisical":               configuredInfisical,
	"oidc-jwt":                configuredOIDC,
	"standard-webhooks":       configuredStandardWebhooks,
	"stripe":                  configuredStripe,
}
