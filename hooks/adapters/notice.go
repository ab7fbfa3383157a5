package adapters

import (
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
)

// maxNoticesLen bounds the body of a product that sends no values, in bytes. It
// is far above what any of them sends, and bounds the memory for parsing.
const maxNoticesLen = 1 << 20

// configured is the constructor, for Table, of an adapter whose settings are S.
func configured[S any](construct func(S) (hooks.Adapter, error)) func(hooks.Settings) (hooks.Adapter, error) {
	return func(s hooks.Settings) (hooks.Adapter, error) {
		var settings S
		if err := s.Decode(&settings); err != nil {
			return nil, err
		}
		return construct(settings)
	}
}

// notice is what a product says that tells of a new value and does not send it.
type notice struct {
	// told is what the product calls the secret.
	told string
	// id is the product's ID of the event; empty if there is none.
	id string
	// at is when it happened; zero if the product does not say.
	at time.Time
}

// noticeAdapter reads notices. One that finds none tells of nothing that
// concerns a secret's value.
type noticeAdapter struct {
	names Names
	read  func(*hooks.Request) ([]notice, error)
}

// newNoticeAdapter returns an adapter for bodies that read reads. The error
// names everything that is wrong with the names.
func newNoticeAdapter(names Names, read func(*hooks.Request) ([]notice, error)) (hooks.Adapter, error) {
	if err := names.check(); err != nil {
		return nil, err
	}
	return noticeAdapter{names, read}, nil
}

// newObjectAdapter is newNoticeAdapter for bodies that are one JSON object.
func newObjectAdapter(names Names, read func(jsonscan.Value) ([]notice, error)) (hooks.Adapter, error) {
	return newNoticeAdapter(names, func(r *hooks.Request) ([]notice, error) {
		root, err := readJSON(r)
		if err != nil {
			return nil, err
		}
		return read(root)
	})
}

// Read implements hooks.Adapter.
func (a noticeAdapter) Read(r *hooks.Request, _ hooks.Verified) (hooks.Message, error) {
	if err := checkNoticesLen(r); err != nil {
		return hooks.Message{}, err
	}
	notices, err := a.read(r)
	if err != nil {
		return hooks.Message{}, err
	}
	events, err := a.events(notices)
	return hooks.Message{Events: events}, err
}

func checkNoticesLen(r *hooks.Request) error {
	if len(r.Body) > maxNoticesLen {
		return malformed("the body has %d bytes; the product sends at most %d", len(r.Body), maxNoticesLen)
	}
	return nil
}

// events makes the notices' events. Several names of the product may stand for
// one secret, such as its user and its password; that is one event.
func (a noticeAdapter) events(notices []notice) ([]hooks.Event, error) {
	var events []hooks.Event
	type key struct{ id, secret string }
	seen := map[key]bool{}
	for _, n := range notices {
		for _, event := range a.names.changed(hooks.Event{ID: n.id, OccurredAt: n.at}, n.told) {
			if seen[key{event.ID, event.Secret}] {
				continue
			}
			if len(events) == hooks.MaxEvents {
				return nil, malformed("the body tells of more than %d secrets", hooks.MaxEvents)
			}
			seen[key{event.ID, event.Secret}] = true
			events = append(events, event)
		}
	}
	return events, nil
}

// readTold reads what a product calls a secret: a name, or an ID that may be a
// whole number.
func readTold(v jsonscan.Value, where string) (string, error) {
	if v.Kind() == jsonscan.Number && !strings.ContainsAny(v.Text(), ".eE-") && len(v.Raw()) <= hooks.MaxNameLen {
		return v.Text(), nil
	}
	return readName(v, where)
}

// readPath reads what a product calls a secret by a path, with or without a
// slash before it.
func readPath(v jsonscan.Value, where string) (string, error) {
	told, err := readTold(v, where)
	if err == nil && strings.TrimPrefix(told, "/") == "" {
		return "", malformed("%s is only a slash", where)
	}
	return strings.TrimPrefix(told, "/"), err
}

// readWord reads what has to be a string, such as an event's type.
func readWord(v jsonscan.Value, where string) (string, error) {
	if v.Kind() != jsonscan.String {
		return "", malformed("%s is %s, not a string", where, v.Kind())
	}
	return v.Text(), nil
}

// joinTold is the name of a secret, or a folder, that a product tells in parts.
// No part but the last has a slash, so no two things have the same name.
func joinTold(parts ...string) (string, error) {
	for i, part := range parts {
		if part == "" || i < len(parts)-1 && strings.Contains(part, "/") {
			return "", malformed("a part of the secret's name is empty or has a slash")
		}
	}
	told := strings.Join(parts, "/")
	if len(told) > hooks.MaxNameLen {
		return "", malformed("the secret's name has %d bytes in all, at most %d are allowed", len(told), hooks.MaxNameLen)
	}
	return told, nil
}
