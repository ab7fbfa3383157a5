package formats

import (
	"errors"
	"fmt"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// RecipientFor makes a recipient of a public key in the named format; an empty
// name means the key's default. A certificate is handed on whole, so that a
// format that names recipients can name it. Errors are those of ByName and of
// the format, crypto.ErrUnsupportedKey for a key that no format takes.
func RecipientFor(public *keys.Public, formatName string) (crypto.Recipient, crypto.Format, error) {
	format, err := formatOf(public, formatName)
	if err != nil {
		return nil, crypto.Format{}, err
	}
	recipient, err := format.Recipient(handedOn(public))
	if err != nil {
		return nil, crypto.Format{}, err
	}
	return recipient, format, nil
}

// formatOf is the format of that name, or the key's default.
func formatOf(public *keys.Public, name string) (crypto.Format, error) {
	if name == "" {
		name = public.DefaultFormat()
	}
	if name == "" {
		return crypto.Format{}, fmt.Errorf("%w: nothing is sealed to a key of kind %s unless a format is named", crypto.ErrUnsupportedKey, public.Kind())
	}
	return ByName(name)
}

func handedOn(public *keys.Public) any {
	if public.Certificate != nil {
		return public.Certificate
	}
	return public.Key
}

// shared are the formats that are tried for several keys that have no default
// in common, or one whose envelopes have one recipient.
var shared = []string{"cms", "jwe"}

// ForAll returns the format in which one envelope is sealed to all of the keys,
// of which there is at least one: the named one; or, for an empty name, their
// default if they have it in common and it seals to several; or else the first
// of cms and jwe that takes each of them. The error wraps
// crypto.ErrUnsupportedKey if there is none.
func ForAll(publics []*keys.Public, formatName string) (crypto.Format, error) {
	if formatName != "" {
		return ByName(formatName)
	}
	if len(publics) == 1 {
		return formatOf(publics[0], "")
	}
	names := shared
	if first := publics[0].DefaultFormat(); haveDefault(publics, first) {
		names = append([]string{first}, shared...)
	}
	var unfit error
	for _, name := range names {
		format, err := ByName(name)
		if err != nil || format.SealTo == nil { // Keys without a default have none in common.
			continue
		}
		if err := takesAll(format, publics); err != nil {
			unfit = errors.Join(unfit, fmt.Errorf("%s: %w", name, err))
			continue
		}
		return format, nil
	}
	return crypto.Format{}, fmt.Errorf("%w: no format seals one envelope to all of these keys; seal to each alone: %w", crypto.ErrUnsupportedKey, unfit)
}

func haveDefault(publics []*keys.Public, name string) bool {
	for _, public := range publics {
		if public.DefaultFormat() != name {
			return false
		}
	}
	return true
}

// takesAll says why a format cannot use one of the keys. One that it refuses
// for its weakness it could use.
func takesAll(format crypto.Format, publics []*keys.Public) error {
	for _, public := range publics {
		if _, err := format.Recipient(handedOn(public)); errors.Is(err, crypto.ErrUnsupportedKey) {
			return err
		}
	}
	return nil
}
