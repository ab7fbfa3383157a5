package main

import (
	"bytes"
	"crypto"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// openPGPKey makes a secret key of one of the kinds in keyKinds.
func openPGPKey(kind string) []byte {
	config := &packet.Config{DefaultCipher: packet.CipherAES256, DefaultHash: crypto.SHA256}
	switch kind {
	case "v4-rsa":
		config.Algorithm, config.RSABits = packet.PubKeyAlgoRSA, 2048
	case "v4-rsa1024":
		config.Algorithm, config.RSABits = packet.PubKeyAlgoRSA, 1024
		config.MinRSABits = 1024
	case "v4-curve25519":
		config.Algorithm, config.Curve = packet.PubKeyAlgoEdDSA, packet.Curve25519
	case "v6-x25519":
		config.V6Keys, config.Algorithm = true, packet.PubKeyAlgoEd25519
		config.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeOCB}
	}
	entity := must(pgp.NewEntity(warning, "", "", config))
	var text bytes.Buffer
	w := must(armor.EncodeWithChecksumOption(&text, pgp.PrivateKeyType, nil, false))
	check(entity.SerializePrivateWithoutSigning(w, config))
	check(w.Close())
	text.WriteByte('\n')
	return text.Bytes()
}
