package intake

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	repeatPrefix = "body:"
	// repeatLabel separates this use of the secret from any other (HKDF info,
	// RFC 5869 section 3.2).
	repeatLabel = "sealrelay repeat digest v1"
)

// repeatKey makes the digests by which the same body is known again. They are
// keyed: a plain hash of a body would let whoever reads the database guess the
// password in it.
type repeatKey struct{ key []byte }

func newRepeatKey(secret []byte) repeatKey {
	key, err := hkdf.Key(sha256.New, secret, nil, repeatLabel, sha256.Size)
	if err != nil {
		// RFC 5869 limits the length only, which is a constant here.
		panic(fmt.Sprintf("derive repeat key: %v", err))
	}
	return repeatKey{key}
}

// digest is HMAC-SHA256 over the source's name and the body.
func (k repeatKey) digest(source string, body []byte) string {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(source))
	mac.Write([]byte{0})
	mac.Write(body)
	return repeatPrefix + hex.EncodeToString(mac.Sum(nil))
}

// prior says what is known of the event and its secret. What this process
// remembers is enough to seal the next version, since the commit finds out
// whether the event is a repeat; an event that would be refused for what is
// remembered is looked up, because a repeat is given the stored answer first.
//
// Where the sender gave no ID, the event's is made of the body's digest and
// the version that it makes. So the same body is a repeat only while nothing
// else changed the secret: a password that goes from A to B and back to A is
// three events. A repeat must also come within the source's window and have
// reached every agent, since pushing again is how a blocked agent is mended.
func (in *Intake) prior(ctx context.Context, ev *event) (outbox.Prior, error) {
	if ev.repeat == "" {
		if known, ok := in.latest.of(ev.Secret); ok && !ev.source.Strict && !stale(ev.OccurredAt, known.OccurredAt) {
			return known, nil
		}
		return in.store.Prior(ctx, ev.source.Name, ev.ID, ev.Secret)
	}
	prior, err := in.store.Prior(ctx, ev.source.Name, "", ev.Secret)
	if err != nil {
		return outbox.Prior{}, err
	}
	ev.ID = fmt.Sprintf("%s:%d", ev.repeat, prior.Version)
	same, err := in.store.Prior(ctx, ev.source.Name, ev.ID, ev.Secret)
	if err != nil {
		return outbox.Prior{}, err
	}
	if same.Answer != nil && in.isRepeat(ev, same.Answer) {
		return same, nil
	}
	ev.ID = fmt.Sprintf("%s:%d", ev.repeat, prior.Version+1)
	return prior, nil
}

func (in *Intake) isRepeat(ev *event, stored []byte) bool {
	var answer wire.Answer
	if err := json.Unmarshal(stored, &answer); err != nil {
		return false
	}
	return ev.received.Sub(answer.AcceptedAt) < ev.source.RepeatWindow && len(blockedOnly(answer.Agents)) == 0
}
