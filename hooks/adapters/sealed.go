package adapters

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// The members of a sealed body that a push body does not have.
const (
	memberEventID    = "event_id"
	memberRecipients = "recipients"
	memberEnvelopes  = "envelopes"
	memberFormat     = "format"
	memberKeyID      = "key_id"
	memberEnvelope   = "envelope"
)

// MaxEnvelopes is how many envelopes a sealed event may have.
const MaxEnvelopes = 10_000

// maxKeyIDLen bounds a key's ID, a format's name and a set's digest, in bytes.
const maxKeyIDLen = 128

// Sealed is an event whose value its sender has sealed, one envelope for each
// key. It holds no value.
type Sealed struct {
	// EventID is the sender's ID for the event, the same over its retries and
	// over signatures made later.
	EventID string
	// Secret is the logical name, for which see hooks.CheckName.
	Secret string
	// Operation is hooks.Set or hooks.Delete.
	Operation hooks.Operation
	// OccurredAt is when it happened. It decides which of two events is newer.
	OccurredAt time.Time
	// Recipients is the digest of the recipient set that was sealed to; empty
	// on a delete.
	Recipients string
	// Envelopes are empty on a delete.
	Envelopes []Envelope
}

// Envelope is the envelope for one key in one format.
type Envelope struct {
	Format string `json:"format"`
	KeyID  string `json:"key_id"`
	Bytes  []byte `json:"envelope"`
}

// EncodeSealed writes the event as the body that ReadSealed reads. It holds no
// value and need not be wiped.
func EncodeSealed(event Sealed) ([]byte, error) {
	if err := event.check(); err != nil {
		return nil, err
	}
	return json.Marshal(struct {
		EventID    string          `json:"event_id"`
		Secret     string          `json:"secret"`
		Operation  hooks.Operation `json:"operation"`
		OccurredAt time.Time       `json:"occurred_at"`
		Recipients string          `json:"recipients,omitempty"`
		Envelopes  []Envelope      `json:"envelopes,omitempty"`
	}{event.EventID, event.Secret, event.Operation, event.OccurredAt.UTC(), event.Recipients, event.Envelopes}) //nolint:gosec // Secret is the name of one, not its value.
}

// ReadSealed reads the body of a sealed event, which EncodeSealed writes: a JSON
// object with the members
//
//   - event_id: the event's ID
//   - secret: the secret's name
//   - operation: "set" or "delete"
//   - occurred_at: when it happened (RFC 3339)
//   - recipients: the digest of the recipient set, to set
//   - envelopes: a list of objects of format, key_id and envelope, which is in
//     padded base64; to set
//
// and no others. Errors wrap hooks.ErrMalformed, hooks.ErrMediaType or
// hooks.ErrNoValue.
func ReadSealed(r *hooks.Request) (Sealed, error) {
	root, err := readJSON(r)
	if err != nil {
		return Sealed{}, err
	}
	return readSealed(root)
}

// ParseSealed is ReadSealed for a body by itself.
func ParseSealed(body []byte) (Sealed, error) {
	root, err := jsonscan.Parse(body)
	if err != nil {
		return Sealed{}, fmt.Errorf("%w: %w", hooks.ErrMalformed, err)
	}
	return readSealed(root)
}

func readSealed(root jsonscan.Value) (Sealed, error) {
	members, err := membersOf(root, "a sealed event", memberEventID, memberSecret, memberOperation, memberOccurredAt, memberRecipients, memberEnvelopes)
	if err != nil {
		return Sealed{}, err
	}
	var event Sealed
	texts := []struct {
		name string
		into *string
		most int
	}{{memberEventID, &event.EventID, maxIDLen}, {memberSecret, &event.Secret, hooks.MaxNameLen}, {memberRecipients, &event.Recipients, maxKeyIDLen}}
	for _, text := range texts {
		if text.name == memberRecipients && members[text.name].Kind() == jsonscan.Missing {
			continue // as on a delete; check knows
		}
		if *text.into, err = boundedText(members[text.name], text.name, text.most); err != nil {
			return Sealed{}, err
		}
	}
	event.Operation = hooks.Operation(members[memberOperation].Text())
	if event.OccurredAt, err = parseRFC3339(members[memberOccurredAt], memberOccurredAt); err != nil {
		return Sealed{}, err
	}
	if event.Envelopes, err = readEnvelopes(members[memberEnvelopes]); err != nil {
		return Sealed{}, err
	}
	if err := event.check(); err != nil {
		return Sealed{}, err
	}
	return event, nil
}

