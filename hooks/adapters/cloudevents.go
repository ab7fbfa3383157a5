package adapters

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// CloudEvents has the settings of the adapter "cloudevents", for events that
// carry a value. Places in the data are JSON Pointers (RFC 6901).
type CloudEvents struct {
	// SetTypes are the event types that set a secret; if there are none, every
	// type does that is not in DeleteTypes. Types compare exactly.
	SetTypes []string `yaml:"set_types"`
	// DeleteTypes are the event types that delete a secret, whose data is not
	// read but for its name. An event of any other type tells nothing.
	DeleteTypes []string `yaml:"delete_types"`
	// Secret is where in the data the secret's name is. If it is not set, the
	// attribute subject is the name.
	Secret string `yaml:"secret"`
	// SecretPrefix is put before the name, as it is: "prod/".
	SecretPrefix string `yaml:"secret_prefix"`
	// SecretName is the name of every event's secret, instead.
	SecretName string `yaml:"secret_name"`
	// Value is where in the data the value is. If neither it nor Fields is set,
	// the value is the data itself: a JSON string, or whatever is not JSON.
	Value string `yaml:"value"`
	// Fields are, instead of Value, named values: a field's name to where its
	// value is. Each must be there and be a non-empty string.
	Fields map[string]string `yaml:"fields"`
}

// NewCloudEvents returns an adapter for CloudEvents 1.0 over HTTP (HTTP
// Protocol Binding 1.0.2, JSON Event Format 1.0.2) in all three modes:
// structured, batched and binary. It answers the question that comes before
// events (HTTP 1.1 Web Hooks for Event Delivery 1.0.2, section 4). An event's ID
// is its source and its id with a | between them, which is in no source. The
// error names everything that is wrong with the settings.
func NewCloudEvents(settings CloudEvents) (hooks.Adapter, error) {
	data, err := newJSONAdapter(JSON{
		Secret: settings.Secret, SecretPrefix: settings.SecretPrefix, SecretName: settings.SecretName,
		Value: settings.Value, Fields: settings.Fields,
	}, settings.check())
	if err != nil {
		return nil, err
	}
	whole := settings.Value == "" && len(settings.Fields) == 0
	return &cloudEvents{settings.SetTypes, settings.DeleteTypes, data, whole}, nil
}

func (s CloudEvents) check() []error {
	var errs []error
	if s.Secret != "" && s.SecretName != "" {
		errs = append(errs, errors.New("set either secret, where the name is, or secret_name, the name itself"))
	}
	if s.SecretName != "" {
		if s.SecretPrefix != "" {
			errs = append(errs, errors.New("secret_prefix goes before what the event says; write secret_name in full"))
		}
		if err := hooks.CheckName(s.SecretName); err != nil {
			errs = append(errs, fmt.Errorf("secret_name: %w", err))
		}
	}
	if s.Value != "" && len(s.Fields) > 0 {
		errs = append(errs, errors.New("set value or fields, not both"))
	}
	if slices.ContainsFunc(s.SetTypes, func(kind string) bool { return slices.Contains(s.DeleteTypes, kind) }) {
		errs = append(errs, errors.New("set_types and delete_types have the same type"))
	}
	return append(errs, checkFieldPlaces(s.Fields)...)
}

type cloudEvents struct {
	setTypes, deleteTypes []string
	// data reads what is at places in the data.
	data *jsonAdapter
	// whole says that the value is the data itself.
	whole bool
}

// Preflight implements hooks.Preflighter.
func (*cloudEvents) Preflight(header http.Header) hooks.Reply { return webHookPreflight(header) }

// Read implements hooks.Adapter.
func (a *cloudEvents) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	received, err := readCloudEvents(r)
	if err != nil {
		return hooks.Message{}, err
	}
	var message hooks.Message
	for _, ce := range received {
		operation, told := a.operation(ce.kind)
		if !told {
			continue
		}
		event, err := a.event(ce, operation)
		if err != nil {
			message.Wipe()
			return hooks.Message{}, err
		}
		message.Events = append(message.Events, event)
	}
	return message, nil
}

// operation is what an event of the type does; told is false if it does nothing.
func (a *cloudEvents) operation(kind string) (operation hooks.Operation, told bool) {
	switch {
	case slices.Contains(a.deleteTypes, kind):
		return hooks.Delete, true
	case len(a.setTypes) == 0 || slices.Contains(a.setTypes, kind):
		return hooks.Set, true
	default:
		return "", false
	}
}

func (a *cloudEvents) event(ce cloudEvent, operation hooks.Operation) (hooks.Event, error) {
	event := hooks.Event{Operation: operation, OccurredAt: ce.at}
	var err error
	if event.ID, err = ce.eventID(); err != nil {
		return hooks.Event{}, err
	}
	err = ce.open(func(data ceData) error {
		if event.Secret, err = a.secretName(ce, data); err != nil || operation == hooks.Delete {
			return err
		}
		// The value comes last, so that no error is left to lose it to.
		event.Value, event.Fields, err = a.value(data)
		return err
	})
	if err != nil {
		return hooks.Event{}, err
	}
	return event, nil
}

func (a *cloudEvents) secretName(ce cloudEvent, data ceData) (string, error) {
	if a.data.fixed == "" && a.data.secret.text == "" {
		if ce.subject == "" || len(ce.subject) > hooks.MaxNameLen {
			return "", malformed("the attribute subject has %d bytes; a secret's name has 1 to %d", len(ce.subject), hooks.MaxNameLen)
		}
		return a.data.prefix + ce.subject, nil
	}
	document, err := data.json()
	if err != nil {
		return "", err
	}
	return a.data.readSecretName(document)
}

func (a *cloudEvents) value(data ceData) (*hooks.Value, []string, error) {
	if a.whole && data.document.Kind() == jsonscan.Missing && !jsonMedia(data.media) {
		if len(data.bytes) == 0 {
			return nil, nil, fmt.Errorf("%w: the event's data is empty", hooks.ErrNoValue)
		}
		return secretbytes.Copy(data.bytes), nil, nil
	}
	document, err := data.json()
	if err != nil {
		return nil, nil, err
	}
	if a.whole {
		value, err := readSecret(document, "the data")
		return value, nil, err
	}
	return a.data.readValue(document)
}
