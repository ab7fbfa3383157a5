// Package formats is the table of the envelope formats.
package formats

import (
	"fmt"
	"strings"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/age"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// All are the formats, in the order in which Detect tries them. It must not be
// changed.
var All = []crypto.Format{age.Format, js7.Format}

// ByName returns the format of that name; the error of an unknown one lists
// those there are.
func ByName(name string) (crypto.Format, error) {
	var names []string
	for _, format := range All {
		if format.Name == name {
			return format, nil
		}
		names = append(names, format.Name)
	}
	return crypto.Format{}, fmt.Errorf("unknown envelope format %q; there are %s", name, strings.Join(names, ", "))
}

// Detect returns the format that data is in. That it was detected says nothing
// of whether the envelope opens.
func Detect(data []byte) (crypto.Format, bool) {
	for _, format := range All {
		if format.Detect(data) {
			return format, true
		}
	}
	return crypto.Format{}, false
}

// RecipientFor makes a recipient of a public key in the named format; an empty
// name means the key's default. Errors are those of ByName and of the format,
// crypto.ErrUnsupportedKey for a key that no format takes.
func RecipientFor(public *keys.Public, formatName string) (crypto.Recipient, crypto.Format, error) {
	if formatName == "" {
		formatName = public.DefaultFormat()
	}
	if formatName == "" {
		return nil, crypto.Format{}, fmt.Errorf("%w: nothing can be sealed to a key of kind %s", crypto.ErrUnsupportedKey, public.Kind())
	}
	format, err := ByName(formatName)
	if err != nil {
		return nil, crypto.Format{}, err
	}
	recipient, err := format.Recipient(public.Key)
	if err != nil {
		return nil, crypto.Format{}, err
	}
	return recipient, format, nil
}
