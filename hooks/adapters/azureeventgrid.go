package adapters

import (
	"net/http"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// AzureEventGrid has the settings of the adapter "azure-event-grid", for events
// of Azure Key Vault in the schema of Event Grid or that of CloudEvents. The
// product's name of a secret is its name in the vault, without the vault.
type AzureEventGrid struct {
	Names `yaml:",inline"`
	// Subscriptions are the names of the event subscriptions whose validation
	// is answered; that of any if there are none. Case does not matter.
	Subscriptions []string `yaml:"subscriptions"`
}

// NewAzureEventGrid returns the adapter. It answers the handshakes of both
// schemas
// (https://learn.microsoft.com/azure/event-grid/end-point-validation-event-grid-events-schema,
// .../end-point-validation-cloud-events-schema) and reads the event
// SecretNewVersionCreated
// (https://learn.microsoft.com/azure/event-grid/event-schema-key-vault); any
// other tells nothing. The vendor's samples have spaces in and around names and
// values and do not agree about capital letters: neither matters.
func NewAzureEventGrid(settings AzureEventGrid) (hooks.Adapter, error) {
	if err := settings.check(); err != nil {
		return nil, err
	}
	return &azureEventGrid{noticeAdapter{names: settings.Names}, settings.Subscriptions}, nil
}

type azureEventGrid struct {
	noticeAdapter
	subscriptions []string
}

const (
	gridValidation = "Microsoft.EventGrid.SubscriptionValidationEvent"
	gridNewVersion = "Microsoft.KeyVault.SecretNewVersionCreated"
)

// Preflight implements hooks.Preflighter.
func (*azureEventGrid) Preflight(header http.Header) hooks.Reply { return webHookPreflight(header) }

// Read implements hooks.Adapter. The validation of a subscription comes alone,
// and is answered with exactly 200 and the code in it.
func (a *azureEventGrid) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	if err := checkNoticesLen(r); err != nil {
		return hooks.Message{}, err
	}
	objects, err := readJSONObjects(r)
	if err != nil {
		return hooks.Message{}, err
	}
	var notices []notice
	for _, object := range objects {
		event, err := readGridEvent(object)
		if err != nil {
			return hooks.Message{}, err
		}
		switch {
		case event.is(gridValidation) && len(objects) == 1:
			return a.validate(r, event)
		case event.is(gridValidation):
			return hooks.Message{}, malformed("the validation of a subscription is among other events; it has to come alone")
		case event.is(gridNewVersion):
			n, err := event.notice()
			if err != nil {
				return hooks.Message{}, err
			}
			notices = append(notices, n)
		}
	}
	told, err := a.events(notices)
	return hooks.Message{Events: told}, err
}

// validate answers with the code that says that the subscription is expected.
func (a *azureEventGrid) validate(r *hooks.Request, event gridEvent) (hooks.Message, error) {
	name := r.Header.Get("Aeg-Subscription-Name")
	expected := func(subscription string) bool { return strings.EqualFold(subscription, name) }
	if len(a.subscriptions) > 0 && !slices.ContainsFunc(a.subscriptions, expected) {
		return hooks.Message{}, malformed("the event subscription to validate, in the header aeg-subscription-name, is none of the source's subscriptions")
	}
	text, err := trimmed(event.data["validationcode"], "validationCode")
	if err != nil {
		return hooks.Message{}, err
	}
	code, err := checkEventID(text, "validationCode")
	if err != nil {
		return hooks.Message{}, err
	}
	body := append(jsonscan.AppendQuoted([]byte(`{"validationResponse":`), []byte(code)), '}')
	header := http.Header{"Content-Type": {"application/json"}}
	return hooks.Message{Reply: &hooks.Reply{Status: http.StatusOK, Header: header, Body: body}}, nil
}

// gridEvent is an event in either schema.
type gridEvent struct {
	kind string
	// members and data have what is read, by its name in small letters.
	members, data map[string]jsonscan.Value
}

func (e gridEvent) is(kind string) bool { return strings.EqualFold(e.kind, kind) }

// readGridEvent finds an event's members: its type is eventType in the schema of
// Event Grid, and type in that of CloudEvents.
func readGridEvent(object jsonscan.Value) (gridEvent, error) {
	var e gridEvent
	var err error
	if e.members, err = foldedMembers(object, "id", "subject", "eventtype", "type", "eventtime", "time", "data"); err != nil {
		return gridEvent{}, err
	}
	if e.data, err = foldedMembers(e.members["data"], "objectname", "validationcode"); err != nil {
		return gridEvent{}, err
	}
	e.kind, err = trimmed(eitherOf(e.members, "eventtype", "type"), "the event's type")
	return e, err
}

// notice reads the event of a secret.
func (e gridEvent) notice() (notice, error) {
	name := e.data["objectname"]
	if name.Kind() == jsonscan.Missing {
		name = e.members["subject"]
	}
	n := notice{}
	var err error
	if n.told, err = trimmed(name, "ObjectName"); err != nil {
		return notice{}, err
	}
	if n.told == "" || len(n.told) > hooks.MaxNameLen {
		return notice{}, malformed("ObjectName has %d bytes; a secret's name has 1 to %d", len(n.told), hooks.MaxNameLen)
	}
	if n.id, err = trimmed(e.members["id"], "id"); err == nil {
		n.id, err = checkEventID(n.id, "id")
	}
	if err != nil {
		return notice{}, err
	}
	at, err := trimmed(eitherOf(e.members, "eventtime", "time"), "eventTime")
	if err == nil {
		n.at, err = rfc3339Time(at, "eventTime")
	}
	return n, err
}

// foldedMembers are those of an object's members that are known, by their names
// in small letters and without space around; none if it is no object.
func foldedMembers(object jsonscan.Value, known ...string) (map[string]jsonscan.Value, error) {
	members := map[string]jsonscan.Value{}
	for name, value := range object.Members() {
		folded := strings.ToLower(strings.TrimSpace(name.Text()))
		if !slices.Contains(known, folded) {
			continue
		}
		if _, found := members[folded]; found {
			return nil, malformed("an event has %s twice, but for capital letters and space", folded)
		}
		members[folded] = value
	}
	return members, nil
}

func eitherOf(members map[string]jsonscan.Value, first, second string) jsonscan.Value {
	if v, found := members[first]; found {
		return v
	}
	return members[second]
}

// trimmed is what a string says, without space around it.
func trimmed(v jsonscan.Value, where string) (string, error) {
	text, err := readWord(v, where)
	return strings.TrimSpace(text), err
}
