package openpgp

import (
	gocrypto "crypto"
	"encoding/base64"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
)

// kinds are how a key of each kind is made.
var kinds = map[string]packet.Config{
	"v4-curve25519": {Algorithm: packet.PubKeyAlgoEdDSA, Curve: packet.Curve25519},
	"v4-x25519":     {Algorithm: packet.PubKeyAlgoEd25519},
	"v4-rsa2048":    {Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048},
	"v4-p256":       {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256},
	"v4-p384":       {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP384},
	"v4-p521":       {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP521},
	"v4-brainpool":  {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveBrainpoolP256},
	"v6-x25519":     {Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true, AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeGCM}},
	"v6-x448":       {Algorithm: packet.PubKeyAlgoEd448, V6Keys: true, AEADConfig: &packet.AEADConfig{DefaultMode: packet.AEADModeOCB}},
	"v6-rsa2048":    {Algorithm: packet.PubKeyAlgoRSA, RSABits: 2048, V6Keys: true, AEADConfig: &packet.AEADConfig{}},
	"v6-p256":       {Algorithm: packet.PubKeyAlgoECDSA, Curve: packet.CurveNistP256, V6Keys: true, AEADConfig: &packet.AEADConfig{}},
	"v6-mlkem768":   {Algorithm: packet.PubKeyAlgoMldsa65Ed25519, V6Keys: true, AEADConfig: &packet.AEADConfig{}},
	"v6-mlkem1024":  {Algorithm: packet.PubKeyAlgoMldsa87Ed448, V6Keys: true, AEADConfig: &packet.AEADConfig{}},
}

// made are the keys of those kinds, each made once: RSA takes its time.
var made sync.Map

func newEntity(t testing.TB, kind string) *pgp.Entity {
	t.Helper()
	config, known := kinds[kind]
	if !known {
		t.Fatalf("there is no kind %q", kind)
	}
	once, _ := made.LoadOrStore(kind, sync.OnceValues(func() (*pgp.Entity, error) {
		return pgp.NewEntity("Agent", "", "agent@example.org", withDefaults(config))
	}))
	entity, err := once.(func() (*pgp.Entity, error))()
	if err != nil {
		t.Fatal(err)
	}
	return entity
}

// withDefaults is a configuration of keys that were made a minute ago, so that
// nothing of them is newer than what is signed in the same second.
func withDefaults(config packet.Config) *packet.Config {
	if config.DefaultCipher == 0 {
		config.DefaultCipher = packet.CipherAES256
	}
	config.DefaultHash = gocrypto.SHA512
	if config.Time == nil {
		at := time.Now().Add(-time.Minute)
		config.Time = func() time.Time { return at }
	}
	return &config
}

// makeEntity makes a key that a test will change.
func makeEntity(t testing.TB, config packet.Config) *pgp.Entity {
	t.Helper()
	entity, err := pgp.NewEntity("Agent", "", "agent@example.org", withDefaults(config))
	if err != nil {
		t.Fatal(err)
	}
	return entity
}

func recipientOf(t testing.TB, entity *pgp.Entity) crypto.Recipient {
	t.Helper()
	r, err := Format.Recipient(entity)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func identityOf(t testing.TB, entity *pgp.Entity) crypto.Identity {
	t.Helper()
	i, err := Format.Identity(entity)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func newPair(t testing.TB, kind string) (crypto.Recipient, crypto.Identity) {
	t.Helper()
	entity := newEntity(t, kind)
	return recipientOf(t, entity), identityOf(t, entity)
}

func sealed(t testing.TB, plaintext string, recipients ...crypto.Recipient) []byte {
	t.Helper()
	envelope, err := Format.SealTo([]byte(plaintext), recipients...)
	if err != nil {
		t.Fatal(err)
	}
	return envelope
}

// written returns an envelope in another form.
func written(t testing.TB, form string, envelope []byte) []byte {
	t.Helper()
	for _, f := range Format.Forms {
		if f.Name == form {
			out, err := f.Write(envelope)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	t.Fatalf("there is no form %s", form)
	return nil
}

// wantClass checks that err is of this class, and of no other.
func wantClass(t testing.TB, err, want error) {
	t.Helper()
	for _, class := range []error{
		crypto.ErrNoMatch, crypto.ErrDamaged, crypto.ErrMalformed, crypto.ErrForbidden, crypto.ErrUnsupportedKey,
	} {
		if is := errors.Is(err, class); is != errors.Is(want, class) {
			t.Errorf("error %v is %q: %v; want class %q", err, class, is, want)
		}
	}
}

// wantOpen checks that the envelope opens to the plaintext.
func wantOpen(t testing.TB, identity crypto.Identity, envelope []byte, want string) {
	t.Helper()
	if got, err := identity.Open(envelope); err != nil || string(got) != want || got == nil {
		t.Errorf("opened to %d bytes, %v; want %d bytes", len(got), err, len(want))
	}
}

// wantRefused checks that the envelope does not open, with this class of error.
func wantRefused(t testing.TB, identity crypto.Identity, envelope []byte, class error) {
	t.Helper()
	got, err := identity.Open(envelope)
	if got != nil || err == nil {
		t.Errorf("opened to %d bytes, %v; want class %q", len(got), err, class)
		return
	}
	wantClass(t, err, class)
}

func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }
