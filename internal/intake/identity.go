package intake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// What begins the ID of an event whose sender gave it none.
const (
	// signedPrefix goes before the digest of the signature of a message whose
	// time is signed: the same signature is the same message.
	signedPrefix = "signed:"
	// bodyPrefix goes before the digest of a body that is signed without a
	// time, and what tells the times apart that it was accepted.
	bodyPrefix = "body:"
	// arrivalPrefix goes before a random ID. Nothing proves what such a request
	// says but the credential that came with it; whoever has that can send
	// anything, so that a repeat is known by the value alone.
	arrivalPrefix = "arrival:"
)

// identify gives the event the ID by which a repeat of it is known. n counts
// the events of its message, index is this one's place.
func (in *Intake) identify(ev *event, request *hooks.Request, verified hooks.Verified, index, n int) error {
	part := ""
	if n > 1 {
		part = "/" + strconv.Itoa(index)
	}
	switch {
	case ev.ID != "":
		return checkEventID(ev.ID)
	case verified.EventID != "":
		ev.ID = verified.EventID + part
		return checkEventID(ev.ID)
	case verified.Signature != "":
		ev.ID = signedPrefix + in.digests.ofMessage(ev.source.Name, []byte(verified.Signature)) + part
	case verified.Signed && verified.SignedAt.IsZero():
		ev.body = bodyPrefix + in.digests.ofMessage(ev.source.Name, request.Body) + part + ":"
	default:
		ev.ID = arrivalPrefix + rand.Text()
	}
	ev.unnamed = true
	return nil
}

// maxEventID is the longest event ID, in bytes.
const maxEventID = 256

// checkEventID bounds what a sender may use as an ID: it gets stored, logged
// and sent back.
func checkEventID(id string) error {
	if len(id) > maxEventID {
		return fmt.Errorf("%w: event ID has %d bytes, at most %d are allowed", hooks.ErrMalformed, len(id), maxEventID)
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return fmt.Errorf("%w: event ID has a character that is not printable ASCII", hooks.ErrMalformed)
		}
	}
	for _, reserved := range []string{signedPrefix, bodyPrefix, arrivalPrefix} {
		if strings.HasPrefix(id, reserved) {
			return fmt.Errorf("%w: event ID begins with %q, which is reserved", hooks.ErrMalformed, reserved)
		}
	}
	return nil
}

// prior says what is known of the event and its secret. What this process
// remembers is enough to seal the next version, since the commit finds out
// whether the event is a repeat; an event that would be refused for what is
// remembered is looked up, because a repeat is given the stored answer first.
func (in *Intake) prior(ctx context.Context, ev *event) (outbox.Prior, error) {
	if !ev.unnamed {
		if known, ok := in.latest.of(ev.Secret); ok && !ev.mayBeRefused(known) {
			return known, nil
		}
	}
	prior, err := in.store.Prior(ctx, ev.source.Name, ev.ID, ev.Secret)
	if err != nil || ev.body == "" {
		return prior, err
	}
	ev.ID = ev.body + strconv.FormatInt(prior.Version+1, 10)
	prior.Answer, err = in.repeated(ctx, ev, prior.Version)
	return prior, err
}

// mayBeRefused says whether the event may be refused for its keys, or as stale.
func (ev *event) mayBeRefused(known outbox.Prior) bool {
	return ev.source.Strict || ev.sealed != nil && ev.sealed.changed != nil || stale(ev.OccurredAt, known.OccurredAt)
}

// repeated is the answer to an earlier event of the same signed body within the
// source's window, nil if there is none. Where the sender signs no time, whoever
// once saw a request could send it again and bring an old value back: a body
// that came before is refused if the secret has changed since. Otherwise it is
// the same event, unless some agent got nothing of it: pushing again is how a
// blocked agent is mended.
func (in *Intake) repeated(ctx context.Context, ev *event, latest int64) ([]byte, error) {
	stored, err := in.store.Repeated(ctx, ev.source.Name, ev.body, ev.received.Add(-ev.source.RepeatWindow))
	if err != nil || stored == nil {
		return nil, err
	}
	var answer wire.Answer
	if err := json.Unmarshal(stored, &answer); err != nil {
		return nil, fmt.Errorf("stored answer: %w", err)
	}
	switch {
	case answer.Version < latest:
		return nil, fmt.Errorf("%w: the same body came at %s, and the secret has changed since; a value that is set once more is taken %s after that, or at once if the sender signs a time or gives its events an ID",
			ErrReplayed, answer.AcceptedAt.UTC().Format(time.RFC3339), ev.source.RepeatWindow)
	case len(blockedOnly(answer.Agents)) > 0:
		return nil, nil
	}
	return stored, nil
}
