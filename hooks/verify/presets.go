package verify

import (
	"time"

	"github.com/sealrelay/sealrelay/hooks"
)

// presets are the schemes "github" and "doppler": an HMAC over the body alone.
var (
	gitHub  = HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256="}
	doppler = HMAC{Header: "X-Doppler-Signature", Prefix: "sha256="}
)

// NewGitHub returns a verifier of requests that are signed as GitHub signs its
// webhooks: "X-Hub-Signature-256: sha256=HEX", the HMAC-SHA256 of the body
// (GitHub, "Validating webhook deliveries"). Neither a time nor the delivery's
// ID, X-GitHub-Delivery, is signed: a verifier that took the ID for an event's
// would take a request that is sent again with another one for a new event.
func NewGitHub(keys []Key) (hooks.Verifier, error) { return gitHub.with(keys) }

// NewDoppler returns a verifier of requests that are signed as Doppler signs its
// webhooks: "X-Doppler-Signature: sha256=HEX", the HMAC-SHA256 of the body
// (Doppler, "Webhooks"). No time is signed.
func NewDoppler(keys []Key) (hooks.Verifier, error) { return doppler.with(keys) }

func (h HMAC) with(keys []Key) (hooks.Verifier, error) {
	h.Keys = keys
	return NewHMAC(h)
}

func configuredGitHub(s hooks.Settings) (hooks.Verifier, error) {
	return configuredPreset(s, NewGitHub)
}

func configuredDoppler(s hooks.Settings) (hooks.Verifier, error) {
	return configuredPreset(s, NewDoppler)
}

// presetConfig has the settings of the schemes "github" and "doppler": requests
// that are signed as GitHub and as Doppler sign theirs, an HMAC-SHA256 of the
// body.
type presetConfig struct {
	secretsConfig `yaml:",inline"`
}

func configuredPreset(s hooks.Settings, construct func([]Key) (hooks.Verifier, error)) (hooks.Verifier, error) {
	var config presetConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return config.use(s, construct)
}

// timedPresetConfig has the settings of the schemes "stripe" and "infisical":
// requests that are signed as Stripe and as Infisical sign theirs, with a time.
type timedPresetConfig struct {
	secretsConfig `yaml:",inline"`
	// Tolerance is how far the signed time may be from this machine's clock,
	// before or after, in whole seconds: 1s to 1h, 5m if it is not set.
	Tolerance time.Duration `yaml:"tolerance"`
}

func configuredStripe(s hooks.Settings) (hooks.Verifier, error) { return configuredTimed(s, NewStripe) }

func configuredInfisical(s hooks.Settings) (hooks.Verifier, error) {
	return configuredTimed(s, NewInfisical)
}

func configuredTimed(s hooks.Settings, construct func([]Key, time.Duration) (hooks.Verifier, error)) (hooks.Verifier, error) {
	var config timedPresetConfig
	if err := s.Decode(&config); err != nil {
		return nil, err
	}
	return config.use(s, func(keys []Key) (hooks.Verifier, error) { return construct(keys, config.Tolerance) })
}
