package keys

import (
	"bytes"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1" //nolint:gosec // As pkcs12.go.
	"crypto/sha256"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	tags "golang.org/x/crypto/cryptobyte/asn1"
)

// TestRC2 deciphers the vectors of RFC 2268, section 5, whose effective length is
// the key's.
func TestRC2(t *testing.T) {
	for _, c := range []struct{ key, plain, cipher string }{
		{"ffffffffffffffff", "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", "1000000000000001", "30649edf9be7d2c2"},
		{"88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"},
	} {
		block, err := newRC2(unhex(t, c.key))
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, block.BlockSize())
		block.Decrypt(got, unhex(t, c.cipher))
		if hex.EncodeToString(got) != c.plain {
			t.Errorf("key %s: got %x, want %s", c.key, got, c.plain)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPKCS12Key derives what OpenSSL and others agree on for the password smeg
// and the salt 0A58CF64530D823F.
func TestPKCS12Key(t *testing.T) {
	salt := unhex(t, "0a58cf64530d823f")
	if got := pkcs12Key(sha1.New, bmpPassword([]byte("smeg")), salt, 1, 1, 24); hex.EncodeToString(got) != "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3" {
		t.Errorf("key is %x", got)
	}
	if got := pkcs12Key(sha1.New, bmpPassword([]byte("smeg")), salt, 2, 1, 8); hex.EncodeToString(got) != "79993dfe048d3b76" {
		t.Errorf("IV is %x", got)
	}
}

// safeOf takes the contents out of a PKCS#12 file.
func safeOf(t *testing.T, data []byte) []byte {
	t.Helper()
	input := cryptobyte.String(data)
	var pfx, safe cryptobyte.String
	var version int
	if !input.ReadASN1(&pfx, tags.SEQUENCE) || !pfx.ReadASN1Integer(&version) {
		t.Fatal("no PKCS#12")
	}
	_, content, ok := readContentInfo(&pfx)
	if !ok || !content.ReadASN1(&safe, tags.OCTET_STRING) {
		t.Fatal("no contents")
	}
	return safe
}

// pfx puts contents and a MAC into a PKCS#12 file.
func pfx(t *testing.T, safe []byte, algorithm pkix.AlgorithmIdentifier, digest, salt []byte, rounds int64) []byte {
	t.Helper()
	identifier, err := asn1.Marshal(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return build(func(b *cryptobyte.Builder) {
		b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(3)
			addContentInfo(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(safe) })
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddBytes(identifier)
					b.AddASN1OctetString(digest)
				})
				b.AddASN1OctetString(salt)
				b.AddASN1Int64(rounds)
			})
		})
	})
}

// pbmac1Algorithm is the identifier of RFC 9579, section 4, for HMAC-SHA-256 and
// a key of that length.
func pbmac1Algorithm(t *testing.T, salt []byte, rounds, keyLength int) pkix.AlgorithmIdentifier {
	t.Helper()
	hmacSHA256 := pkix.AlgorithmIdentifier{Algorithm: parseOID(oidHMACSHA256), Parameters: asn1.NullRawValue}
	derivation, err := withParameters(oidPBKDF2, pbkdf2Params{Salt: salt, Iterations: rounds, KeyLength: keyLength, PRF: hmacSHA256})
	if err != nil {
		t.Fatal(err)
	}
	algorithm, err := withParameters(oidPBMAC1, struct{ Derivation, MAC pkix.AlgorithmIdentifier }{derivation, hmacSHA256})
	if err != nil {
		t.Fatal(err)
	}
	return algorithm
}

// TestPBMAC1 reads a keystore with the MAC of RFC 9579, and none whose MAC has a
// short key.
func TestPBMAC1(t *testing.T) {
	safe, salt := safeOf(t, readFixture(t, "nomac.p12")), []byte("salt")
	made := func(keyLength int) []byte {
		key, err := pbkdf2.Key(sha256.New, fixturePassword, salt, 2048, keyLength)
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, key)
		mac.Write(safe)
		return pfx(t, safe, pbmac1Algorithm(t, salt, 2048, keyLength), mac.Sum(nil), []byte("unused"), 1)
	}
	options := Options{Password: []byte(fixturePassword)}
	if id := opened(t, made(32), options); id != referenceID(t, "p256") {
		t.Errorf("ID is %s", id)
	}
	_, err := ParsePrivates(made(32), Options{Password: []byte("wrong")})
	wantClass(t, err, ErrPassword)
	_, err = ParsePrivates(made(1), options)
	wantClass(t, err, ErrMalformed)
	_, err = ParsePrivates(pfx(t, safe, pbmac1Algorithm(t, salt, maxRounds+1, 32), make([]byte, 32), nil, 1), options)
	wantClass(t, err, ErrMalformed)
	wantSays(t, err, "too much work")
}

