package adapters

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// Mapping has the settings by which an adapter finds its way in the messages of
// a product that sends no values and whose vendor does not publish what it does
// send. Places are JSON Pointers (RFC 6901) into each event.
type Mapping struct {
	Names `yaml:",inline"`
	// Events is where the array of events is, in a body that has several. A
	// body that is itself an array needs no setting.
	Events string `yaml:"events"`
	// Secret is where the product's name or ID of the secret is. A slash before
	// it is left out.
	Secret string `yaml:"secret"`
	// Type is where the event's type is.
	Type string `yaml:"type"`
	// ChangedTypes are the types that tell of a new value. Words compare
	// exactly. Events of any other type are ignored.
	ChangedTypes []string `yaml:"changed_types"`
	// EventID is where the event's ID is: a string or a number. If it is not
	// set, or missing or null there, the event has none.
	EventID string `yaml:"event_id"`
	// Time is where the time of the change is, as of the adapter "json". If it
	// is not set, or missing or null there, the event has none.
	Time string `yaml:"time"`
}

// mapping reads what a Mapping says.
type mapping struct {
	changed                           []string
	events, secret, kind, eventID, at place
}

// newMapping returns an adapter that goes by the settings. The error names
// everything that is wrong with them.
func newMapping(settings Mapping) (hooks.Adapter, error) {
	errs := settings.check()
	at := func(setting, text string) place {
		pointer, err := jsonscan.ParsePointer(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", setting, err))
		}
		return place{text, pointer}
	}
	m := mapping{
		changed: settings.ChangedTypes,
		events:  at("events", settings.Events),
		secret:  at("secret", settings.Secret),
		kind:    at("type", settings.Type),
		eventID: at("event_id", settings.EventID),
		at:      at("time", settings.Time),
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return newNoticeAdapter(settings.Names, m.read)
}

func (s Mapping) check() []error {
	var errs []error
	if s.Secret == "" || s.Type == "" {
		errs = append(errs, errors.New("set secret and type, where in an event they are; what the product sends is not published, so look at one of its messages"))
	}
	if len(s.ChangedTypes) == 0 {
		errs = append(errs, errors.New("changed_types: name at least one type of event that tells of a new value"))
	}
	return errs
}

func (m mapping) read(r *hooks.Request) ([]notice, error) {
	root, err := parseJSON(r)
	if err != nil {
		return nil, err
	}
	if m.events.text != "" {
		root = m.events.in(root)
		if root.Kind() != jsonscan.Array {
			return nil, malformed("%s is %s, not an array", m.events.text, root.Kind())
		}
	}
	if root.Kind() != jsonscan.Array {
		return m.readEvent(nil, root)
	}
	var notices []notice
	for event := range root.Elements() {
		if notices, err = m.readEvent(notices, event); err != nil {
			return nil, err
		}
	}
	return notices, nil
}

// readEvent appends the event's notice if it tells of a new value.
func (m mapping) readEvent(notices []notice, event jsonscan.Value) ([]notice, error) {
	kind, err := readWord(m.kind.in(event), m.kind.text)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(m.changed, kind) {
		return notices, nil
	}
	n := notice{}
	if n.told, err = readPath(m.secret.in(event), m.secret.text); err != nil {
		return nil, err
	}
	if n.id, err = readEventID(m.eventID.in(event), m.eventID.text); err != nil {
		return nil, err
	}
	if n.at, err = readTime(m.at.in(event), m.at.text); err != nil {
		return nil, err
	}
	return append(notices, n), nil
}
