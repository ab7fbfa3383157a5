package keys

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fixturePassword protects what is encrypted in testdata, but for what Java
// takes ASCII passwords only.
const fixturePassword = "pä ss€"

// wantEntry is what an entry of a fixture must be.
type wantEntry struct {
	// id names the reference file with the same public key: NAME.spki.pem.
	id        string
	container Container
	private   bool
	encrypted bool
	alias     string
}

// containers says of every fixture what is in it. testdata/make.sh made them
// with the tools that people have such files from.
var containers = map[string]struct {
	password string
	keystore string
	entries  []wantEntry
}{
	"rsa.spki.pem":     {entries: []wantEntry{{id: "rsa", container: SPKI}}},
	"p256.spki.pem":    {entries: []wantEntry{{id: "p256", container: SPKI}}},
	"p256.spki.der":    {entries: []wantEntry{{id: "p256", container: SPKI}}},
	"k256.spki.pem":    {entries: []wantEntry{{id: "k256", container: SPKI}}},
	"ed25519.spki.pem": {entries: []wantEntry{{id: "ed25519", container: SPKI}}},
	"x25519.spki.pem":  {entries: []wantEntry{{id: "x25519", container: SPKI}}},
	"rsa.pkcs1pub.der": {entries: []wantEntry{{id: "rsa", container: PKCS1}}},
	"rsa.crt.pem":      {entries: []wantEntry{{id: "rsa", container: X509}}},
	"p256.crt.pem":     {entries: []wantEntry{{id: "p256", container: X509}}},
	"p256.crt.der":     {entries: []wantEntry{{id: "p256", container: X509}}},
	"p256.trusted.pem": {entries: []wantEntry{{id: "p256", container: X509}}},
	"k256.crt.pem":     {entries: []wantEntry{{id: "k256", container: X509}}},
	"rsa.pem":          {entries: []wantEntry{{id: "rsa", container: PKCS8, private: true}}},
	"p256.pem":         {entries: []wantEntry{{id: "p256", container: PKCS8, private: true}}},
	"p256.pk8.der":     {entries: []wantEntry{{id: "p256", container: PKCS8, private: true}}},
	"k256.pem":         {entries: []wantEntry{{id: "k256", container: PKCS8, private: true}}},
	"ed25519.pem":      {entries: []wantEntry{{id: "ed25519", container: PKCS8, private: true}}},
	"x25519.pem":       {entries: []wantEntry{{id: "x25519", container: PKCS8, private: true}}},
	"rsa.pkcs1.der":    {entries: []wantEntry{{id: "rsa", container: PKCS1, private: true}}},
	"p256.sec1.der":    {entries: []wantEntry{{id: "p256", container: SEC1, private: true}}},
	"k256.sec1.der":    {entries: []wantEntry{{id: "k256", container: SEC1, private: true}}},
	"p256.encrypted.der": {password: fixturePassword, entries: []wantEntry{
		{id: "p256", container: PKCS8, private: true, encrypted: true},
	}},
	"p256.pbes2-aes-128-cbc.pem": encryptedFixture("p256", PKCS8),
	"p256.pbes2-aes-192-cbc.pem": encryptedFixture("p256", PKCS8),
	"p256.pbes2-aes-256-cbc.pem": encryptedFixture("p256", PKCS8),
	"p256.pbes2-des3.pem":        encryptedFixture("p256", PKCS8),
	"p256.scrypt.pem":            encryptedFixture("p256", PKCS8),
	"p256.PBE-MD5-DES.pem":       encryptedFixture("p256", PKCS8),
	"p256.PBE-SHA1-DES.pem":      encryptedFixture("p256", PKCS8),
	"p256.PBE-SHA1-3DES.pem":     encryptedFixture("p256", PKCS8),
	"p256.PBE-SHA1-RC2-40.pem":   encryptedFixture("p256", PKCS8),
	"p256.PBE-SHA1-RC2-128.pem":  encryptedFixture("p256", PKCS8),
	"rsa.legacy.pem":             encryptedFixture("rsa", PKCS1),
	"ssh-ed25519-encrypted":      encryptedFixture("", SSH),
	"gpg.asc":                    encryptedFixture("", OpenPGPCert),
	"gpg-subkeys.bin":            encryptedFixture("", OpenPGPCert),

	"modern.p12":         keystoreFixture(fixturePassword, pkcs12Name, wantEntry{"p256", X509, true, true, "Agent ö"}),
	"legacy.p12":         keystoreFixture(fixturePassword, pkcs12Name, wantEntry{"rsa", X509, true, true, "agent"}),
	"nomac.p12":          keystoreFixture(fixturePassword, pkcs12Name, wantEntry{"p256", X509, true, true, "agent"}),
	"k256.p12":           keystoreFixture(fixturePassword, pkcs12Name, wantEntry{"k256", X509, true, true, "agent"}),
	"plain-noname.p12":   keystoreFixture(fixturePassword, pkcs12Name, wantEntry{"p256", X509, true, false, "1"}),
	"certificate.p12":    keystoreFixture(fixturePassword, pkcs12Name, wantEntry{"p256", X509, false, false, "1"}),
	"empty-password.p12": keystoreFixture("", pkcs12Name, wantEntry{"p256", X509, true, true, "agent"}),
	"trusted.p12":        keystoreFixture("changeit", pkcs12Name, wantEntry{"p256", X509, false, false, "trusted"}),
	"java.p12": keystoreFixture("changeit", pkcs12Name, wantEntry{"p256", X509, true, true, "one"},
		wantEntry{"rsa", X509, true, true, "two"}, wantEntry{"p256", X509, false, false, "trusted"}),
	"trusted.jks": keystoreFixture("changeit", jksName, wantEntry{"p256", X509, false, false, "trusted"}),
	// In the order of Java's hash table.
	"java.jks": keystoreFixture(fixturePassword, jksName, wantEntry{"p256", X509, false, false, "trusted"},
		wantEntry{"rsa", X509, true, true, "two"}, wantEntry{"p256", X509, true, true, "one"}),

	"ssh-ed25519":               {entries: []wantEntry{{container: SSH, private: true}}},
	"ssh-rsa":                   {entries: []wantEntry{{container: SSH, private: true}}},
	"ssh-ecdsa":                 {entries: []wantEntry{{container: SSH, private: true}}},
	"ssh-ed25519.pub":           {entries: []wantEntry{{container: SSH}}},
	"ssh-ed25519-encrypted.pub": {entries: []wantEntry{{container: SSH}}},
	"ssh-rsa.pub":               {entries: []wantEntry{{container: SSH}}},
	"ssh-ecdsa.pub":             {entries: []wantEntry{{container: SSH}}},
	"ssh-rsa.rfc4716":           {entries: []wantEntry{{container: SSH}}},
	"age.txt":                   {entries: []wantEntry{{container: AgeKey, private: true}}},
	"age.pub":                   {entries: []wantEntry{{container: AgeKey}}},
	"gpg.pub.asc":               {entries: []wantEntry{{container: OpenPGPCert}}},
	"gpg.pub.bin":               {entries: []wantEntry{{container: OpenPGPCert}}},
	"gpg-two.pub.asc":           {entries: []wantEntry{{container: OpenPGPCert}, {container: OpenPGPCert}}},
}

type fixture = struct {
	password string
	keystore string
	entries  []wantEntry
}

func encryptedFixture(id string, container Container) fixture {
	return fixture{password: fixturePassword, entries: []wantEntry{{id: id, container: container, private: true, encrypted: true}}}
}

func keystoreFixture(password, keystore string, entries ...wantEntry) fixture {
	return fixture{password, keystore, entries}
}

func readFixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// referenceID is the ID of a SubjectPublicKeyInfo by no code of this package.
func referenceID(t testing.TB, name string) string {
	t.Helper()
	block, _ := pem.Decode(readFixture(t, name+".spki.pem"))
	sum := sha256.Sum256(block.Bytes)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// TestContainers reads every fixture and finds in it what is there.
func TestContainers(t *testing.T) {
	files, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		_, described := containers[file.Name()]
		if other := slices.Contains([]string{"make.sh", "fuzz", "java.jceks", "keypass.jks", "gpg.fingerprints", "ssh.fingerprints"}, file.Name()); !described && !other {
			t.Errorf("nothing says what is in %s", file.Name())
		}
	}
	for name, want := range containers {
		t.Run(name, func(t *testing.T) {
			entries, err := Inspect(readFixture(t, name), Options{Password: []byte(want.password)})
			if err != nil {
				t.Fatal(err)
			}
			if len(entries) != len(want.entries) {
				t.Fatalf("%d entries, want %d", len(entries), len(want.entries))
			}
			for i, entry := range entries {
				wantEntry := want.entries[i]
				got := [...]any{entry.Public.Container, entry.Private, entry.Encrypted, entry.Keystore, entry.Alias}
				if got != [...]any{wantEntry.container, wantEntry.private, wantEntry.encrypted, want.keystore, wantEntry.alias} {
					t.Errorf("entry %d is %v", i, got)
				}
				if wantEntry.id != "" && entry.Public.ID() != referenceID(t, wantEntry.id) {
					t.Errorf("entry %d has ID %s", i, entry.Public.ID())
				}
			}
		})
	}
}

// TestBothParsers: what Inspect finds is what ParsePublics and ParsePrivates
// read, each in its own type, and the other refuses with its class.
func TestBothParsers(t *testing.T) {
	for name, want := range containers {
		t.Run(name, func(t *testing.T) {
			data, options := readFixture(t, name), Options{Password: []byte(want.password)}
			wantPrivates, wantPublics := 0, 0
			for _, entry := range want.entries {
				if entry.private {
					wantPrivates++
				}
				if !entry.private || want.keystore != "" {
					wantPublics++
				}
			}
			publics, err := ParsePublics(data, options)
			if len(publics) != wantPublics {
				t.Errorf("%d public keys, want %d; %v", len(publics), wantPublics, err)
			}
			if wantPublics == 0 {
				wantClass(t, err, ErrPrivate)
			}
			privates, err := ParsePrivates(data, options)
			if len(privates) != wantPrivates {
				t.Errorf("%d private keys, want %d; %v", len(privates), wantPrivates, err)
			}
			if wantPrivates == 0 {
				wantClass(t, err, ErrMalformed)
			}
		})
	}
}

// TestPasswords gives what is encrypted no password and wrong ones.
func TestPasswords(t *testing.T) {
	for name, want := range containers {
		if want.password == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			data := readFixture(t, name)
			for _, password := range []string{"wrong", "", "pä ss", "PÄ SS€", strings.Repeat("x", 2000)} {
				keys, err := ParsePrivates(data, Options{Password: []byte(password)})
				if keys != nil {
					t.Errorf("opened with password %q", password)
				}
				wantClass(t, err, ErrPassword)
			}
			if !slices.ContainsFunc(want.entries, func(e wantEntry) bool { return e.private }) {
				return
			}
			keys, err := ParsePrivates(data, Options{})
			if keys != nil {
				t.Error("opened without a password")
			}
			wantClass(t, err, ErrPassword)
		})
	}
}

