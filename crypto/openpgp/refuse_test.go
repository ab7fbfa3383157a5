package openpgp

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/sealrelay/sealrelay/crypto"
)

// refusedCase is a message that a key must not open, and the one class of error.
type refusedCase struct {
	kind     string
	envelope []byte
	class    error
}

func wantRefusals(t *testing.T, table map[string]refusedCase) {
	t.Helper()
	for name, c := range table {
		t.Run(name, func(t *testing.T) {
			_, identity := newPair(t, c.kind)
			wantRefused(t, identity, c.envelope, c.class)
		})
	}
}

func TestRefusesArmor(t *testing.T) {
	recipient, identity := newPair(t, "v4-curve25519")
	armored := string(sealed(t, strings.Repeat("value", 20), recipient))
	lines := strings.SplitAfter(armored, "\n")
	join := func(parts ...string) string { return strings.Join(parts, "") }
	body, end := join(lines[2:len(lines)-3]...), lines[len(lines)-2] // The checksum is between them.
	raw := written(t, "raw", []byte(armored))
	checksum := func(of []byte) string { return "=" + b64(crc24(of)) + "\n" }
	for name, c := range map[string]struct {
		envelope string
		class    error
	}{
		"empty":                {"", crypto.ErrMalformed},
		"text":                 {"value", crypto.ErrMalformed},
		"text before":          {"value\n" + armored, crypto.ErrMalformed},
		"text behind":          {armored + "value", crypto.ErrMalformed},
		"twice":                {armored + armored, crypto.ErrMalformed},
		"checksum twice":       {lines[0] + "\n" + body + checksum(raw) + checksum(raw) + end, crypto.ErrMalformed},
		"checksum in it":       {lines[0] + "\n" + checksum(raw) + body + end, crypto.ErrMalformed},
		"end missing":          {join(lines[:len(lines)-2]...), crypto.ErrMalformed},
		"end of another":       {strings.Replace(armored, "END PGP MESSAGE", "END PGP SIGNATURE", 1), crypto.ErrMalformed},
		"no empty line":        {lines[0] + body + end, crypto.ErrMalformed},
		"header without colon": {lines[0] + "Version\n\n" + body + end, crypto.ErrMalformed},
		"header alone":         {lines[0] + "Version: 1\n" + end, crypto.ErrMalformed},
		"nothing in it":        {lines[0] + "\n" + end, crypto.ErrMalformed},
		"checksum alone":       {lines[0] + "\n" + checksum(nil) + end, crypto.ErrMalformed},
		"empty line in it":     {lines[0] + "\n" + lines[2] + "\n" + join(lines[3:]...), crypto.ErrMalformed},
		"short line":           {lines[0] + "\n" + lines[2][:40] + "\n" + lines[2][40:] + join(lines[3:]...), crypto.ErrMalformed},
		"long line":            {lines[0] + "\n" + strings.ReplaceAll(body, "\n", "") + "\n" + end, crypto.ErrMalformed},
		"line of a byte more":  {lines[0] + "\n" + lines[2][:64] + lines[3][:4] + "\n" + lines[3][4:] + join(lines[4:]...), crypto.ErrMalformed},
		"no base64":            {lines[0] + "\n*" + body[1:] + end, crypto.ErrMalformed},
		"CR in a line":         {lines[0] + "\n" + body[:10] + "\r" + body[11:] + end, crypto.ErrMalformed},
		"nonsense in it":       {lines[0] + "\n" + b64([]byte("nonsense")) + "\n" + end, crypto.ErrMalformed},
		"wrong checksum":       {lines[0] + "\n" + body + checksum(raw[1:]) + end, crypto.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, identity, []byte(c.envelope), c.class)
			for _, form := range Format.Forms {
				out, err := form.Write([]byte(c.envelope))
				if out != nil {
					t.Errorf("written as %s", form.Name)
				}
				wantClass(t, err, c.class)
			}
		})
	}
	for name, envelope := range map[string]string{
		"CRLF":           strings.ReplaceAll(armored, "\n", "\r\n"),
		"space around":   "\n\n " + armored + "\r\n\t\n",
		"space in lines": strings.ReplaceAll(armored, "\n", " \t\n"),
		"headers":        lines[0] + "Version: 1\nComment: of any kind: with colons\n\n" + body + end,
		"no checksum":    lines[0] + "\n" + body + end,
		"no last break":  strings.TrimSuffix(armored, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			wantOpen(t, identity, []byte(envelope), strings.Repeat("value", 20))
			if got := written(t, "armor", []byte(envelope)); string(got) != armored {
				t.Errorf("it is written as\n%s", got)
			}
		})
	}
}