// TestPKCS12Refused gives structures that are well-formed and wrong.
func TestPKCS12Refused(t *testing.T) {
	safe := safeOf(t, readFixture(t, "modern.p12"))
	sha256ID := pkix.AlgorithmIdentifier{Algorithm: parseOID(oidSHA256), Parameters: asn1.NullRawValue}
	unknown := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 3}}
	options := Options{Password: []byte(fixturePassword)}
	for name, c := range map[string]struct {
		data  []byte
		class error
	}{
		"MAC of too much work": {pfx(t, safe, sha256ID, make([]byte, 32), nil, maxRounds+1), ErrMalformed},
		"MAC of no rounds":     {pfx(t, safe, sha256ID, make([]byte, 32), nil, 0), ErrMalformed},
		"unknown MAC":          {pfx(t, safe, unknown, make([]byte, 32), nil, 1), ErrUnsupported},
		"wrong MAC":            {pfx(t, safe, sha256ID, make([]byte, 32), []byte("salt"), 1), ErrPassword},
		"empty MAC":            {pfx(t, safe, sha256ID, nil, []byte("salt"), 1), ErrPassword},
		"behind it":            {append(readFixture(t, "modern.p12"), 0), ErrMalformed},
		"signed, not MACed": {build(func(b *cryptobyte.Builder) {
			b.AddASN1(tags.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(3)
				addContentInfo(b, "1.2.840.113549.1.7.2", func(b *cryptobyte.Builder) { b.AddASN1OctetString(safe) })
			})
		}), ErrUnsupported},
	} {
		privates, err := ParsePrivates(c.data, options)
		if privates != nil {
			t.Errorf("%s: opened", name)
		}
		wantClass(t, err, c.class)
	}
}

// TestNoKeyID finds the certificate of a key that shares no ID with it.
func TestNoKeyID(t *testing.T) {
	bags := []pkcs12Bag{
		{certificate: derOf(readFixture(t, "rsa.crt.pem"))},
		{key: derOf(readFixture(t, "p256.pem")), alias: "agent"},
		{certificate: derOf(readFixture(t, "p256.crt.pem"))},
		{key: derOf(readFixture(t, "ed25519.pem"))},
	}
	items := pkcs12Items(bags, &unlocker{})
	if len(items) != 2 || items[0].publics == nil || items[1].publics != nil {
		t.Fatalf("%d entries", len(items))
	}
	publics, err := items[0].publics()
	if err != nil || publics[0].ID() != referenceID(t, "p256") {
		t.Errorf("got %v, %v", publics, err)
	}
	if items[0].alias != "agent" || items[1].alias != "2" {
		t.Errorf("aliases are %q and %q", items[0].alias, items[1].alias)
	}
}

// TestWrongCertificate: Inspect tells of a certificate that is not the key's.
func TestWrongCertificate(t *testing.T) {
	id := []byte("id")
	bags := []pkcs12Bag{
		{key: derOf(readFixture(t, "p256.pem")), keyID: id, alias: "agent"},
		{certificate: derOf(readFixture(t, "rsa.crt.pem")), keyID: id},
	}
	entries, err := pkcs12Items(bags, &unlocker{})[0].entries(true)
	if entries != nil {
		t.Error("described")
	}
	wantClass(t, err, ErrMalformed)
	wantSays(t, err, `"agent" is not that of its key`)
}

// TestKeystoreNotThere: a JKS keystore that says it has more than it has.
func TestKeystoreNotThere(t *testing.T) {
	data := readFixture(t, "java.jks")
	for _, at := range []int{8, 9, 11, 16, 17} {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0x7f
		publics, err := ParsePublics(damaged, Options{}) // No password, so no digest tells.
		if publics != nil {
			t.Errorf("byte %d: read", at)
		}
		wantClass(t, err, ErrMalformed)
	}
}