// TestAliases picks entries of keystores.
func TestAliases(t *testing.T) {
	for _, name := range []string{"java.p12", "java.jks"} {
		data, password := readFixture(t, name), []byte(containers[name].password)
		for alias, id := range map[string]string{"one": "p256", "TWO": "rsa"} {
			options := Options{Password: password, Alias: alias}
			if got := opened(t, data, options); got != referenceID(t, id) {
				t.Errorf("%s: key of alias %s has ID %s", name, alias, got)
			}
			if got := onePublic(t, data, options).ID(); got != referenceID(t, id) {
				t.Errorf("%s: certificate of alias %s has ID %s", name, alias, got)
			}
		}
		onePublic(t, data, Options{Password: password, Alias: "trusted"})
		_, err := ParsePrivates(data, Options{Password: password, Alias: "trusted"})
		wantClass(t, err, ErrMalformed)
		if !strings.Contains(err.Error(), "trusted certificates only") {
			t.Errorf("%s: %v", name, err)
		}
		_, err = ParsePublics(data, Options{Password: password, Alias: "three"})
		wantClass(t, err, ErrMalformed)
		for _, alias := range []string{`"one"`, `"two"`, `"trusted"`} {
			if !strings.Contains(err.Error(), alias) {
				t.Errorf("%s: %v", name, err)
			}
		}
		_, err = ParsePrivate(data, password)
		wantClass(t, err, ErrMalformed)
		if !strings.Contains(err.Error(), "alias") {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := ParsePublics(readFixture(t, "p256.crt.pem"), Options{Alias: "one"})
	wantClass(t, err, ErrMalformed)
	// A JKS keystore shows its certificates without a password, and not its keys.
	if publics, err := ParsePublics(readFixture(t, "java.jks"), Options{}); err != nil || len(publics) != 3 {
		t.Errorf("without a password: %d, %v", len(publics), err)
	}
	entries, err := Inspect(readFixture(t, "java.jks"), Options{Alias: "one"})
	if err != nil || len(entries) != 1 || !entries[0].Private {
		t.Errorf("without a password: %v, %v", entries, err)
	}
}

func TestKeyPassword(t *testing.T) {
	data, options := readFixture(t, "keypass.jks"), Options{Password: []byte("storepass")}
	_, err := ParsePrivates(data, options)
	wantClass(t, err, ErrPassword)
	if !strings.Contains(err.Error(), "keytool -keypasswd") {
		t.Errorf("%v", err)
	}
	if id := onePublic(t, data, options).ID(); id != referenceID(t, "p256") {
		t.Errorf("ID is %s", id)
	}
}

func TestKeystoreChains(t *testing.T) {
	public := onePublic(t, readFixture(t, "modern.p12"), Options{Password: []byte(fixturePassword)})
	if public.Certificate == nil || public.Intermediates != nil {
		t.Errorf("a certificate that issued nothing is in the chain: %v", public.Intermediates)
	}
}

// TestSurroundings puts around and between text files what editors and mails do.
func TestSurroundings(t *testing.T) {
	for name, want := range containers {
		data := readFixture(t, name)
		if !isText(data) {
			continue
		}
		options := Options{Password: []byte(want.password)}
		for what, changed := range map[string][]byte{
			"CRLF":             bytes.ReplaceAll(data, []byte("\n"), []byte("\r\n")),
			"byte order mark":  append([]byte("\xef\xbb\xbf"), data...),
			"blank lines":      slices.Concat([]byte("\n\n"), data, []byte("\n\n")),
			"no final newline": bytes.TrimRight(data, "\n"),
		} {
			entries, err := Inspect(changed, options)
			if err != nil || len(entries) != len(want.entries) {
				t.Errorf("%s with %s: %d entries, %v", name, what, len(entries), err)
			}
		}
	}
}

func isText(data []byte) bool {
	return bytes.IndexFunc(data, func(r rune) bool { return r > '~' || r < ' ' && r != '\n' }) < 0
}

// TestFingerprints compares with what ssh-keygen and gpg print.
func TestFingerprints(t *testing.T) {
	printed := string(readFixture(t, "ssh.fingerprints"))
	for _, name := range []string{"ssh-ed25519", "ssh-ed25519-encrypted", "ssh-rsa", "ssh-ecdsa"} {
		private, err := ParsePrivate(readFixture(t, name), []byte(fixturePassword))
		if err != nil {
			t.Fatal(err)
		}
		half, err := PublicOf(private)
		if err != nil {
			t.Fatal(err)
		}
		public := mustPublic(t, readFixture(t, name+".pub"))
		fingerprint := SSHFingerprint(half)
		if !strings.Contains(printed, fingerprint) || fingerprint == "" || fingerprint != SSHFingerprint(public.Key) {
			t.Errorf("%s has fingerprint %q", name, fingerprint)
		}
		if public.Container != SSH || public.DefaultFormat() == "" {
			t.Errorf("%s: %s, %q", name, public.Container, public.DefaultFormat())
		}
	}
	if fingerprint := SSHFingerprint(mustPublic(t, readFixture(t, "x25519.spki.pem")).Key); fingerprint != "" {
		t.Errorf("an X25519 key has the SSH fingerprint %s", fingerprint)
	}
	listed := strings.ToLower(string(readFixture(t, "gpg.fingerprints")))
	for _, name := range []string{"gpg.pub.asc", "gpg.asc", "gpg-subkeys.bin"} {
		entries, err := Inspect(readFixture(t, name), Options{Password: []byte(fixturePassword)})
		if err != nil {
			t.Fatal(err)
		}
		if id, found := strings.CutPrefix(entries[0].Public.ID(), "openpgp:"); !found || !strings.Contains(listed, id) {
			t.Errorf("%s has ID %s", name, id)
		}
	}
}

// TestBits says how large keys are.
func TestBits(t *testing.T) {
	for name, bits := range map[string]int{
		"rsa.spki.pem": 2048, "p256.spki.pem": 256, "k256.spki.pem": 256, "ed25519.spki.pem": 256, "x25519.spki.pem": 256,
		"age.pub": 256, "gpg.pub.asc": 263,
	} {
		if got := Bits(mustPublic(t, readFixture(t, name)).Key); got != bits {
			t.Errorf("%s has %d bits, want %d", name, got, bits)
		}
	}
	if Bits(nil) != 0 {
		t.Error("nothing has bits")
	}
}
