package keys

import (
	"bytes"
	"encoding/pem"

	"filippo.io/age"
	"filippo.io/age/plugin"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// Text writes the key in the text form that ParsePublic reads: the certificate
// where there is one, in PEM and without its intermediates, else the recipient
// of age, the armored OpenPGP certificate, or the SubjectPublicKeyInfo in PEM.
// The container is not kept, so DefaultFormat may be another one of what is
// read again; ID and Fingerprint are the same.
func (p *Public) Text() ([]byte, error) {
	if p.CertificateDER != nil {
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.CertificateDER}), nil
	}
	switch key := p.Key.(type) {
	case *age.X25519Recipient:
		return []byte(key.String() + "\n"), nil
	case *age.HybridRecipient:
		return []byte(key.String() + "\n"), nil
	case *plugin.Recipient:
		return []byte(key.String() + "\n"), nil
	case *openpgp.Entity:
		var text bytes.Buffer
		checksum := key.PrimaryKey.Version != 6
		err := writeArmored(&text, openpgp.PublicKeyType, checksum, key.Serialize)
		return text.Bytes(), err
	}
	return MarshalPublic(p.Key)
}
