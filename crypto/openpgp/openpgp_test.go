package openpgp

import (
	"bytes"
	"crypto/rand"
	"strings"
	"sync"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
	pgp "github.com/ProtonMail/go-crypto/openpgp/v2"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func random(t testing.TB, size int) string {
	t.Helper()
	data := make([]byte, size)
	_, _ = rand.Read(data)
	return string(data)
}

func TestRoundTrip(t *testing.T) {
	for kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			recipient, identity := newPair(t, kind)
			if id, err := keys.ID(newEntity(t, kind)); err != nil || recipient.KeyID() != id || identity.KeyID() != id {
				t.Errorf("IDs are %s and %s, want %s, %v", recipient.KeyID(), identity.KeyID(), id, err)
			}
			for _, size := range []int{0, 1, 191, 192, chunkSize - 1, chunkSize, chunkSize + 1, 1 << 20} {
				plaintext := random(t, size)
				envelope := sealed(t, plaintext, recipient)
				if bytes.Equal(envelope, sealed(t, plaintext, recipient)) {
					t.Error("two envelopes of one plaintext are the same")
				}
				for _, form := range []string{"armor", "raw"} {
					other := written(t, form, envelope)
					wantOpen(t, identity, other, plaintext)
					if !Format.Detect(other) || !Format.Detect(other[:min(len(other), 64<<10)]) {
						t.Errorf("%s of %d bytes is not detected", form, size)
					}
					if back := written(t, "armor", other); !bytes.Equal(back, envelope) {
						t.Errorf("armor of %d bytes does not come back from %s", size, form)
					}
					if !bytes.Equal(written(t, form, other), other) {
						t.Errorf("%s of %d bytes is not its own form", form, size)
					}
				}
			}
		})
	}
}

// TestProtection holds each choice of cipher and mode to what the certificates
// announce.
func TestProtection(t *testing.T) {
	aead := func(mode packet.AEADMode, cipher packet.CipherFunction) *pgp.Entity {
		return makeEntity(t, packet.Config{Algorithm: packet.PubKeyAlgoEd25519, V6Keys: true, DefaultCipher: cipher, AEADConfig: &packet.AEADConfig{DefaultMode: mode}})
	}
	gcm, ocb := aead(packet.AEADModeGCM, packet.CipherAES256), aead(packet.AEADModeOCB, packet.CipherAES256)
	small := aead(packet.AEADModeGCM, packet.CipherAES128)
	v4 := newEntity(t, "v4-curve25519")
	smallV4 := makeEntity(t, packet.Config{Algorithm: packet.PubKeyAlgoEd25519, DefaultCipher: packet.CipherAES128})
	v2 := func(cipher packet.CipherFunction, mode packet.AEADMode) []byte {
		return []byte{2, byte(cipher), byte(mode)}
	}
	for name, c := range map[string]struct {
		to   []*pgp.Entity
		want []byte // the first bytes of the data packet
		size int    // of the session key
	}{
		"GCM":             {[]*pgp.Entity{gcm}, v2(packet.CipherAES256, packet.AEADModeGCM), 32},
		"OCB":             {[]*pgp.Entity{ocb}, v2(packet.CipherAES256, packet.AEADModeOCB), 32},
		"OCB in common":   {[]*pgp.Entity{gcm, ocb}, v2(packet.CipherAES256, packet.AEADModeOCB), 32},
		"AES-128 only":    {[]*pgp.Entity{small}, v2(packet.CipherAES128, packet.AEADModeOCB), 16},
		"one has AES-128": {[]*pgp.Entity{gcm, small}, v2(packet.CipherAES128, packet.AEADModeOCB), 16},
		"post-quantum":    {[]*pgp.Entity{newEntity(t, "v6-mlkem768")}, v2(packet.CipherAES256, packet.AEADModeOCB), 32},
		"no AEAD":         {[]*pgp.Entity{v4}, []byte{1}, 32},
		"one has no AEAD": {[]*pgp.Entity{gcm, v4}, []byte{1}, 32},
		"v4, AES-128":     {[]*pgp.Entity{v4, smallV4}, []byte{1}, 16},
	} {
		t.Run(name, func(t *testing.T) {
			var recipients []crypto.Recipient
			for _, entity := range c.to {
				recipients = append(recipients, recipientOf(t, entity))
			}
			envelope := sealed(t, "value", recipients...)
			m, err := parseMessage(written(t, "raw", envelope))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(m.data.Contents, c.want) || len(m.keys) != len(c.to) {
				t.Errorf("%d keys, data begins %x; want %d, %x", len(m.keys), m.data.Contents[:3], len(c.to), c.want)
			}
			for i, entity := range c.to {
				wantOpen(t, identityOf(t, entity), envelope, "value")
				private := identityOf(t, entity).(*identity).keys[0]
				if err := m.keys[i].Decrypt(private, nil); err != nil || len(m.keys[i].Key) != c.size {
					t.Errorf("session key %d has %d bytes, %v; want %d", i, len(m.keys[i].Key), err, c.size)
				}
			}
		})
	}
}

