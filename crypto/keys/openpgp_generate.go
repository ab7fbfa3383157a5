package keys

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	"github.com/ProtonMail/go-crypto/openpgp/s2k"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// openPGPConfig returns how a key of the kind is made: "openpgp" is version 4 on
// Curve25519 in the encoding that gpg 2.2 reads, its password stretched with
// iterated and salted SHA-256; "openpgp-v6" is version 6 of RFC 9580 with AEAD,
// its password stretched with Argon2id (the second choice of RFC 9106,
// section 4: 64 MiB, 3 passes). Neither offers compression.
func openPGPConfig(kind string) (*packet.Config, bool) {
	config := &packet.Config{DefaultCipher: packet.CipherAES256, DefaultHash: crypto.SHA512}
	switch kind {
	case "openpgp":
		config.Algorithm = packet.PubKeyAlgoEdDSA // with an ECDH subkey
		config.Curve = packet.Curve25519
		config.S2KConfig = &s2k.Config{S2KMode: s2k.IteratedSaltedS2K, S2KCount: 65011712}
	case "openpgp-v6":
		config.V6Keys = true
		config.Algorithm = packet.PubKeyAlgoEd25519 // with an X25519 subkey
		config.AEADConfig = &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}
		config.S2KConfig = &s2k.Config{S2KMode: s2k.Argon2S2K}
	default:
		return nil, false
	}
	return config, true
}

// generateOpenPGP makes an OpenPGP key of one of the kinds of openPGPConfig for
// userID, a name or "name <address>", valid from notBefore for validity, which
// is rounded to seconds; 0 means that it does not expire. It returns the secret
// key, encrypted unless password is nil, and the certificate, both armored. The
// caller wipes private. Any other kind is ErrUnsupported.
func generateOpenPGP(kind, userID string, notBefore time.Time, validity time.Duration, password []byte) (private []byte, public string, err error) {
	config, known := openPGPConfig(kind)
	if !known {
		return nil, "", fmt.Errorf("%w: no OpenPGP key of kind %q", ErrUnsupported, kind)
	}
	seconds := validity / time.Second
	if seconds < 0 || seconds > math.MaxUint32 || validity > 0 && seconds == 0 {
		return nil, "", fmt.Errorf("make an OpenPGP key: a validity of %s is not between a second and 136 years", validity)
	}
	config.KeyLifetimeSecs = uint32(seconds)
	config.Time = func() time.Time { return notBefore }
	name, address, ok := splitUserID(userID)
	if !ok {
		return nil, "", errors.New("make an OpenPGP key: the user ID is a name, or a name and <address>, in one line and without other brackets")
	}
	entity, err := openpgp.NewEntity(name, "", address, config)
	if err != nil {
		return nil, "", fmt.Errorf("make an OpenPGP key: %w", err)
	}
	var certificate bytes.Buffer
	if err := writeArmored(&certificate, openpgp.PublicKeyType, !config.V6Keys, entity.Serialize); err != nil {
		return nil, "", err
	}
	if password != nil {
		if err := entity.EncryptPrivateKeys(password, config); err != nil {
			return nil, "", fmt.Errorf("encrypt the OpenPGP key: %w", err)
		}
	}
	// Large enough for it: a buffer that grows leaves copies behind.
	secret := bytes.NewBuffer(make([]byte, 0, 16<<10))
	err = writeArmored(secret, openpgp.PrivateKeyType, !config.V6Keys, func(w io.Writer) error {
		return entity.SerializePrivateWithoutSigning(w, config)
	})
	if err != nil {
		clear(secret.Bytes())
		return nil, "", err
	}
	return secret.Bytes(), certificate.String(), nil
}

// splitUserID takes apart the user ID of RFC 9580, section 5.11.
func splitUserID(userID string) (name, address string, ok bool) {
	name = userID
	if before, after, found := strings.Cut(userID, "<"); found {
		if address, found = strings.CutSuffix(after, ">"); !found || address == "" {
			return "", "", false
		}
		name = strings.TrimSuffix(before, " ")
	}
	return name, address, userID != "" && !strings.ContainsAny(name+address, "()<>\x00\r\n")
}

// writeArmored writes armor. Version 6 keys must not have a checksum (RFC 9580,
// section 6.1), and without one gpg 2.2 does not read armor whose base64 ends
// without padding.
func writeArmored(w io.Writer, blockType string, checksum bool, serialize func(io.Writer) error) error {
	text, err := armor.EncodeWithChecksumOption(w, blockType, nil, checksum)
	if err != nil {
		return fmt.Errorf("write the OpenPGP key: %w", err)
	}
	if err := serialize(text); err != nil {
		return fmt.Errorf("write the OpenPGP key: %w", err)
	}
	if err := text.Close(); err != nil {
		return fmt.Errorf("write the OpenPGP key: %w", err)
	}
	_, err = io.WriteString(w, "\n")
	return err
}
