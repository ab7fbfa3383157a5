// Package verify has the schemes by which a hook's sender proves that a request
// is its own. Each scheme is a settings struct, a constructor, and an entry in
// Table.
package verify

import (
	"fmt"
	"net/http"

	"github.com/sealrelay/sealrelay/hooks"
)

// Table has each scheme's constructor by the name that configurations use.
var Table = map[string]func(hooks.Settings) (hooks.Verifier, error){
	"standard-webhooks": configuredStandardWebhooks,
	"bearer":            configuredBearer,
}

// maxKeys bounds the keys or tokens that are active at once. A rotation needs
// two; the bound keeps a forged request cheap to refuse.
const maxKeys = 8

// single is the value of a header that must be there exactly once. Senders
// never repeat it, and proxies differ in which one of several they look at.
func single(h http.Header, name string) (string, error) {
	switch lines := h.Values(name); len(lines) {
	case 1:
		return lines[0], nil
	case 0:
		return "", fmt.Errorf("%w: missing header %s", hooks.ErrUnauthenticated, name)
	default:
		return "", fmt.Errorf("%w: more than one header %s", hooks.ErrUnauthenticated, name)
	}
}

// readFiles reads the secrets that a `*_files` setting names. The caller wipes
// them.
func readFiles(s hooks.Settings, files []string) ([]*hooks.Value, error) {
	var values []*hooks.Value
	for _, file := range files {
		value, err := s.ReadSecret(file)
		if err != nil {
			wipe(values)
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

func wipe(values []*hooks.Value) {
	for _, value := range values {
		value.Wipe()
	}
}