func TestSealTo(t *testing.T) {
	some := []string{"v4-curve25519", "v4-rsa2048", "v6-x25519", "v4-p384"}
	var recipients []crypto.Recipient
	for _, kind := range some {
		recipients = append(recipients, recipientOf(t, newEntity(t, kind)))
	}
	envelope := sealed(t, "value", recipients...)
	for _, kind := range some {
		wantOpen(t, identityOf(t, newEntity(t, kind)), envelope, "value")
	}
	wantRefused(t, identityOf(t, newEntity(t, "v4-p256")), envelope, crypto.ErrNoMatch)
	one := recipients[0]
	most := make([]crypto.Recipient, maxKeyPackets+1)
	for i := range most {
		most[i] = one
	}
	postQuantum := recipientOf(t, newEntity(t, "v6-mlkem768"))
	for name, c := range map[string]struct {
		recipients []crypto.Recipient
		class      error
	}{
		"nobody":           {nil, crypto.ErrUnsupportedKey},
		"other format":     {[]crypto.Recipient{one, stranger{}}, crypto.ErrUnsupportedKey},
		"1001 of them":     {most, crypto.ErrForbidden},
		"post-quantum 2nd": {[]crypto.Recipient{one, postQuantum}, crypto.ErrForbidden},
		"post-quantum 1st": {[]crypto.Recipient{postQuantum, one}, crypto.ErrForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			envelope, err := Format.SealTo([]byte("value"), c.recipients...)
			if envelope != nil {
				t.Error("sealed")
			}
			wantClass(t, err, c.class)
		})
	}
	wantOpen(t, identityOf(t, newEntity(t, some[0])), sealed(t, "value", most[1:]...), "value")
	other := recipientOf(t, newEntity(t, "v6-mlkem1024"))
	wantOpen(t, identityOf(t, newEntity(t, "v6-mlkem768")), sealed(t, "value", other, postQuantum), "value")
}

// stranger is a recipient of another format.
type stranger struct{ crypto.Recipient }

func (stranger) KeyID() string { return "id" }

func TestConcurrentUse(t *testing.T) {
	for _, kind := range []string{"v4-rsa2048", "v6-x25519"} {
		recipient, identity := newPair(t, kind)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				envelope, err := recipient.Seal([]byte("value"))
				if err != nil {
					t.Error(err)
					return
				}
				wantOpen(t, identity, envelope, "value")
			})
		}
		group.Wait()
	}
}

func TestDetect(t *testing.T) {
	recipient, _ := newPair(t, "v4-curve25519")
	armored := sealed(t, "value", recipient)
	raw := written(t, "raw", armored)
	for name, c := range map[string]struct {
		data string
		want bool
	}{
		"armor":            {string(armored), true},
		"armor, beginning": {string(armored[:30]), true},
		"space before":     {"\r\n " + string(armored), true},
		"raw":              {string(raw), true},
		"raw, beginning":   {string(raw[:3]), true},
		"password":         {"\xc3\x0d\x04\x09\x03\x08", true},
		"old form":         {"\x85\x01\x0c\x03", true},
		"length of 2":      {"\xc1\xc0\x4c\x03", true},
		"length of 5":      {"\xc1\xff\x00\x00\x02\x0c\x03", true},
		"data alone":       {"\xd2\x40\x01", true},
		"data of v3":       {"\xd2\x40\x03", false},
		"key of v4":        {"\xc1\x40\x04", false},
		"no length":        {"\x87\x03", false},
		"certificate":      {"\xc6\x33\x04", false},
		"armored key":      {strings.ReplaceAll(string(armored), "MESSAGE", "PUBLIC KEY BLOCK"), false},
		"cut":              {"\xc1", false},
		"empty":            {"", false},
		"text":             {"a value", false},
		"DER":              {"\x30\x82\x01\x00", false},
	} {
		if got := Format.Detect([]byte(c.data)); got != c.want {
			t.Errorf("%s: detected is %v", name, got)
		}
	}
}