// check refuses an event that nobody means.
func (e Sealed) check() error {
	if err := hooks.CheckName(e.Secret); err != nil {
		return err
	}
	switch {
	case e.EventID == "":
		return malformed("%s is empty", memberEventID)
	case e.OccurredAt.IsZero() || e.OccurredAt.Year() < 1 || e.OccurredAt.Year() > 9999:
		return malformed("%s is no time", memberOccurredAt)
	case e.Operation == hooks.Delete && (len(e.Envelopes) > 0 || e.Recipients != ""):
		return malformed("a deletion has nothing sealed; leave out recipients and envelopes")
	case e.Operation == hooks.Delete:
		return nil
	case e.Operation != hooks.Set:
		return malformed(`operation is neither "set" nor "delete"`)
	case len(e.Envelopes) == 0:
		return fmt.Errorf("%w: envelopes is empty or missing", hooks.ErrNoValue)
	case e.Recipients == "":
		return malformed("recipients is missing; give the digest of the recipient set")
	}
	return nil
}

func readEnvelopes(list jsonscan.Value) ([]Envelope, error) {
	switch list.Kind() {
	case jsonscan.Missing:
		return nil, nil
	case jsonscan.Array:
	default:
		return nil, malformed("envelopes is %s, not a list", list.Kind())
	}
	var out []Envelope
	known := map[[2]string]bool{}
	for element := range list.Elements() {
		if len(out) == MaxEnvelopes {
			return nil, malformed("there are more than %d envelopes", MaxEnvelopes)
		}
		envelope, err := readEnvelope(element)
		if err != nil {
			return nil, err
		}
		name := [2]string{envelope.Format, envelope.KeyID}
		if known[name] {
			return nil, malformed("there are two envelopes for one key in one format")
		}
		known[name] = true
		out = append(out, envelope)
	}
	return out, nil
}

func readEnvelope(element jsonscan.Value) (Envelope, error) {
	members, err := membersOf(element, "an envelope", memberFormat, memberKeyID, memberEnvelope)
	if err != nil {
		return Envelope{}, err
	}
	var envelope Envelope
	if envelope.Format, err = boundedText(members[memberFormat], memberFormat, maxKeyIDLen); err != nil {
		return Envelope{}, err
	}
	if envelope.KeyID, err = boundedText(members[memberKeyID], memberKeyID, maxKeyIDLen); err != nil {
		return Envelope{}, err
	}
	text := members[memberEnvelope]
	envelope.Bytes, err = strictBase64.DecodeString(text.Text())
	// The decoder alone would pass line breaks.
	if err != nil || text.Kind() != jsonscan.String || len(envelope.Bytes) == 0 || len(text.Text()) != strictBase64.EncodedLen(len(envelope.Bytes)) {
		return Envelope{}, malformed("an envelope is not padded base64 of something")
	}
	return envelope, nil
}

// membersOf are the members of an object, which has none but those named.
func membersOf(object jsonscan.Value, what string, names ...string) (map[string]jsonscan.Value, error) {
	if object.Kind() != jsonscan.Object {
		return nil, malformed("%s is %s, not an object", what, object.Kind())
	}
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
	}
	members := map[string]jsonscan.Value{}
	for name, value := range object.Members() {
		if !known[name.Text()] {
			return nil, malformed("%s has an unknown member; known are %q", what, names)
		}
		members[name.Text()] = value
	}
	return members, nil
}

// boundedText is a string of 1 to most bytes.
func boundedText(v jsonscan.Value, where string, most int) (string, error) {
	if v.Kind() != jsonscan.String {
		return "", malformed("%s is %s, not a string", where, v.Kind())
	}
	text := v.Text()
	if text == "" || len(text) > most {
		return "", malformed("%s has %d bytes; 1 to %d are allowed", where, len(text), most)
	}
	return text, nil
}
