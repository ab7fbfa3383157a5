// Package age seals and opens with age (https://age-encryption.org/v1), for
// the recipients of the age command: X25519, hybrid post-quantum, SSH keys
// (Ed25519, and RSA of at least 2048 bits) and plugins, through which hardware
// keys work. Envelopes are what that command writes and reads.
//
// A plugin is a program, age-plugin-NAME on the PATH, which is run at each seal
// or open with its recipient or identity; what it may ask its user is up to the
// ClientUI that the key was made with. Envelopes under a passphrase are not
// opened: a passphrase is no key of a recipient.
//
// A file key and the last chunk that was worked on stay in memory that the
// library does not wipe; what this package itself reads into is wiped.
package age

import (
	"bytes"

	"github.com/sealrelay/sealrelay/crypto"
)

// intro is the first line of an envelope in raw form; it has the version.
const intro = "age-encryption.org/v1\n"

// Format is the age format.
//
// Its recipients are *age.X25519Recipient, *age.HybridRecipient,
// *plugin.Recipient, ed25519.PublicKey and *rsa.PublicKey, the last two as SSH
// keys; its identities their private counterparts. An identity of a plugin has
// no KeyID: which recipient it opens for, the plugin alone knows. A failing
// plugin is crypto.ErrUnsupportedKey.
//
// SealTo and Stream refuse to mix post-quantum recipients with others, as
// crypto.ErrForbidden.
var Format = crypto.Format{
	Name:      "age",
	Extension: ".age",
	// The names are those of stanzas in https://c2sp.org/age.
	Algorithms: []crypto.Algorithm{
		{Name: "mlkem768x25519", Keys: "age hybrid (age1pq1...)", PostQuantum: true},
		{Name: "X25519", Keys: "age X25519 (age1...)"},
		{Name: "ssh-ed25519", Keys: "Ed25519 of SSH"},
		{Name: "ssh-rsa", Keys: "RSA of SSH, at least 2048 bits"},
		{Name: "plugin", Keys: "age plugin (age1NAME1...); its own algorithm"},
	},
	Recipient: newRecipient,
	Identity:  newIdentity,
	SealTo:    sealTo,
	Forms: []crypto.Form{
		{Name: "raw", Write: writeRaw},
		{Name: "armor", Write: writeArmor},
	},
	Stream:     &crypto.Stream{Seal: sealStream, Open: openStream},
	Addressees: addressees,
	Detect:     func(data []byte) bool { return bytes.HasPrefix(data, []byte(intro)) || isArmored(data) },
}
