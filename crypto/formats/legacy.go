package formats

import (
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
)

// RefuseLegacy returns crypto.ErrForbidden for an envelope of a legacy format,
// or one made with algorithms that are read only for the sake of old senders. An
// envelope in none of the formats passes: opening it will tell.
func RefuseLegacy(envelope []byte) error {
	format, known := Detect(envelope)
	if known && (format.Legacy || format.LegacyEnvelope != nil && format.LegacyEnvelope(envelope)) {
		return fmt.Errorf("%w: the envelope is %s with legacy algorithms; have it sealed with today's", crypto.ErrForbidden, format.Name)
	}
	return nil
}
