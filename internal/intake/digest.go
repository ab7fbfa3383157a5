package intake

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// The uses of the installation's secret, each with a key of its own (HKDF info,
// RFC 5869, section 3.2).
const (
	repeatLabel = "sealrelay repeat digest v1"
	valueLabel  = "sealrelay value digest v1"
)

// digests are keyed: a plain hash of a body or of a value would let whoever
// reads the database guess the password.
type digests struct{ repeat, value []byte }

func newDigests(secret []byte) digests {
	return digests{repeat: derive(secret, repeatLabel), value: derive(secret, valueLabel)}
}

func derive(secret []byte, label string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, label, sha256.Size)
	if err != nil {
		// RFC 5869 limits the length only, which is a constant here.
		panic(fmt.Sprintf("derive %s: %v", label, err))
	}
	return key
}

// ofMessage is HMAC-SHA256 over the source's name and what tells the message
// from any other of the source: its signature, or its body.
func (d digests) ofMessage(source string, message []byte) string {
	mac := hmac.New(sha256.New, d.repeat)
	write(mac, []byte(source))
	write(mac, message)
	return hex.EncodeToString(mac.Sum(nil))
}

// ofValue is HMAC-SHA256 over the event's secret, operation and value, and who
// gets it with which key. So a value is the same only while it would reach the
// same agents: one more agent, another key or one that was mended make a new
// version of an old value.
// usable says whether the event gets sealed for the target at an index.
// There is none of an event that its sender has sealed.
func (d digests) ofValue(ev *event, usable func(i int) bool) ([]byte, error) {
	if ev.sealed != nil {
		return nil, nil
	}
	mac := hmac.New(sha256.New, d.value)
	write(mac, []byte(ev.Secret))
	write(mac, []byte(ev.Operation))
	for i, target := range ev.targets {
		if usable(i) {
			for _, part := range []string{target.Agent, target.Destination, target.Key.Format.Name, target.Key.ID} {
				write(mac, []byte(part))
			}
		}
	}
	if ev.Value == nil {
		return mac.Sum(nil), nil
	}
	var sum []byte
	err := ev.Value.Expose(func(plaintext []byte) error {
		write(mac, plaintext)
		sum = mac.Sum(nil)
		return nil
	})
	return sum, err
}

// write puts the part's length before it, so that no two lists of parts are the
// same bytes.
func write(mac interface{ Write([]byte) (int, error) }, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	_, _ = mac.Write(length[:]) // a hash's Write never fails
	_, _ = mac.Write(part)
}
