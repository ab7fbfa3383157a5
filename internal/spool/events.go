package spool

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"slices"

	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/durable"
)

// Event is a sealed event and where it goes.
type Event struct {
	// URL is the hook endpoint, without credentials.
	URL string
	// Body is the event as adapters.EncodeSealed writes it.
	Body []byte
	// Sealed is what Body says.
	Sealed adapters.Sealed
	// Reason is why it is lost; empty while it waits.
	Reason string
}

// file is an Event as JSON.
type file struct {
	URL    string          `json:"url"`
	Reason string          `json:"reason,omitempty"`
	Event  json.RawMessage `json:"event"`
}

func (e Event) encode() ([]byte, error) {
	data, err := json.Marshal(file{e.URL, e.Reason, e.Body})
	if err == nil && len(data) > MaxEventSize {
		err = fmt.Errorf("%w: the sealed event has %d bytes, at most %d are taken", ErrFull, len(data), MaxEventSize)
	}
	return data, err
}

// parse reads a file. What is not as it was written is ErrDamaged.
func parse(data []byte) (Event, error) {
	var from file
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&from); err != nil || decoder.More() {
		return Event{}, fmt.Errorf("%w: it is not the JSON of an event", ErrDamaged)
	}
	sealed, err := adapters.ParseSealed(from.Event)
	if err != nil {
		return Event{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return Event{URL: from.URL, Body: from.Event, Sealed: sealed, Reason: from.Reason}, nil
}

// Put makes the event the one that waits for its endpoint and secret. It is
// ErrSuperseded if one that happened later is there, and ErrFull if the bounds
// are reached; whatever the error, what was there is there still.
func (s *Spool) Put(event Event) error {
	return s.locked(func() error {
		where := path.Join(waiting, name(event.URL, event.Sealed.Secret)+".json")
		// One that cannot be read is replaced: nothing better can be done with it.
		if there, err := s.event(where); err == nil && there.Sealed.OccurredAt.After(event.Sealed.OccurredAt) {
			return ErrSuperseded
		}
		data, err := event.encode()
		if err != nil {
			return err
		}
		if err := s.checkRoom(path.Base(where), int64(len(data))); err != nil {
			return err
		}
		return durable.WriteFile(s.root, where, data, privateFile)
	})
}

// checkRoom says whether a file of that name and size may be there too.
func (s *Spool) checkRoom(name string, size int64) error {
	events := 1
	for _, dir := range []string{waiting, lost} {
		files, err := s.list(dir)
		if err != nil {
			return err
		}
		for _, info := range files {
			if dir != waiting || info.Name() != name {
				events++
				size += info.Size()
			}
		}
	}
	if events > MaxEvents || size > MaxSize {
		return fmt.Errorf("%w: at most %d events with %d bytes together are kept in %s; send them with `sealrelay push --flush`, and push those in lost again", ErrFull, MaxEvents, MaxSize, s.dir)
	}
	return nil
}

// Waiting are the events that wait for the endpoint, the oldest first. Those
// that cannot be read are left out, and named by the error, which joins
// ErrDamaged for each.
func (s *Spool) Waiting(url string) ([]Event, error) { return s.events(waiting, url) }

// Lost are the events that the endpoint will not take any more, as Waiting.
func (s *Spool) Lost(url string) ([]Event, error) { return s.events(lost, url) }

func (s *Spool) events(dir, url string) ([]Event, error) {
	files, err := s.list(dir)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	var out []Event
	var failed []error
	for _, info := range files {
		event, err := s.event(path.Join(dir, info.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist): // Another process sent it.
		case err != nil:
			failed = append(failed, fmt.Errorf("%s: %w", filepath.Join(s.dir, dir, info.Name()), err))
		case event.URL == url:
			out = append(out, event)
		}
	}
	slices.SortFunc(out, func(a, b Event) int { return a.Sealed.OccurredAt.Compare(b.Sealed.OccurredAt) })
	return out, errors.Join(failed...)
}

func (s *Spool) event(where string) (Event, error) {
	data, err := s.read(where, MaxEventSize)
	if err != nil {
		return Event{}, err
	}
	return parse(data)
}

// Done forgets the events of the secret, waiting and lost, that are not newer
// than this one, which the service has.
func (s *Spool) Done(event Event) error {
	return s.locked(func() error {
		for _, dir := range []string{waiting, lost} {
			if err := s.forget(dir, event); err != nil {
				return err
			}
		}
		return nil
	})
}

// Drop forgets the event, which the service refused, if it waits still.
func (s *Spool) Drop(event Event) error {
	return s.locked(func() error {
		where := path.Join(waiting, name(event.URL, event.Sealed.Secret)+".json")
		if waits, err := s.waits(where, event); !waits {
			return err
		}
		return durable.Remove(s.root, where)
	})
}

// waits says whether the file has the event still: another one may have taken its
// place, or another process have sent it.
func (s *Spool) waits(where string, event Event) (bool, error) {
	there, err := s.event(where)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		return false, nil
	}
	return err == nil && there.Sealed.EventID == event.Sealed.EventID, err
}

func (s *Spool) forget(dir string, event Event) error {
	where := path.Join(dir, name(event.URL, event.Sealed.Secret)+".json")
	there, err := s.event(where)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && there.Sealed.OccurredAt.After(event.Sealed.OccurredAt):
		return nil
	case err != nil && !errors.Is(err, ErrDamaged):
		return err
	}
	return durable.Remove(s.root, where)
}

// SetAside moves the event, if it waits still, to those that are lost unless the
// secret is pushed again.
func (s *Spool) SetAside(event Event, reason string) error {
	return s.locked(func() error {
		file := name(event.URL, event.Sealed.Secret) + ".json"
		if waits, err := s.waits(path.Join(waiting, file), event); !waits {
			return err
		}
		event.Reason = reason
		data, err := event.encode()
		if err != nil {
			return err
		}
		// A crash between the two leaves it in both: it is set aside again.
		if err := durable.WriteFile(s.root, path.Join(lost, file), data, privateFile); err != nil {
			return err
		}
		return durable.Remove(s.root, path.Join(waiting, file))
	})
}
