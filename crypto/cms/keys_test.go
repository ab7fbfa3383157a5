package cms

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

const keyFolder = "../../testdata/js7/keys"

// names are the test keys: certificate and private key of each kind.
var names = []string{"rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521", "k256"}

func keyFile(name string) string { return filepath.Join(keyFolder, name) }

func readKey(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(keyFile(name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// bare and certified make a recipient of a test key; the latter needs a
// certificate that the standard library parses.
func bare(t testing.TB, name string) crypto.Recipient {
	t.Helper()
	public, err := keys.ParsePublic(readKey(t, name+".crt"))
	if err != nil {
		t.Fatal(err)
	}
	return makeRecipient(t, public.Key)
}

func certified(t testing.TB, name string) crypto.Recipient {
	t.Helper()
	block, _ := pem.Decode(readKey(t, name+".crt"))
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return makeRecipient(t, certificate)
}

func makeRecipient(t testing.TB, key any) crypto.Recipient {
	t.Helper()
	recipient, err := Format.Recipient(key)
	if err != nil {
		t.Fatal(err)
	}
	return recipient
}

// privateKeys are parsed once: checking an RSA key takes long.
var privateKeys sync.Map

func privateKey(t testing.TB, name string) any {
	t.Helper()
	if key, found := privateKeys.Load(name); found {
		return key
	}
	key, err := keys.ParsePrivate(readKey(t, name+".pk8"), nil)
	if err != nil {
		t.Fatal(err)
	}
	privateKeys.Store(name, key)
	return key
}

func readIdentity(t testing.TB, name string) crypto.Identity {
	t.Helper()
	identity, err := Format.Identity(privateKey(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return identity
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
	if got, err := identity.Open(envelope); err != nil || string(got) != want {
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

func writeFile(t testing.TB, folder, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
