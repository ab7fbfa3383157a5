package adapters

import (
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// BitwardenTemplate is the template that a Bitwarden event integration of the
// kind webhook needs for the adapter "bitwarden". Bitwarden leaves a token as
// it is where the event has nothing for it, so each has a member of its own.
const BitwardenTemplate = `{"type_id":"#TypeId#","secret_id":"#SecretId#","cipher_id":"#CipherId#","at":"#DateIso8601#","delivery_id":"#IdempotencyId#"}`

// Bitwarden has the settings of the adapter "bitwarden" for Bitwarden's event
// integrations of the kind webhook, with BitwardenTemplate. They tell IDs and no
// values; for the settings a secret's name is the ID of the secret (Secrets
// Manager) or of the cipher (Password Manager). Tokens as in Bitwarden's source,
// src/Core/Dirt/EventIntegrations, of 2026.
type Bitwarden struct {
	Names `yaml:",inline"`
}

// bitwardenChanges are the event types after which there is a new value, with
// the member that says of what: EventType in Bitwarden's source.
var bitwardenChanges = map[string]string{
	"1100": "cipher_id", // Cipher_Created
	"1101": "cipher_id", // Cipher_Updated
	"2101": "secret_id", // Secret_Created
	"2102": "secret_id", // Secret_Edited
}

// NewBitwarden returns an adapter for Bitwarden's event integrations. Created
// and edited secrets and ciphers have a new value; all other event types tell of
// none.
func NewBitwarden(settings Bitwarden) (hooks.Adapter, error) {
	return newObjectAdapter(settings.Names, readBitwarden)
}

func readBitwarden(root jsonscan.Value) ([]notice, error) {
	event, err := readTold(bitwardenMember(root, "type_id"), "/type_id")
	if err != nil {
		return nil, err
	}
	member, found := bitwardenChanges[event]
	if !found {
		return nil, nil
	}
	n := notice{}
	if n.told, err = readName(bitwardenMember(root, member), "/"+member); err != nil {
		return nil, err
	}
	if n.id, err = readEventID(bitwardenMember(root, "delivery_id"), "/delivery_id"); err != nil {
		return nil, err
	}
	if n.at, err = readTime(bitwardenMember(root, "at"), "/at"); err != nil {
		return nil, err
	}
	return []notice{n}, nil
}

// bitwardenMember is a member of the template; one that is a token still counts
// as missing.
func bitwardenMember(root jsonscan.Value, name string) jsonscan.Value {
	v := root.At(jsonscan.Pointer{name})
	if v.Kind() == jsonscan.String && strings.HasPrefix(v.Text(), "#") {
		return jsonscan.Value{}
	}
	return v
}
