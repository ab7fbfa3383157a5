package push

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/spool"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// DefaultCacheFor is how long a recipient set is used by default.
const DefaultCacheFor = 24 * time.Hour

// Sealer seals events at the source: for the recipients that the service has
// signed, so that the service never sees a value. Its fields are set before the
// first use; after that it is safe for concurrent use.
type Sealer struct {
	// Client sends; its URL is https://HOST/v1/hooks/SOURCE.
	Client *Client
	// ServiceKey must have signed the recipients.
	ServiceKey ed25519.PublicKey
	// Issuer is what the service calls itself; empty for any.
	Issuer string
	// Spool keeps what the service is away for, and the recipients; nil for none.
	Spool *spool.Spool
	// CacheFor is how long recipients out of the Spool are used, from when the
	// service signed them; 0 for never. The service's own bound counts as well.
	CacheFor time.Duration
	// Warn is told what failed in the Spool beside an event that is sent all the
	// same; nil for nobody.
	Warn func(error)
}

func (s *Sealer) warn(err error) {
	if err != nil && s.Warn != nil {
		s.Warn(err)
	}
}

// SpooledError says that the service is away and the sealed event is on disk, to
// be sent later.
type SpooledError struct {
	// Dir is the spool.
	Dir string
	// Superseded says that an event of the secret that happened later is there,
	// so that this one is not needed.
	Superseded bool
	// Cause is why the service was not reached.
	Cause error
}

func (e *SpooledError) Error() string {
	if e.Superseded {
		return fmt.Sprintf("%v; a newer event of the secret is in the spool %s already", e.Cause, e.Dir)
	}
	return fmt.Sprintf("%v; the sealed event is in the spool %s, and is sent by the next push that reaches the service or by `sealrelay push --flush`", e.Cause, e.Dir)
}

func (e *SpooledError) Unwrap() error { return e.Cause }

// ErrRecipientsChanged says that the service does not take what was sealed,
// because the secret goes to others by now, or for other keys.
var ErrRecipientsChanged = errors.New("the recipients changed")

// Push seals the event, sends it, and returns what the server answered. With a
// Spool, an event that the service is away for is on disk, and the error a
// *SpooledError. When the recipients changed meanwhile they are fetched again,
// once. The event's Value stays the caller's.
func (s *Sealer) Push(ctx context.Context, event hooks.Event) (wire.Answer, error) {
	answer, err := s.push(ctx, event)
	if err != nil {
		return wire.Answer{}, fmt.Errorf("push %s: %w", event.Secret, err)
	}
	return answer, nil
}

func (s *Sealer) push(ctx context.Context, event hooks.Event) (wire.Answer, error) {
	if err := s.Client.check(); err != nil {
		return wire.Answer{}, err
	}
	if event.ID == "" {
		event.ID = NewID()
	}
	if event.OccurredAt.IsZero() {
		event.OccurredAt = time.Now()
	}
	for _, recipients := range []func(context.Context, string) (recipientset.Set, error){s.recipients, s.fetch} {
		sealed, err := s.seal(ctx, event, recipients)
		if err != nil {
			return wire.Answer{}, err
		}
		answer, err := s.send(ctx, sealed)
		if !errors.Is(err, ErrRecipientsChanged) {
			return answer, err
		}
	}
	return wire.Answer{}, fmt.Errorf("%w, again while it was sealed; push again", ErrRecipientsChanged)
}

// seal seals the event for the recipients; a deletion has none.
func (s *Sealer) seal(ctx context.Context, event hooks.Event, recipients func(context.Context, string) (recipientset.Set, error)) (spool.Event, error) {
	sealed := adapters.Sealed{EventID: event.ID, Secret: event.Secret, Operation: event.Operation, OccurredAt: event.OccurredAt}
	if event.Operation == hooks.Set {
		if event.Value == nil || event.Value.Len() == 0 {
			return spool.Event{}, hooks.ErrNoValue
		}
		set, err := recipients(ctx, event.Secret)
		if err != nil {
			return spool.Event{}, err
		}
		sealed.Recipients = set.Digest()
		if sealed.Envelopes, err = sealFor(set, event.Value); err != nil {
			return spool.Event{}, err
		}
	}
	body, err := adapters.EncodeSealed(sealed)
	return spool.Event{URL: s.Client.URL, Body: body, Sealed: sealed}, err
}

