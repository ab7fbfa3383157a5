package openpgp

import (
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
)

var curve25519 = kinds["v4-curve25519"]

// TestCertificatesRefused: what is not sealed to. What was sealed before is
// opened all the same.
func TestCertificatesRefused(t *testing.T) {
	hour := func() time.Time { return time.Now().Add(-time.Hour) }
	with := func(change func(*packet.Config)) *pgp.Entity {
		config := curve25519
		change(&config)
		return makeEntity(t, config)
	}
	changed := func(change func(*pgp.Entity) error) *pgp.Entity {
		entity := makeEntity(t, curve25519)
		if err := change(entity); err != nil {
			t.Fatal(err)
		}
		return entity
	}
	for name, entity := range map[string]*pgp.Entity{
		"expired":       with(func(c *packet.Config) { c.Time, c.KeyLifetimeSecs = hour, 60 }),
		"not yet valid": with(func(c *packet.Config) { c.Time = func() time.Time { return time.Now().Add(time.Hour) } }),
		"revoked": changed(func(e *pgp.Entity) error {
			return e.Revoke(packet.KeyCompromised, "lost", nil)
		}),
		"its subkey revoked": changed(func(e *pgp.Entity) error {
			return e.Subkeys[0].Revoke(packet.KeySuperseded, "", nil)
		}),
		"secp256k1": with(func(c *packet.Config) { c.Algorithm, c.Curve = packet.PubKeyAlgoECDSA, packet.CurveSecP256k1 }),
		"RSA-1024":  with(func(c *packet.Config) { c.Algorithm, c.RSABits = packet.PubKeyAlgoRSA, 1024 }),
	} {
		t.Run(name, func(t *testing.T) {
			made, err := Format.Recipient(entity)
			if made != nil {
				t.Error("made a recipient")
			}
			wantClass(t, err, crypto.ErrForbidden)
			late := &recipient{id: "id", certificate: entity} // As if it had been good when it was made.
			envelope, err := late.Seal([]byte("value"))
			if envelope != nil {
				t.Error("sealed")
			}
			wantClass(t, err, crypto.ErrForbidden)
			if name == "RSA-1024" {
				return
			}
			wantOpen(t, identityOf(t, entity), forgery{}.raw(t, entity), "value")
		})
	}
}

// TestExpiresLater: a recipient that was good when it was made is refused once
// its certificate has expired.
func TestExpiresLater(t *testing.T) {
	config := curve25519
	config.KeyLifetimeSecs = 3600
	r := recipientOf(t, makeEntity(t, config)).(*recipient)
	if _, err := r.encryptionKey(time.Now().Add(30 * time.Minute)); err != nil {
		t.Errorf("half an hour on: %v", err)
	}
	_, err := r.encryptionKey(time.Now().Add(2 * time.Hour))
	wantClass(t, err, crypto.ErrForbidden)
}

// TestNewestSubkey: of several subkeys it is sealed to the newest that is good,
// and opened with each.
func TestNewestSubkey(t *testing.T) {
	entity := makeEntity(t, curve25519)
	old := sealed(t, "old", recipientOf(t, entity))
	if err := entity.AddEncryptionSubkey(withDefaults(packet.Config{Algorithm: packet.PubKeyAlgoECDH, Curve: packet.CurveNistP256, Time: time.Now})); err != nil {
		t.Fatal(err)
	}
	envelope := sealed(t, "new", recipientOf(t, entity))
	m, err := parseMessage(written(t, "raw", envelope))
	if err != nil || len(m.keys) != 1 || m.keys[0].KeyId != entity.Subkeys[1].PublicKey.KeyId {
		t.Errorf("sealed to another than the newest: %v", err)
	}
	wantOpen(t, identityOf(t, entity), old, "old")
	wantOpen(t, identityOf(t, entity), envelope, "new")
}

// TestPostQuantumSubkey: a version 4 certificate with a newer ML-KEM subkey is a
// post-quantum recipient.
func TestPostQuantumSubkey(t *testing.T) {
	entity := makeEntity(t, kinds["v4-x25519"])
	if err := entity.AddEncryptionSubkey(withDefaults(packet.Config{Algorithm: packet.PubKeyAlgoMlkem768X25519, Time: time.Now})); err != nil {
		t.Fatal(err)
	}
	recipient := recipientOf(t, entity)
	envelope := sealed(t, "value", recipient)
	wantOpen(t, identityOf(t, entity), envelope, "value")
	m, err := parseMessage(written(t, "raw", envelope))
	if err != nil || m.keys[0].Algo != packet.PubKeyAlgoMlkem768X25519 || m.keys[0].Version != 3 {
		t.Errorf("sealed to a key of algorithm %d, %v", m.keys[0].Algo, err)
	}
	_, err = Format.SealTo([]byte("value"), recipient, recipientOf(t, newEntity(t, "v4-x25519")))
	wantClass(t, err, crypto.ErrForbidden)
}

func TestKeysRefused(t *testing.T) {
	entity := makeEntity(t, curve25519)
	publicOnly, err := publicCopy(entity)
	if err != nil {
		t.Fatal(err)
	}
	signing := makeEntity(t, curve25519)
	signing.Subkeys = nil
	locked := makeEntity(t, curve25519)
	if err := locked.EncryptPrivateKeys([]byte("password"), nil); err != nil {
		t.Fatal(err)
	}
	version5 := makeEntity(t, curve25519)
	version5.PrimaryKey.Version = 5
	small := makeEntity(t, packet.Config{Algorithm: packet.PubKeyAlgoRSA, RSABits: 1024})
	for name, c := range map[string]struct {
		public, private any
		publicClass     error
		privateClass    error
	}{
		"nothing":       {nil, nil, crypto.ErrUnsupportedKey, crypto.ErrUnsupportedKey},
		"nil":           {(*pgp.Entity)(nil), (*pgp.Entity)(nil), crypto.ErrUnsupportedKey, crypto.ErrUnsupportedKey},
		"empty":         {&pgp.Entity{}, &pgp.Entity{}, crypto.ErrUnsupportedKey, crypto.ErrUnsupportedKey},
		"text":          {"key", "key", crypto.ErrUnsupportedKey, crypto.ErrUnsupportedKey},
		"certificate":   {entity, publicOnly, nil, crypto.ErrUnsupportedKey},
		"signing only":  {signing, signing, crypto.ErrForbidden, crypto.ErrUnsupportedKey},
		"version 5":     {version5, nil, crypto.ErrUnsupportedKey, crypto.ErrUnsupportedKey},
		"locked":        {locked, locked, nil, crypto.ErrUnsupportedKey},
		"RSA-1024":      {small, small, crypto.ErrForbidden, crypto.ErrForbidden},
		"other library": {entity.PrimaryKey, entity.PrivateKey, crypto.ErrUnsupportedKey, crypto.ErrUnsupportedKey},
	} {
		t.Run(name, func(t *testing.T) {
			recipient, err := Format.Recipient(c.public)
			if made := recipient != nil; made != (c.publicClass == nil) {
				t.Errorf("made a recipient: %v, %v", made, err)
			}
			wantClass(t, err, c.publicClass)
			identity, err := Format.Identity(c.private)
			if identity != nil {
				t.Error("made an identity")
			}
			wantClass(t, err, c.privateClass)
		})
	}
}
