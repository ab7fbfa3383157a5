package age

import (
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
)

// TestSealTo: each of several recipients opens the one envelope, and a stranger
// does not.
func TestSealTo(t *testing.T) {
	classic := []string{"age", "age", "ed25519", "rsa-2048"}
	for name, group := range map[string][]string{"classic": classic, "post-quantum": {"age-pq", "age-pq"}, "one": {"age"}} {
		t.Run(name, func(t *testing.T) {
			var recipients []crypto.Recipient
			var identities []crypto.Identity
			for _, kind := range group {
				recipient, identity := newPair(t, kind)
				recipients, identities = append(recipients, recipient), append(identities, identity)
			}
			sealed, err := Format.SealTo([]byte("value"), recipients...)
			if err != nil {
				t.Fatal(err)
			}
			for i, identity := range identities {
				if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
					t.Errorf("%s: got %q, %v", group[i], got, err)
				}
			}
			for _, kind := range group {
				_, stranger := newPair(t, kind)
				plaintext, err := stranger.Open(sealed)
				if plaintext != nil {
					t.Errorf("a stranger's %s opened it", kind)
				}
				wantClass(t, err, crypto.ErrNoMatch)
			}
		})
	}
}

func TestSealToRefuses(t *testing.T) {
	classic, _ := newPair(t, "age")
	hybrid, _ := newPair(t, "age-pq")
	ssh, _ := newPair(t, "ed25519")
	many := make([]crypto.Recipient, maxStanzas+1)
	for i := range many {
		many[i] = classic
	}
	for name, c := range map[string]struct {
		recipients []crypto.Recipient
		class      error
	}{
		"none":                 {nil, crypto.ErrUnsupportedKey},
		"another format's":     {[]crypto.Recipient{classic, foreign{}}, crypto.ErrUnsupportedKey},
		"hybrid and classic":   {[]crypto.Recipient{hybrid, classic}, crypto.ErrForbidden},
		"classic and hybrid":   {[]crypto.Recipient{classic, hybrid}, crypto.ErrForbidden},
		"SSH and hybrid":       {[]crypto.Recipient{ssh, hybrid}, crypto.ErrForbidden},
		"more than are opened": {many, crypto.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			sealed, err := Format.SealTo([]byte("value"), c.recipients...)
			if sealed != nil {
				t.Error("sealed")
			}
			wantClass(t, err, c.class)
		})
	}
}

// TestMostRecipients: as many as are sealed to are opened.
func TestMostRecipients(t *testing.T) {
	recipient, _ := newPair(t, "ed25519")
	last, identity := newPair(t, "age")
	many := make([]crypto.Recipient, maxStanzas)
	for i := range many {
		many[i] = recipient
	}
	many[len(many)-1] = last
	sealed, err := Format.SealTo([]byte("value"), many...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := identity.Open(sealed); err != nil || string(got) != "value" {
		t.Errorf("got %q, %v", got, err)
	}
}