// sealFor makes one envelope for each key. A key that does not pass the policy
// any more is left out: the service, which finds the same, takes its agents for
// blocked.
func sealFor(set recipientset.Set, value *hooks.Value) ([]adapters.Envelope, error) {
	keys, err := set.Recipients()
	if err != nil {
		return nil, err
	}
	var out []adapters.Envelope
	refused := errors.New("every agent is blocked")
	err = value.Expose(func(plaintext []byte) error {
		for _, key := range keys {
			if err := key.Check(time.Now()); err != nil {
				refused = err
				continue
			}
			envelope, err := key.Recipient.Seal(plaintext)
			if err != nil {
				return fmt.Errorf("key %s: %w", key.ID, err)
			}
			out = append(out, adapters.Envelope{Format: key.Format.Name, KeyID: key.ID, Bytes: envelope})
		}
		return nil
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%w: there is no key to seal for: %w", recipientset.ErrKey, refused)
	}
	return out, err
}

// send sends a sealed event. Before it waits for a second try the event is in
// the spool: a password manager ends a hook that takes long.
func (s *Sealer) send(ctx context.Context, event spool.Event) (wire.Answer, error) {
	kept := errNotTried
	answer, err := s.post(ctx, event, func() {
		if s.Spool != nil && errors.Is(kept, errNotTried) {
			kept = s.Spool.Put(event)
		}
	})
	switch {
	case s.Spool == nil:
		return answer, err
	case err == nil:
		// What is left there is sent again, and is a duplicate then.
		s.warn(s.Spool.Done(event))
		return answer, nil
	case !away(err):
		return answer, errors.Join(err, s.refused(event, err))
	case errors.Is(kept, spool.ErrSuperseded):
		return answer, &SpooledError{Dir: s.Spool.Dir(), Superseded: true, Cause: err}
	case kept != nil:
		return answer, fmt.Errorf("%w; and the sealed event is not kept either: %w", err, kept)
	}
	return answer, &SpooledError{Dir: s.Spool.Dir(), Cause: err}
}

var errNotTried = errors.New("not tried")

// refused takes an event out of the spool that the service refused, and whose
// sender is told so.
func (s *Sealer) refused(event spool.Event, refusal error) error {
	if errors.Is(refusal, ErrRecipientsChanged) {
		// Until it is sealed anew it is lost, which the spool is to know if the
		// process ends now.
		return s.Spool.SetAside(event, refusal.Error())
	}
	return s.Spool.Drop(event)
}

// post sends the event until it is answered, and calls failed after each try
// for which the service was away.
func (s *Sealer) post(ctx context.Context, event spool.Event, failed func()) (wire.Answer, error) {
	at, err := endpointOf(s.Client.URL)
	if err != nil {
		return wire.Answer{}, err
	}
	m := message{method: http.MethodPost, url: at.sealed(), id: event.Sealed.EventID, payload: &payload{content: event.Body}}
	answer, err := retry(ctx, s.Client, func() (wire.Answer, error) {
		answer, err := try(ctx, s.Client, m, readAnswer)
		if away(err) {
			failed()
		}
		return answer, err
	})
	var problem *wire.ProblemError
	if errors.As(err, &problem) && problem.Kind() == recipientsChanged {
		err = fmt.Errorf("%w: %w", ErrRecipientsChanged, err)
	}
	return answer, err
}

// recipientsChanged is the last part of the type of that problem.
const recipientsChanged = "recipients-changed"

// away says whether the service was not reached, or cannot do its work now. One
// that is not trusted was not reached: its certificate may have expired.
func away(err error) bool {
	var problem *wire.ProblemError
	if errors.As(err, &problem) {
		return problem.StatusCode == http.StatusRequestTimeout || problem.StatusCode == http.StatusTooManyRequests || problem.StatusCode >= http.StatusInternalServerError
	}
	var network *networkError
	var untrusted *tls.CertificateVerificationError
	return errors.As(err, &network) || errors.As(err, &untrusted)
}
