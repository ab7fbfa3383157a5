package keys

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// TestDescribed gives what is no key, and is told what it is.
func TestDescribed(t *testing.T) {
	folder := t.TempDir()
	put(t, folder, "key", readFixture(t, "p256.pem"))
	put(t, folder, "crt", readFixture(t, "p256.crt.pem"))
	run := func(arguments ...string) []byte { return tool(t, folder, nil, "openssl", arguments...) }
	dsa := run("dsaparam", "-genkey", "1024")
	parameters := run("ecparam", "-name", "prime256v1")
	request := run("req", "-new", "-key", "key", "-subj", "/CN=a")
	list := revocationList(t)
	pkcs7 := run("crl2pkcs7", "-nocrl", "-certfile", "crt")
	put(t, folder, "dsa", dsa)
	put(t, folder, "value", []byte("value"))
	for name, c := range map[string]struct {
		data  []byte
		class error
		says  string
	}{
		"empty":                   {nil, ErrMalformed, "empty"},
		"blank":                   {[]byte(" \r\n\t"), ErrMalformed, "empty"},
		"comments":                {[]byte("# nothing\n#\n"), ErrMalformed, "empty"},
		"text":                    {[]byte("password\n"), ErrMalformed, "text, but neither"},
		"request":                 {request, ErrMalformed, "certificate signing request"},
		"request, DER":            {derOf(request), ErrMalformed, "certificate signing request"},
		"revocation list":         {list, ErrMalformed, "certificate revocation list"},
		"revocation list, DER":    {derOf(list), ErrMalformed, "certificate revocation list"},
		"PKCS#7":                  {pkcs7, ErrMalformed, "PKCS#7"},
		"PKCS#7, DER":             {derOf(pkcs7), ErrMalformed, "PKCS#7"},
		"CMS":                     {run("cms", "-encrypt", "-in", "value", "-outform", "PEM", "crt"), ErrMalformed, "CMS"},
		"DSA":                     {dsa, ErrUnsupported, "DSA"},
		"DSA, PKCS#8":             {run("pkcs8", "-topk8", "-nocrypt", "-in", "dsa"), ErrUnsupported, "DSA"},
		"DSA, traditional":        {run("dsa", "-in", "dsa"), ErrUnsupported, "DSA"},
		"DSA, DER":                {run("dsa", "-in", "dsa", "-outform", "DER"), ErrMalformed, "DSA"},
		"EC parameters":           {parameters, ErrMalformed, "name of a curve"},
		"P-224":                   {run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-224"), ErrUnsupported, "P-224"},
		"P-224, SEC 1":            {run("ecparam", "-genkey", "-noout", "-name", "secp224r1"), ErrUnsupported, "P-224"},
		"brainpool":               {run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:brainpoolP256r1"), ErrUnsupported, "brainpoolP256r1"},
		"curve not named":         {run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"), ErrUnsupported, "curve that is not named"},
		"Ed448":                   {run("genpkey", "-algorithm", "ED448"), ErrUnsupported, "Ed448"},
		"RSA-PSS":                 {run("genpkey", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"), ErrUnsupported, "RSASSA-PSS"},
		"PuTTY":                   {[]byte("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n"), ErrMalformed, "PuTTY"},
		"JCEKS":                   {readFixture(t, "java.jceks"), ErrMalformed, "JCEKS"},
		"UTF-16, little-endian":   {utf16File(readFixture(t, "p256.pem"), false), ErrMalformed, "UTF-16"},
		"UTF-16, big-endian":      {utf16File(readFixture(t, "p256.pem"), true), ErrMalformed, "UTF-16"},
		"ZIP":                     {[]byte("PK\x03\x04\x14\x00"), ErrMalformed, "ZIP"},
		"HTML":                    {[]byte("<!DOCTYPE html>"), ErrMalformed, "HTML"},
		"JSON":                    {[]byte(`{"a":1}`), ErrMalformed, "JWK"},
		"JSON array":              {[]byte(`[]`), ErrMalformed, "JSON"},
		"BER":                     {[]byte("0\x80\x02\x01\x03\x00\x00"), ErrMalformed, "BER"},
		"js7 envelope":            {[]byte("enc:AAAA BBBB CCCC"), ErrMalformed, "js7 envelope"},
		"age envelope":            {[]byte("age-encryption.org/v1\n-> X25519 a\n"), ErrMalformed, "age envelope"},
		"age envelope, armor":     {[]byte("-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n"), ErrMalformed, "age envelope"},
		"JOSE":                    {[]byte("eyJhbGciOiJSU0EifQ.a.b.c.d"), ErrMalformed, "JOSE"},
		"OpenPGP message":         {[]byte("-----BEGIN PGP MESSAGE-----\n\nyxJiAAAAAABo\n-----END PGP MESSAGE-----\n"), ErrMalformed, "OpenPGP message"},
		"FIDO token":              {[]byte("sk-ssh-ed25519@openssh.com AAAA agent"), ErrUnsupported, "FIDO"},
		"SSH certificate":         {[]byte("ssh-ed25519-cert-v01@openssh.com AAAA agent"), ErrUnsupported, "SSH certificate"},
		"SSH DSA":                 {[]byte("ssh-dss AAAA agent"), ErrUnsupported, "DSA"},
		"authorized_keys options": {[]byte(`command="a" ssh-ed25519 AAAA agent`), ErrMalformed, "options"},
		"binary":                  {[]byte("\x00\x01\x02"), ErrMalformed, "binary"},
		"other DER":               {[]byte{0x30, 0x03, 0x02, 0x01, 0x05}, ErrMalformed, "DER, but neither"},
		"DER with a tail":         {append(readFixture(t, "p256.spki.der"), '\n'), ErrMalformed, "something behind it"},
		"other PEM":               {[]byte("-----BEGIN X-----\nAAAA\n-----END X-----\n"), ErrMalformed, `"X"`},
		"too large":               {bytes.Repeat([]byte("# "), maxSize), ErrMalformed, "MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			publics, err := ParsePublics(c.data, Options{})
			if publics != nil {
				t.Errorf("read as a public key")
			}
			if c.class != ErrUnsupported { //nolint:errorlint // The very same.
				wantClass(t, err, c.class)
				wantSays(t, err, c.says)
			}
			privates, err := ParsePrivates(c.data, Options{Password: []byte("x")})
			if privates != nil {
				t.Error("read as a private key")
			}
			if strings.Contains(name, "SSH") || strings.Contains(name, "FIDO") || name == "authorized_keys options" {
				_, err = ParsePublics(c.data, Options{})
			}
			wantClass(t, err, c.class)
			wantSays(t, err, c.says)
			wantSilent(t, err, c.data)
		})
	}
}

func wantSays(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v does not say %q", err, text)
	}
}

// derOf takes the one block out of PEM.
func derOf(data []byte) []byte {
	block, _ := pem.Decode(data)
	return block.Bytes
}

func utf16File(data []byte, big bool) []byte {
	out := []byte{0xff, 0xfe}
	if big {
		out = []byte{0xfe, 0xff}
	}
	for _, unit := range utf16.Encode([]rune(string(data))) {
		low, high := byte(unit), byte(unit>>8)
		if big {
			low, high = high, low
		}
		out = append(out, low, high)
	}
	return out
}

func revocationList(t *testing.T) []byte {
	t.Helper()
	folder := t.TempDir()
	put(t, folder, "key", readFixture(t, "p256.pem"))
	put(t, folder, "crt", readFixture(t, "p256.crt.pem"))
	put(t, folder, "index", nil)
	put(t, folder, "conf", []byte("[ca]\ndefault_ca=a\n[a]\ndatabase=index\ndefault_md=sha256\ndefault_crl_days=9\n"))
	return tool(t, folder, nil, "openssl", "ca", "-gencrl", "-config", "conf", "-keyfile", "key", "-cert", "crt")
}

// TestTruncated cuts each fixture at each byte: no cut file may give a key, but
// where all that is missing is the end of the line.
func TestTruncated(t *testing.T) {
	for name, want := range containers {
		if name == "rsa.pem" || strings.HasPrefix(name, "rsa.legacy") {
			continue // As p256.pem, and long.
		}
		t.Run(name, func(t *testing.T) {
			data := readFixture(t, name)
			// What is behind the last byte that counts may go: a final newline, and
			// the comment of an SSH key.
			whole := len(bytes.TrimRight(data, "\n"))
			if strings.HasSuffix(name, ".pub") && strings.HasPrefix(name, "ssh") {
				whole = bytes.LastIndexByte(data, ' ')
			}
			step := 1
			if want.password != "" && want.keystore == "" {
				step = 7 // Each takes a key derivation.
			}
			for n := 0; n < whole; n += step {
				wantNoKeys(t, data[:n], Options{Password: []byte(want.password)}, n)
			}
			wantNoKeys(t, data[:whole-1], Options{Password: []byte(want.password)}, whole-1)
		})
	}
}

func wantNoKeys(t *testing.T, data []byte, options Options, n int) {
	t.Helper()
	publics, publicErr := ParsePublics(data, options)
	if len(publics) == 1 && publics[0].Container == OpenPGPCert {
		if _, sealed := publics[0].Key.(*openpgp.Entity).EncryptionKey(time.Now(), nil); !sealed {
			return // Packets have no frame: cut between two, they are a certificate that cannot be sealed to.
		}
	}
	privates, privateErr := ParsePrivates(data, options)
	entries, inspectErr := Inspect(data, options)
	if publics != nil || privates != nil || entries != nil {
		t.Fatalf("cut after %d bytes: %d public and %d private keys", n, len(publics), len(privates))
	}
	if publicErr == nil || privateErr == nil || inspectErr == nil {
		t.Fatalf("cut after %d bytes: no error", n)
	}
}

// TestFlipped changes each byte of what is authenticated or checked as a whole:
// what still opens, with a byte changed that says nothing, has the same key.
func TestFlipped(t *testing.T) {
	for _, name := range []string{"java.p12", "java.jks", "modern.p12", "age.txt", "ssh-ed25519"} {
		data, options := readFixture(t, name), Options{Password: []byte(containers[name].password)}
		whole, err := ParsePrivates(data, options)
		if err != nil {
			t.Fatal(err)
		}
		for i := range data {
			damaged := bytes.Clone(data)
			damaged[i] ^= 0x01
			if privates, err := ParsePrivates(damaged, options); err == nil {
				wantSameKeys(t, privates, whole)
			}
		}
	}
}

// TestWork refuses files that ask for too much work, before doing any.
func TestWork(t *testing.T) {
	pbkdf2 := func(rounds int) []byte {
		return withKDF(t, oidPBKDF2, pbkdf2Params{Salt: []byte("salt"), Iterations: rounds})
	}
	scrypt := func(n, r, p int) []byte {
		return withKDF(t, oidScrypt, scryptParams{Salt: []byte("salt"), N: n, R: r, P: p})
	}
	for name, data := range map[string][]byte{
		"PBKDF2":                  pbkdf2(maxRounds + 1),
		"PBKDF2, none":            pbkdf2(0),
		"PBKDF2, negative":        pbkdf2(-1),
		"scrypt":                  scrypt(1<<24, 8, 1),
		"scrypt, wide":            scrypt(2, 1<<30, 1<<30),
		"scrypt, parallel":        scrypt(1<<20, 1, 1<<20),
		"scrypt, negative":        scrypt(-1, 8, 1),
		"scrypt, no power of two": scrypt(3, 8, 1),
		"PBES1":                   withPBES1(t, maxRounds+1),
		"many keys":               bytes.Repeat(pbkdf2(maxRounds/2), 11),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "many keys" && testing.Short() {
				t.Skip("does the most work that is allowed")
			}
			privates, err := ParsePrivates(data, Options{Password: []byte("x")})
			if privates != nil {
				t.Error("opened")
			}
			if name == "many keys" { // The first one cannot be opened.
				wantClass(t, err, ErrPassword)
				return
			}
			wantClass(t, err, ErrMalformed)
		})
	}
	var with unlocker
	for range maxFileRounds / int64(maxRounds) {
		if err := with.work(maxRounds); err != nil {
			t.Fatal(err)
		}
	}
	wantClass(t, with.work(1), ErrMalformed)
}

// withKDF is an encrypted key with this key derivation.
func withKDF(t *testing.T, oid string, parameters any) []byte {
	t.Helper()
	derivation, err := withParameters(oid, parameters)
	if err != nil {
		t.Fatal(err)
	}
	scheme, err := withParameters(oidAES256CBC, make([]byte, 16))
	if err != nil {
		t.Fatal(err)
	}
	algorithm, err := withParameters(oidPBES2, pbes2{derivation, scheme})
	if err != nil {
		t.Fatal(err)
	}
	return encryptedPEM(t, algorithm)
}

func withPBES1(t *testing.T, rounds int) []byte {
	t.Helper()
	algorithm, err := withParameters("1.2.840.113549.1.12.1.3", pbeParams{Salt: []byte("salt"), Iterations: rounds})
	if err != nil {
		t.Fatal(err)
	}
	return encryptedPEM(t, algorithm)
}

func encryptedPEM(t *testing.T, algorithm pkix.AlgorithmIdentifier) []byte {
	t.Helper()
	info, err := asn1.Marshal(encryptedPKCS8{algorithm, make([]byte, 160)})
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: info})
}

