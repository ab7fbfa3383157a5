package formats_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
)

// TestAddressed: of the envelopes for all keys in a format, each is taken for
// its own key, and for another one only where the format does not name keys.
func TestAddressed(t *testing.T) {
	pairs := newPairs(t)
	for _, format := range formats.All {
		recipients := map[string]crypto.Recipient{}
		for _, name := range taken[format.Name] {
			recipient, _, err := formats.RecipientFor(pairs[name].public, format.Name)
			if err != nil {
				t.Fatal(err)
			}
			recipients[name] = recipient
		}
		for name, recipient := range recipients {
			envelope := sealed(t, recipient)
			if err := formats.CheckAddressed(format, recipient, envelope); err != nil {
				t.Errorf("%s %s: %v", format.Name, name, err)
			}
			for other, stranger := range recipients {
				same := stranger.KeyID() == recipient.KeyID()
				err := formats.CheckAddressed(format, stranger, envelope)
				if unnamed := format.Name == "js7" || format.Name == "age"; unnamed && err == nil {
					continue
				}
				if !same && !errors.Is(err, crypto.ErrNoMatch) {
					t.Errorf("%s: what is for %s is taken for %s: %v", format.Name, name, other, err)
				}
			}
		}
	}
}

// TestAddressedKind: age and js7 name no key, but tell its kind.
func TestAddressedKind(t *testing.T) {
	pairs := newPairs(t)
	for _, format := range formats.All {
		if format.Name != "js7" && format.Name != "age" {
			continue
		}
		names := taken[format.Name]
		mismatches := 0
		for _, name := range names {
			recipient, _, err := formats.RecipientFor(pairs[name].public, format.Name)
			if err != nil {
				t.Fatal(err)
			}
			for _, other := range names {
				stranger, _, err := formats.RecipientFor(pairs[other].public, format.Name)
				if err != nil {
					t.Fatal(err)
				}
				if kindOf(pairs[name]) == kindOf(pairs[other]) {
					continue
				}
				if err := formats.CheckAddressed(format, stranger, sealed(t, recipient)); errors.Is(err, crypto.ErrNoMatch) {
					mismatches++
				} else {
					t.Errorf("%s: what is for %s is taken for %s: %v", format.Name, name, other, err)
				}
			}
		}
		if mismatches == 0 {
			t.Errorf("%s: nothing was compared", format.Name)
		}
	}
}

// kindOf is what a wrapped key tells of the key that it is for: points on both
// curves of 256 bits have one length.
func kindOf(p pair) string {
	return strings.Replace(p.public.Kind(), "secp256k1", "P-256", 1)
}

// TestAddressedRefuses what is not as it is sealed: every form but the first,
// what is cut off or longer, what is for several, and what is no envelope.
func TestAddressedRefuses(t *testing.T) {
	pairs := newPairs(t)
	for _, format := range formats.All {
		name := taken[format.Name][0]
		recipient, _, err := formats.RecipientFor(pairs[name].public, format.Name)
		if err != nil {
			t.Fatal(err)
		}
		envelope := sealed(t, recipient)
		bad := map[string][]byte{
			"nothing": nil, "text": []byte("plain text"), "a newline more": append(bytes.Clone(envelope), '\n'),
			"the first half": envelope[:len(envelope)/2], "an envelope and a half": slices.Concat(envelope, envelope[:len(envelope)/2]),
		}
		if format.Name == "age" { // Binary, and what is behind the header shows to the key alone.
			delete(bad, "a newline more")
			delete(bad, "an envelope and a half")
			bad["the header"] = envelope[:bytes.LastIndex(envelope, []byte("\n"))+1]
			delete(bad, "the first half")
		}
		for _, form := range format.Forms[1:] {
			if bad[form.Name], err = form.Write(envelope); err != nil {
				t.Fatal(err)
			}
		}
		if format.SealTo != nil {
			if bad["for two"], err = format.SealTo([]byte("value"), recipient, recipient); err != nil {
				t.Fatal(err)
			}
		}
		for what, data := range bad {
			if err := formats.CheckAddressed(format, recipient, data); !errors.Is(err, crypto.ErrMalformed) {
				t.Errorf("%s, %s: error is %v", format.Name, what, err)
			}
		}
	}
}