func TestRefusesPackets(t *testing.T) {
	v4, v6, byRSA := newEntity(t, "v4-curve25519"), newEntity(t, "v6-x25519"), newEntity(t, "v4-rsa2048")
	one, two, r := forgery{}.raw(t, v4), forgery{aead: true}.raw(t, v6), forgery{}.raw(t, byRSA)
	wantOpen(t, identityOf(t, v4), one, "value")
	wantOpen(t, identityOf(t, v6), two, "value")
	wantOpen(t, identityOf(t, byRSA), r, "value")
	is := func(envelope []byte, class error) refusedCase { return refusedCase{"v4-curve25519", envelope, class} }
	with := func(change func(p []*packet.OpaquePacket)) refusedCase {
		return is(changed(t, one, change), crypto.ErrMalformed)
	}
	key := bodies(t, one)[0].Contents
	wantRefusals(t, map[string]refusedCase{
		"trailing byte":        is(append(bytes.Clone(one), 0), crypto.ErrMalformed),
		"trailing packet":      is(append(bytes.Clone(one), packetOf(11, []byte("b"))...), crypto.ErrMalformed),
		"session key alone":    is(packetOf(1, key), crypto.ErrMalformed),
		"literal":              is(literalOf("value"), crypto.ErrMalformed),
		"compressed":           is(compressedOf(t, literalOf("value")), crypto.ErrMalformed),
		"signature first":      is(slices.Concat(packetOf(2, []byte{4}), one), crypto.ErrMalformed),
		"no length":            is(append([]byte{0x84 | 3}, one[2:]...), crypto.ErrMalformed),
		"1001 session keys":    is(slices.Concat(bytes.Repeat(packetOf(1, key), maxKeyPackets+1), packetOf(18, bodies(t, one)[1].Contents)), crypto.ErrMalformed),
		"more in session key":  with(func(p []*packet.OpaquePacket) { p[0].Contents = append(bytes.Clone(key), 0) }),
		"session key cut":      with(func(p []*packet.OpaquePacket) { p[0].Contents = key[:len(key)-1] }),
		"no session key":       with(func(p []*packet.OpaquePacket) { p[0].Contents = key[:5] }),
		"no number":            {"v4-rsa2048", changed(t, r, func(p []*packet.OpaquePacket) { p[0].Contents = append(p[0].Contents[:10:10], 0, 0) }), crypto.ErrMalformed},
		"number not shortest":  with(func(p []*packet.OpaquePacket) { p[0].Contents[10]++ }),
		"point not marked":     with(func(p []*packet.OpaquePacket) { p[0].Contents[12] ^= 1 }),
		"v3 key for v2 data":   {"v6-x25519", slices.Concat(forgery{}.wrapped(t, v6), forgery{aead: true}.data(t)), crypto.ErrMalformed},
		"v6 key for v1 data":   {"v6-x25519", slices.Concat(forgery{aead: true}.wrapped(t, v6), forgery{}.data(t)), crypto.ErrMalformed},
		"for another":          {"v4-p256", one, crypto.ErrNoMatch},
		"for another, hidden":  {"v4-p256", forgery{hidden: true}.raw(t, newEntity(t, "v4-p384")), crypto.ErrNoMatch},
		"RSA, hidden":          {"v6-rsa2048", forgery{hidden: true}.raw(t, byRSA), crypto.ErrNoMatch},
		"unknown session key":  is(changed(t, one, func(p []*packet.OpaquePacket) { p[0].Contents[0] = 9 }), crypto.ErrNoMatch),
		"unknown algorithm":    is(changed(t, one, func(p []*packet.OpaquePacket) { p[0].Contents[9] = 99 }), crypto.ErrNoMatch),
		"password":             is(slices.Concat(packetOf(3, []byte{4, 9, 0, 8}), packetOf(18, bodies(t, one)[1].Contents)), crypto.ErrNoMatch),
		"nobody":               is(packetOf(18, bodies(t, one)[1].Contents), crypto.ErrNoMatch),
		"session key changed":  is(changed(t, one, func(p []*packet.OpaquePacket) { p[0].Contents[len(key)-1] ^= 1 }), crypto.ErrDamaged),
		"ephemeral key":        is(changed(t, one, func(p []*packet.OpaquePacket) { p[0].Contents[20] ^= 1 }), crypto.ErrDamaged),
		"RSA key changed":      {"v4-rsa2048", changed(t, r, func(p []*packet.OpaquePacket) { p[0].Contents[100] ^= 1 }), crypto.ErrDamaged},
		"RSA, hidden, changed": {"v4-rsa2048", changed(t, forgery{hidden: true}.raw(t, byRSA), func(p []*packet.OpaquePacket) { p[0].Contents[100] ^= 1 }), crypto.ErrNoMatch},
		"data changed":         is(changed(t, one, func(p []*packet.OpaquePacket) { p[1].Contents[20] ^= 1 }), crypto.ErrDamaged),
		"MDC changed":          is(changed(t, one, func(p []*packet.OpaquePacket) { p[1].Contents[len(p[1].Contents)-1] ^= 1 }), crypto.ErrDamaged),
		"data cut":             is(changed(t, one, func(p []*packet.OpaquePacket) { p[1].Contents = p[1].Contents[:30] }), crypto.ErrDamaged),
		"data empty":           is(changed(t, one, func(p []*packet.OpaquePacket) { p[1].Contents = nil }), crypto.ErrDamaged),
		"v6, named, changed":   {"v6-x25519", changed(t, two, func(p []*packet.OpaquePacket) { p[0].Contents[90] ^= 1 }), crypto.ErrDamaged},
		"AEAD changed":         {"v6-x25519", changed(t, two, func(p []*packet.OpaquePacket) { p[1].Contents[50] ^= 1 }), crypto.ErrDamaged},
		"AEAD salt":            {"v6-x25519", changed(t, two, func(p []*packet.OpaquePacket) { p[1].Contents[5] ^= 1 }), crypto.ErrDamaged},
		"AEAD last tag gone":   {"v6-x25519", changed(t, two, func(p []*packet.OpaquePacket) { p[1].Contents = p[1].Contents[:len(p[1].Contents)-16] }), crypto.ErrDamaged},
		"unprotected":          is(changed(t, one, func(p []*packet.OpaquePacket) { p[1].Tag, p[1].Contents = 9, p[1].Contents[1:] }), crypto.ErrForbidden),
		"unknown version":      is(changed(t, one, func(p []*packet.OpaquePacket) { p[1].Contents[0] = 7 }), crypto.ErrForbidden),
		"AEAD cipher unknown":  {"v6-x25519", changed(t, two, func(p []*packet.OpaquePacket) { p[1].Contents[1] = 99 }), crypto.ErrForbidden},
		"AEAD mode unknown":    {"v6-x25519", changed(t, two, func(p []*packet.OpaquePacket) { p[1].Contents[2] = 99 }), crypto.ErrForbidden},
		"AEAD with CAST5":      {"v6-x25519", changed(t, two, func(p []*packet.OpaquePacket) { p[1].Contents[1] = byte(packet.CipherCAST5) }), crypto.ErrForbidden},
		"3DES":                 is(forgery{cipher: packet.Cipher3DES}.raw(t, v4), crypto.ErrForbidden),
		"3DES, RSA":            {"v4-rsa2048", forgery{cipher: packet.Cipher3DES}.raw(t, byRSA), crypto.ErrForbidden},
	})
}