// TestBcryptWork: OpenSSH's rounds are bounded too.
func TestBcryptWork(t *testing.T) {
	block, _ := pem.Decode(readFixture(t, "ssh-ed25519-encrypted"))
	rounds := bytes.Index(block.Bytes, []byte{0, 0, 0, 16, 0, 0, 0, 1}) // rounds, number of keys
	if rounds < 0 {
		t.Fatal("the fixture has other rounds")
	}
	data := bytes.Clone(block.Bytes)
	data[rounds] = 0x7f
	_, err := ParsePrivates(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: data}), Options{Password: []byte("x")})
	wantClass(t, err, ErrMalformed)
	wantSays(t, err, "too much work")
}

// TestChains reads certificates with others behind them.
func TestChains(t *testing.T) {
	folder := t.TempDir()
	put(t, folder, "p256.pem", readFixture(t, "p256.pem"))
	issue := func(name string, arguments ...string) []byte {
		tool(t, folder, nil, "openssl", append([]string{"req", "-x509", "-subj", "/CN=" + name, "-days", "9", "-nodes", "-keyout", "k", "-out", name}, arguments...)...)
		return get(t, folder, name)
	}
	leaf := issue("leaf", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
	ca := issue("ca", "-newkey", "ed25519")
	brainpool := issue("brainpool", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:brainpoolP384r1")
	bare := readFixture(t, "p256.spki.pem")
	for name, c := range map[string]struct {
		data          []byte
		keys          int
		intermediates int
	}{
		"leaf alone":               {leaf, 1, 0},
		"chain":                    {slices.Concat(leaf, ca), 1, 1},
		"unreadable authority":     {slices.Concat(leaf, brainpool, ca), 1, 1},
		"another's public key":     {slices.Concat(leaf, bare), 2, 0},
		"private key in front":     {slices.Concat(readFixture(t, "p256.pem"), leaf, ca), 1, 1},
		"its own public key twice": {slices.Concat(readFixture(t, "p256.crt.pem"), bare, bare), 1, 0},
	} {
		publics, err := ParsePublics(c.data, Options{})
		if err != nil || len(publics) != c.keys {
			t.Errorf("%s: %d keys, %v", name, len(publics), err)
			continue
		}
		if got := len(publics[0].Intermediates); got != c.intermediates {
			t.Errorf("%s: %d intermediates, want %d", name, got, c.intermediates)
		}
	}
	_, err := ParsePublics(slices.Concat(brainpool, leaf), Options{})
	wantClass(t, err, ErrUnsupported)
	damaged := bytes.Replace(ca, []byte("-----END"), []byte("!-----END"), 1)
	_, err = ParsePublics(slices.Concat(leaf, damaged), Options{})
	wantClass(t, err, ErrMalformed)
}

// TestBareBase64 reads what PEM has between its lines, as JS7 does.
func TestBareBase64(t *testing.T) {
	for _, name := range []string{"p256", "rsa", "k256"} {
		lines := bytes.Split(bytes.TrimSpace(readFixture(t, name+".spki.pem")), []byte("\n"))
		body := lines[1 : len(lines)-1]
		for _, data := range [][]byte{bytes.Join(body, nil), bytes.Join(body, []byte("\r\n"))} {
			if id := onePublic(t, data, Options{}).ID(); id != referenceID(t, name) {
				t.Errorf("%s: ID is %s", name, id)
			}
		}
	}
	_, err := ParsePublics([]byte("MIIB"), Options{})
	wantClass(t, err, ErrMalformed)
}
