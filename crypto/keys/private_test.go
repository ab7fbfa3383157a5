package keys

import (
	"bytes"
	"encoding/pem"
	"path/filepath"
	"strings"
	"testing"
)

func privateID(t testing.TB, data []byte, password string) string {
	t.Helper()
	key, err := ParsePrivate(data, []byte(password))
	if err != nil {
		t.Fatal(err)
	}
	public, err := PublicOf(key)
	if err != nil {
		t.Fatal(err)
	}
	id, err := ID(public)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestPrivateFiles reads every private key file there is and finds the ID of
// the certificate that goes with it.
func TestPrivateFiles(t *testing.T) {
	read := 0
	for name, data := range keyFiles(t) {
		if !bytes.Contains(data, []byte("PRIVATE KEY")) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			read++
			stem := strings.TrimSuffix(name, filepath.Ext(name))
			stem, _, _ = strings.Cut(stem, ".")
			if got, want := privateID(t, data, keyPassword), mustPublic(t, readKey(t, stem+".crt")).ID(); got != want {
				t.Errorf("ID is %s, want %s", got, want)
			}
			certificate := readKey(t, stem+".crt")
			if got := privateID(t, append(bytes.Clone(certificate), data...), keyPassword); got != mustPublic(t, certificate).ID() {
				t.Errorf("behind its certificate the ID is %s", got)
			}
		})
	}
	if read < 26 {
		t.Errorf("only %d private keys were read", read)
	}
}

func TestPassword(t *testing.T) {
	for _, name := range []string{"rsa2048.encpk8.default", "rsa2048.encpk8.des3", "p256.encpk8.default", "p384.legacy.aes256", "rsa2048.legacy.aes256"} {
		t.Run(name, func(t *testing.T) {
			_, err := ParsePrivate(readKey(t, name), nil)
			wantClass(t, err, ErrPassword)
			if err != errNoPassword { //nolint:errorlint // The very same.
				t.Errorf("without a password: %v", err)
			}
			for _, wrong := range []string{"", "wrong", "Jobscheduler"} {
				_, err := ParsePrivate(readKey(t, name), []byte(wrong))
				if err != errWrongPassword { //nolint:errorlint // The very same.
					t.Errorf("with password %q: %v", wrong, err)
				}
			}
		})
	}
}

// TestOpenSSLEncryption reads what openssl encrypts, with each cipher and each
// pseudo-random function, and the secp256k1 key among them.
func TestOpenSSLEncryption(t *testing.T) {
	for _, name := range []string{"p256", "k256"} {
		key, want := readKey(t, name+".pk8"), mustPublic(t, readKey(t, name+".crt")).ID()
		for _, cipher := range []string{"aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des3"} {
			for _, prf := range []string{"hmacWithSHA1", "hmacWithSHA256", "hmacWithSHA384", "hmacWithSHA512"} {
				data := openssl(t, key, "pkcs8", "-topk8", "-v2", cipher, "-v2prf", prf, "-iter", "1000", "-passout", "pass:pä ss")
				if got := privateID(t, data, "pä ss"); got != want {
					t.Errorf("%s, %s, %s: ID is %s, want %s", name, cipher, prf, got, want)
				}
			}
		}
		for _, cipher := range []string{"-aes128", "-aes256", "-des3"} {
			data := openssl(t, key, "ec", cipher, "-passout", "pass:secret")
			if got := privateID(t, data, "secret"); got != want {
				t.Errorf("%s, %s: ID is %s, want %s", name, cipher, got, want)
			}
		}
	}
	data := openssl(t, readKey(t, "p256.pk8"), "pkcs8", "-topk8", "-v2", "aria-128-cbc", "-passout", "pass:x")
	_, err := ParsePrivate(data, []byte("x"))
	wantClass(t, err, ErrUnsupported)
}

// TestDamagedEncryption changes each byte of an encrypted key in turn: it must
// never panic, never ask for endless work, and mostly be refused. Not always:
// the format authenticates nothing.
func TestDamagedEncryption(t *testing.T) {
	block, _ := pem.Decode(openssl(t, readKey(t, "p256.pk8"), "pkcs8", "-topk8", "-iter", "1", "-passout", "pass:x"))
	tried, refused := 0, 0
	for i := range block.Bytes {
		for _, change := range []byte{0x01, 0x80, 0xff} {
			der := bytes.Clone(block.Bytes)
			der[i] ^= change
			tried++
			key, err := ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: der}), []byte("x"))
			if err != nil {
				refused++
				continue
			}
			if _, err := PublicOf(key); err != nil {
				t.Fatalf("byte %d: %v", i, err)
			}
		}
	}
	if refused < tried/2 {
		t.Errorf("only %d of %d damaged keys were refused", refused, tried)
	}
}

func TestPrivateRefused(t *testing.T) {
	pk8 := readKey(t, "p256.pk8")
	block, _ := pem.Decode(pk8)
	identity, _, err := Generate("age")
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(identity)
	broken[len(broken)-5] ^= 1
	pemOf := func(kind string, body []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: body})
	}
	for name, c := range map[string]struct {
		data  []byte
		class error
	}{
		"empty":              {nil, ErrMalformed},
		"text":               {[]byte("secret\n"), ErrMalformed},
		"certificate":        {readKey(t, "p256.crt"), ErrMalformed},
		"two keys":           {append(bytes.Clone(pk8), readKey(t, "p384.pk8")...), ErrMalformed},
		"damaged PKCS#8":     {pemOf("PRIVATE KEY", block.Bytes[:40]), ErrMalformed},
		"damaged PKCS#1":     {pemOf("RSA PRIVATE KEY", block.Bytes), ErrMalformed},
		"damaged SEC1":       {pemOf("EC PRIVATE KEY", block.Bytes), ErrMalformed},
		"DSA":                {pemOf("DSA PRIVATE KEY", block.Bytes), ErrUnsupported},
		"OpenSSH":            {pemOf("OPENSSH PRIVATE KEY", []byte("openssh-key-v1")), ErrMalformed},
		"X448":               {openssl(t, nil, "genpkey", "-algorithm", "X448"), ErrUnsupported},
		"two age identities": {append(bytes.Clone(identity), identity...), ErrMalformed},
		"age typing error":   {broken, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			key, err := ParsePrivate(c.data, nil)
			if key != nil {
				t.Errorf("read as %T", key)
			}
			wantClass(t, err, c.class)
			wantSilent(t, err, c.data)
		})
	}
}

func FuzzParsePrivate(f *testing.F) {
	for _, data := range keyFiles(f) {
		f.Add(data, []byte(keyPassword))
	}
	for _, kind := range []string{"age", "age-pq", "ed25519"} {
		private, _, err := Generate(kind)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(private, []byte(nil))
	}
	f.Fuzz(func(t *testing.T, data, password []byte) {
		key, err := ParsePrivate(data, password)
		if err != nil {
			if key != nil {
				t.Fatal("a key and an error")
			}
			return
		}
		public, err := PublicOf(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ID(public); err != nil {
			t.Fatal(err)
		}
	})
}