// TestRefusesContent: what is encrypted is one message, of one literal packet.
func TestRefusesContent(t *testing.T) {
	entity := newEntity(t, "v4-curve25519")
	identity := identityOf(t, entity)
	value := literalOf("value")
	for name, content := range map[string][]byte{
		"as it is":         value,
		"compressed":       compressedOf(t, value),
		"padded":           slices.Concat(value, packetOf(21, make([]byte, 100))),
		"marked":           slices.Concat(packetOf(10, []byte("PGP")), value),
		"named, with time": packetOf(11, []byte("b\x04name\x60\x00\x00\x00value")),
		"text":             packetOf(11, []byte("u\x00\x00\x00\x00\x00value")),
	} {
		t.Run(name, func(t *testing.T) {
			wantOpen(t, identity, forgery{content: content}.raw(t, entity), "value")
		})
	}
	for name, content := range map[string][]byte{
		"nothing":                {},
		"two literals":           slices.Concat(value, value),
		"a literal cut":          value[:len(value)-1],
		"a key":                  packetOf(6, []byte{4, 0, 0, 0, 0, 22}),
		"compressed twice":       compressedOf(t, compressedOf(t, value)),
		"compressed nothing":     compressedOf(t, nil),
		"literal and compressed": slices.Concat(value, compressedOf(t, value)),
		"compressed no more":     packetOf(8, []byte{2, 0, 0}),
		"a message":              forgery{}.raw(t, entity),
		"more than 64 MiB":       compressedOf(t, literalOf(strings.Repeat("\x00", maxDecompressed))),
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, identity, forgery{content: content}.raw(t, entity), crypto.ErrMalformed)
		})
	}
}

