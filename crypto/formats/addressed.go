package formats

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/sealrelay/sealrelay/crypto"
)

// CheckAddressed says whether an envelope that another has sealed can be one for
// the recipient, which is of that format. It opens nothing: it compares the
// envelope with one that it seals itself. The error wraps crypto.ErrMalformed
// for what is no envelope of the format in the form that is sealed to, for one
// that is sealed with what is opened only for the sake of old senders, and for
// one that several can open; crypto.ErrNoMatch for one that names another key.
// Where a format names no key (js7, age), another key of the same kind is not
// noticed.
func CheckAddressed(format crypto.Format, recipient crypto.Recipient, envelope []byte) error {
	written, err := format.Forms[0].Write(envelope)
	if err != nil {
		return err
	}
	if !bytes.Equal(written, envelope) {
		return fmt.Errorf("%w: it is not written as %s seals it", crypto.ErrMalformed, format.Name)
	}
	if format.LegacyEnvelope != nil && format.LegacyEnvelope(envelope) {
		return fmt.Errorf("%w: it is sealed with a legacy algorithm of %s", crypto.ErrMalformed, format.Name)
	}
	is, err := format.Addressees(envelope)
	if err != nil {
		return err
	}
	own, err := recipient.Seal([]byte{0})
	if err != nil {
		return err
	}
	want, err := format.Addressees(own)
	if err != nil {
		return err
	}
	switch {
	case len(is) != len(want):
		return fmt.Errorf("%w: it has %d recipients, not %d", crypto.ErrMalformed, len(is), len(want))
	case !slices.Equal(is, want):
		return fmt.Errorf("%w: it is for another key", crypto.ErrNoMatch)
	}
	return nil
}
