package adapters

import "github.com/sealrelay/sealrelay/hooks"

// DelineaPlatform has the settings of the adapter "delinea-platform" for the
// webhooks of the Delinea Platform (docs.delinea.com, Delinea Platform,
// "Managing Webhooks"). Its documentation says that they send JSON, and not
// what is in it: Secret, Type and ChangedTypes have to be set, after a look at
// a message in the webhook's log there. For SecretNames a secret's name is what
// is at Secret.
type DelineaPlatform Mapping

// NewDelineaPlatform returns an adapter for the Delinea Platform's webhooks.
func NewDelineaPlatform(settings DelineaPlatform) (hooks.Adapter, error) {
	return newMapping(Mapping(settings))
}
