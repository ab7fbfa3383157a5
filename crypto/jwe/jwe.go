// Package jwe seals and opens JSON Web Encryption (RFC 7516), as the JOSE
// libraries of all languages do.
//
// The list of algorithms is closed, for opening as for sealing (RFC 7518,
// sections 4.3, 4.6 and 5.3; RFC 8037, section 3.2):
//
//	alg  ECDH-ES+A256KW on P-256, P-384, P-521 and X25519; RSA-OAEP-256
//	enc  A256GCM
//
// Any maintained library makes these, so an agent needs no others, and each
// other one is a risk of its own: RSA1_5 and CBC answer to padding oracles,
// RSA-OAEP is on SHA-1, PBES2 lets the sender choose the work, dir and the
// symmetric wraps need a secret that is shared, ECDH-ES without a wrap cannot
// tell a wrong key from damage, and 128 bits are less than P-384 offers.
// Compression (zip) is refused because the length of the envelope would tell of
// the plaintext, and critical extensions (crit) because none is known.
//
// An envelope for one recipient is sealed in the compact serialization (section
// 7.1), whose header is authenticated in whole; for several, in the general JSON
// serialization (section 7.2.1). In JSON, what is in the header of a recipient
// is not authenticated as such: kid and x5t#S256 could be changed unnoticed, and
// an ephemeral key into its negative, which does not alter what is opened. All
// else, and always the plaintext, is covered by the tags.
//
// Reading is stricter than RFC 7516: base64url in its one encoding, no member
// twice, no unknown members beside those of section 7.2, no parameters outside
// the protected header but alg, kid, x5t#S256, epk, apu and apv. Unknown
// parameters within the protected header are ignored, as section 4 asks. Beside
// several recipients the encrypted key of the first may be repeated, as go-jose
// writes it.
package jwe

import "github.com/sealrelay/sealrelay/crypto"

// The algorithms, as RFC 7518 spells them.
const (
	algRSA  = "RSA-OAEP-256"
	algECDH = "ECDH-ES+A256KW"
	encGCM  = "A256GCM"
)

// Format is the jwe format. It takes RSA keys of 2048 bits or more, EC keys on
// P-256, P-384 and P-521, and X25519 keys; the header names the key by its ID
// (kid) and a certificate by its digest (x5t#S256). A sealed kid is the KeyID;
// on opening it says which recipient to try first, and no more.
var Format = crypto.Format{
	Name:      "jwe",
	Extension: ".jwe",
	Algorithms: []crypto.Algorithm{
		{Name: algECDH + " with " + encGCM, Keys: "EC on P-256, P-384 and P-521; X25519"},
		{Name: algRSA + " with " + encGCM, Keys: "RSA of 2048 bits or more"},
	},
	Recipient: newRecipient,
	Identity:  newIdentity,
	SealTo:    sealTo,
	Forms: []crypto.Form{
		{Name: "compact", Write: rewrite((*envelope).compact)},
		{Name: "json", Write: rewrite((*envelope).json)},
	},
	Addressees: addressees,
	Detect:     detect,
}

// addressees has alg and kid of each recipient.
func addressees(data []byte) ([]string, error) {
	parsed, err := parse(data)
	if err != nil {
		return nil, err
	}
	out := make([]string, len(parsed.recipients))
	for i, each := range parsed.recipients {
		out[i] = each.parameters.algorithm + " " + each.parameters.keyID
	}
	return out, nil
}

func rewrite(write func(*envelope) ([]byte, error)) func([]byte) ([]byte, error) {
	return func(data []byte) ([]byte, error) {
		parsed, err := parse(data)
		if err != nil {
			return nil, err
		}
		return write(parsed)
	}
}
