package adapters

import (
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// Akeyless has the settings of the adapter "akeyless" for the webhooks of
// Akeyless' event forwarder
// (https://docs.akeyless.io/docs/webhook-event-forwarder). They tell items and
// no values; for SecretNames an item's name is without the slash before it.
//
// Without Secret and Type a body is read as the vendor's page "Event Center"
// describes forwarded events in general: an object with a member for each type
// of event, which is an array of objects with the item's name, the whole alone
// or inside a member "Akeyless Events". That a webhook sends the same, and how
// the types are spelled there, is not confirmed: case, spaces, hyphens and
// underscores do not count. With Secret and Type a body is one event, or an
// array of them.
type Akeyless Mapping

// akeylessChanges are the types after which there is a new value, of those that
// the forwarder's documentation names.
var akeylessChanges = []string{"static-secret-updated", "rotated-secret-success"}

// NewAkeyless returns an adapter for Akeyless' event forwarder, immediate and
// periodic.
func NewAkeyless(settings Akeyless) (hooks.Adapter, error) {
	if settings.ChangedTypes == nil {
		settings.ChangedTypes = akeylessChanges
	}
	if settings.Secret != "" || settings.Type != "" {
		return newMapping(Mapping(settings))
	}
	changed := map[string]bool{}
	for _, kind := range settings.ChangedTypes {
		changed[wordsOf(kind)] = true
	}
	return newObjectAdapter(settings.Names, func(root jsonscan.Value) ([]notice, error) {
		if inner := root.At(jsonscan.Pointer{"Akeyless Events"}); inner.Kind() != jsonscan.Missing {
			root = inner
		}
		return readAkeyless(root, changed)
	})
}

func readAkeyless(root jsonscan.Value, changed map[string]bool) ([]notice, error) {
	var notices []notice
	for kind, events := range root.Members() {
		if events.Kind() != jsonscan.Array {
			return nil, malformed("a member is %s, not an array of events; set secret and type if this is not how your messages are built", events.Kind())
		}
		if !changed[wordsOf(kind.Text())] {
			continue
		}
		for event := range events.Elements() {
			told, err := readPath(event.At(jsonscan.Pointer{"name"}), "an event's name")
			if err != nil {
				return nil, err
			}
			notices = append(notices, notice{told: told})
		}
	}
	return notices, nil
}

// joiners are what stands between the words of an event type.
var joiners = strings.NewReplacer(" ", "", "-", "", "_", "")

// wordsOf is an event type in lower case, without what stands between its words.
func wordsOf(kind string) string { return strings.ToLower(joiners.Replace(kind)) }
