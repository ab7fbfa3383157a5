// Package openpgp seals and opens with OpenPGP (RFC 9580), for certificates of
// version 4, such as gpg makes, and of version 6. Envelopes are OpenPGP messages,
// armored unless asked for raw, as gpg and other implementations read them.
//
// What is sealed: one literal packet, binary, without a file name, a time,
// compression or a signature. Where every recipient announces version 2 of the
// encrypted data packet, it is authenticated with GCM or OCB; otherwise with the
// modification detection code (MDC) of version 1, which gpg 2.2 needs. The
// session key is for AES-256, or for AES-128 where a recipient has no AES-256.
//
// What is opened: both of these, the AEAD packet that gpg 2.3 and later write
// instead of version 2, EAX, AES-192, unnamed recipients (gpg --throw-keyids)
// and compressed data, up to 64 MiB of it. Refused is data without integrity
// protection and any cipher but AES. A signature inside a message is skipped, not
// verified: whose it would have to be is not known here. Text that was marked as
// such keeps the line ends that the sender gave it.
//
// Integrity protection covers the data and nothing else: whoever has an
// envelope can take out or add other recipients, or write its armor and the
// lengths of its packets differently, and it still opens to the same plaintext.
// It says nothing of who sealed it.
//
// On the Brainpool curves the library multiplies in time that depends on the
// private key, so their keys are for opening offline.
//
// There is no stream: version 1 authenticates the whole at once, at its end, and
// which version an envelope has is the sender's choice.
package openpgp

import (
	"bytes"
	gocrypto "crypto"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/internal/strength"
)

// Format is the openpgp format. Its keys are *openpgp.Entity of
// github.com/ProtonMail/go-crypto/openpgp/v2; a private one must be decrypted.
var Format = crypto.Format{
	Name:      "openpgp",
	Extension: ".pgp",
	Algorithms: []crypto.Algorithm{
		{Name: "ML-KEM-768+X25519, ML-KEM-1024+X448", Keys: "OpenPGP with an ML-KEM subkey", PostQuantum: true},
		{Name: "X25519, X448", Keys: "OpenPGP v6 and v4 with such a subkey"},
		{Name: "ECDH", Keys: "OpenPGP v4 and v6 on Curve25519, P-256, P-384, P-521 and Brainpool"},
		{Name: "RSA", Keys: "OpenPGP v4 and v6 with RSA of 2048 bits or more"},
	},
	Recipient: newRecipient,
	Identity:  newIdentity,
	SealTo:    sealTo,
	Forms: []crypto.Form{
		{Name: "armor", Write: func(envelope []byte) ([]byte, error) {
			raw, m, err := read(envelope)
			if err != nil {
				return nil, err
			}
			return writeArmor(raw, m.version2())
		}},
		{Name: "raw", Write: func(envelope []byte) ([]byte, error) {
			raw, _, err := read(envelope)
			return bytes.Clone(raw), err
		}},
	},
	Addressees: addressees,
	Detect:     func(data []byte) bool { return isArmored(data) || isBinary(data) },
}

// policy is what is demanded of a certificate that is sealed to. SHA-1 would
// let whoever can make collisions bind a key of his own to a certificate.
var policy = &packet.Config{
	MinRSABits: strength.MinRSA,
	RejectHashAlgorithms: map[gocrypto.Hash]bool{
		gocrypto.MD5: true, gocrypto.SHA1: true, gocrypto.RIPEMD160: true,
	},
}

// read returns the packets of an envelope in either form, and what they are.
func read(envelope []byte) ([]byte, *message, error) {
	raw, err := readArmor(envelope)
	if err != nil {
		return nil, nil, err
	}
	m, err := parseMessage(raw)
	if err != nil {
		return nil, nil, err
	}
	return raw, m, nil
}

// publicCopy returns the certificate of an entity. The library notes in an
// entity which of its signatures it has verified; in a copy that is safe.
func publicCopy(entity *pgp.Entity) (*pgp.Entity, error) {
	var buf bytes.Buffer
	if err := entity.Serialize(&buf); err != nil {
		return nil, err
	}
	return pgp.ReadEntity(packet.NewReader(&buf))
}

// isWeak says whether a key is refused for what it is, and why.
func isWeak(key *packet.PublicKey) (reason string, weak bool) {
	switch key.PubKeyAlgo {
	case packet.PubKeyAlgoRSA, packet.PubKeyAlgoRSAEncryptOnly:
		if bits, err := key.BitLength(); err != nil || bits < strength.MinRSA {
			return "it is RSA of less than 2048 bits", true
		}
	case packet.PubKeyAlgoElGamal:
		return "it is ElGamal", true
	}
	return "", false
}
