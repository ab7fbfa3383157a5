package adapters

import (
	"net/http"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// DelineaSecretChanged has the settings of the adapter "delinea-secretchanged",
// which stands in for POST /api/secretchanged of Delinea's Credentials Cache
// (docs.delinea.com, Credentials Cache, "Configuring Secret Server"): an event
// pipeline of Secret Server tells it the ID of a secret and no value. For the
// settings a secret's name is its ID in decimal.
type DelineaSecretChanged struct {
	Names `yaml:",inline"`
}

// NewDelineaSecretChanged returns an adapter for the vendor's event pipeline.
func NewDelineaSecretChanged(settings DelineaSecretChanged) (hooks.Adapter, error) {
	adapter, err := newObjectAdapter(settings.Names, func(root jsonscan.Value) ([]notice, error) {
		told, err := readTold(root.At(jsonscan.Pointer{"secretId"}), "/secretId")
		return []notice{{told: told}}, err
	})
	return delineaSecretChanged{adapter}, err
}

type delineaSecretChanged struct{ hooks.Adapter }

// Answer implements hooks.Answerer: the vendor's endpoint answers 202, to a
// repeat as well.
func (delineaSecretChanged) Answer(err error) (hooks.Reply, bool) {
	return hooks.Reply{Status: http.StatusAccepted}, err == nil
}
