// Package cms seals and opens with the Cryptographic Message Syntax (RFC 5652),
// which is what "openssl cms" speaks.
//
// An envelope is sealed as AuthEnvelopedData (RFC 5083) with AES-256-GCM (RFC
// 5084). Its key is wrapped for each recipient: with RSAES-OAEP on SHA-256 (RFC
// 3560) for an RSA key, with ephemeral-static ECDH, the X9.63 KDF on SHA-256 and
// AES-256 key wrap (RFC 5753) for an EC key. A certificate is named in the
// envelope by issuer and serial number, a bare key by the SHA-1 of its bits
// (RFC 5280, section 4.2.1.2, method 1).
//
// What is opened beyond that is what OpenSSL and old senders make: AES-128 to
// AES-256 in GCM, the KDFs on SHA-1 to SHA-512, with cofactor Diffie-Hellman
// too, AES-128 to AES-256 key wrap, RSAES-OAEP on SHA-1 to SHA-512, and, as
// legacy, EnvelopedData with AES-CBC and keys under RSAES-PKCS1-v1_5.
//
// # Encoding
//
// Envelopes are DER, or PEM labelled CMS or PKCS7 (RFC 7468) in lines of 64
// characters, LF or CRLF, the last of which may lack its line break. Each DER
// envelope has one encoding: what would not be written with the same bytes
// again is crypto.ErrMalformed. The one exception is the BER that OpenSSL
// writes when it streams, in which the content comes in chunks of any size and
// the elements around it are of indefinite length; it is rewritten as DER
// before it is read. S/MIME is not read.
//
// Originator information, unprotected and unauthenticated attributes, which
// nothing protects, are crypto.ErrMalformed, and so is content that is not plain
// data. Authenticated attributes are authenticated and not returned.
//
// # What a legacy envelope lacks
//
// AES-CBC authenticates nothing: who can change an envelope changes the
// plaintext, and whether it opens, asked often enough by who sends envelopes,
// gives plaintexts away (Vaudenay). Moreover, the wrapped key of an
// authenticated envelope can be put before a content of AES-CBC, and what
// comes out tells about the plaintext of the former (RFC 9709, section 1). So
// a legacy envelope is for opening offline, what was in it is never for who
// sent it, and Format.LegacyEnvelope lets a policy refuse it.
//
// RSAES-PKCS1-v1_5 fails silently: what does not decrypt becomes a key that
// depends on the envelope and the private key alone (RFC 3218, section 2.3.2),
// so that opening is no oracle for it (Bleichenbacher). With AES-GCM this ends
// in crypto.ErrNoMatch; with AES-CBC, one wrong key in 256 yields
// nonsense and no error, as with OpenSSL.
package cms

import (
	"github.com/sealrelay/sealrelay/crypto"
)

// Format is the cms format.
//
// Its Recipient takes a *rsa.PublicKey of at least 2048 bits, an
// *ecdsa.PublicKey on P-256, P-384 or P-521, a *secp256k1.PublicKey, or a
// *x509.Certificate of one of these, which is not checked otherwise; its
// Identity takes their private counterparts. A shorter RSA key is
// crypto.ErrForbidden, any other key crypto.ErrUnsupportedKey.
//
// An identity has no certificate, so it tries each wrapped key that may be its
// own, of at most 1000 in an envelope. Seal takes at most 1 GiB.
var Format = crypto.Format{
	Name:      "cms",
	Extension: ".p7m",
	Algorithms: []crypto.Algorithm{
		{Name: "dhSinglePass-stdDH-sha256kdf-scheme, id-aes256-wrap, id-aes256-GCM", Keys: "EC on P-256, P-384, P-521 and secp256k1"},
		{Name: "id-RSAES-OAEP with SHA-256, id-aes256-GCM", Keys: "RSA of 2048 bits and more"},
		{Name: "dhSinglePass-stdDH and -cofactorDH with SHA-1 to SHA-512, id-aes128-wrap to id-aes256-wrap, id-aes128-GCM to id-aes256-GCM", Keys: "EC on P-256, P-384, P-521 and secp256k1", OpenOnly: true},
		{Name: "id-RSAES-OAEP with SHA-1 to SHA-512, id-aes128-GCM to id-aes256-GCM", Keys: "RSA of 2048 bits and more", OpenOnly: true},
		{Name: "rsaEncryption, id-aes128-GCM to id-aes256-GCM", Keys: "RSA of 2048 bits and more", OpenOnly: true, Legacy: true},
		{Name: "id-aes128-CBC to id-aes256-CBC", Keys: "all of these", OpenOnly: true, Legacy: true},
	},
	Recipient: newRecipient,
	Identity:  newIdentity,
	SealTo:    sealTo,
	Forms: []crypto.Form{
		{Name: "armor", Write: func(data []byte) ([]byte, error) {
			der, _, err := read(data)
			if err != nil {
				return nil, err
			}
			return armor(der), nil
		}},
		{Name: "raw", Write: func(data []byte) ([]byte, error) {
			der, _, err := read(data)
			return der, err
		}},
	},
	LegacyEnvelope: func(data []byte) bool {
		_, parsed, err := read(data)
		return err == nil && parsed.isLegacy()
	},
	Addressees: addressees,
	Detect:     detect,
}