// TestNoOracle: the session key that stands for one that RSA did not unwrap is
// none that a sender knows. Sealed with one of zeros, the data would open if it
// were that, and only if the padding of the session key is bad.
func TestNoOracle(t *testing.T) {
	entity := newEntity(t, "v4-rsa2048")
	identity := identityOf(t, entity)
	zeros := forgery{sessionKey: make([]byte, packet.CipherAES256.KeySize())}
	for _, hidden := range []bool{false, true} {
		zeros.hidden = hidden
		good := zeros.raw(t, entity)
		wantOpen(t, identity, good, "value")
		bad := changed(t, good, func(p []*packet.OpaquePacket) { p[0].Contents[50] ^= 1 })
		wantRefused(t, identity, bad, map[bool]error{false: crypto.ErrDamaged, true: crypto.ErrNoMatch}[hidden])
	}
}

// TestSessionKeysTried: of several session keys that name nobody, the right one
// is found, and one that is damaged or unknown stops no other.
func TestSessionKeysTried(t *testing.T) {
	entity := newEntity(t, "v4-rsa2048")
	hidden := forgery{hidden: true}
	others := slices.Concat(hidden.wrapped(t, newEntity(t, "v4-p256")), hidden.wrapped(t, makeEntity(t, kinds["v4-rsa2048"])), packetOf(1, []byte{9}), packetOf(3, []byte{4, 9, 0, 8}))
	wantOpen(t, identityOf(t, entity), slices.Concat(others, hidden.wrapped(t, entity), hidden.data(t)), "value")
}

// TestCanonical are the examples of RFC 9580, section 3.2, and what is not one.
func TestCanonical(t *testing.T) {
	for integer, want := range map[string]bool{
		"\x00\x01\x01": true, "\x00\x09\x01\xff": true, "\x00\x08\x80": true,
		"\x00\x00\x00": false, "\x00\x00": false, "\x00\x00\x01": false, "\x00\x08\x01": false, "\x00\x02\x01": false, "\x00\x10\x00\xff": false,
	} {
		if got := isCanonical([]byte(integer)); got != want {
			t.Errorf("%x: %v", integer, got)
		}
	}
}
