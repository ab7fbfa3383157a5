package age

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"golang.org/x/crypto/ssh"

	"github.com/sealrelay/sealrelay/crypto"
)

// run runs a program with input, and skips the test where there is none.
func run(t *testing.T, input []byte, name string, arguments ...string) []byte {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	child := exec.CommandContext(t.Context(), name, arguments...)
	var stderr bytes.Buffer
	child.Stdin, child.Stderr = bytes.NewReader(input), &stderr
	out, err := child.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(arguments, " "), err, stderr.Bytes())
	}
	return out
}

// toolKey is a key that a foreign tool made.
type toolKey struct {
	recipient crypto.Recipient
	identity  crypto.Identity
	// text is the recipient, file the identity, for the age command.
	text, file string
}

func wrapToolKey(t *testing.T, public, private any, text, file string) toolKey {
	t.Helper()
	recipient, err := Format.Recipient(public)
	if err != nil {
		t.Fatal(err)
	}
	identity, err := Format.Identity(private)
	if err != nil {
		t.Fatal(err)
	}
	return toolKey{recipient, identity, text, file}
}

func keygenAge(t *testing.T, options ...string) toolKey {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	run(t, nil, "age-keygen", append(options, "-o", file)...)
	data, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	identities, err := age.ParseIdentities(data)
	if err != nil {
		t.Fatal(err)
	}
	switch key := identities[0].(type) {
	case *age.X25519Identity:
		return wrapToolKey(t, key.Recipient(), key, key.Recipient().String(), file)
	case *age.HybridIdentity:
		return wrapToolKey(t, key.Recipient(), key, key.Recipient().String(), file)
	default:
		t.Fatalf("age-keygen made a %T", key)
		return toolKey{}
	}
}

func keygenSSH(t *testing.T, options ...string) toolKey {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	run(t, nil, "ssh-keygen", append([]string{"-q", "-N", "", "-f", file}, options...)...)
	line, err := os.ReadFile(file + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	public, _, _, _, err := ssh.ParseAuthorizedKey(line)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	private, err := ssh.ParseRawPrivateKey(data)
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := private.(*ed25519.PrivateKey); ok {
		private = *key
	}
	return wrapToolKey(t, public.(ssh.CryptoPublicKey).CryptoPublicKey(), private, strings.TrimSpace(string(line)), file)
}

func keygenPlugin(t *testing.T) toolKey {
	t.Helper()
	recipient, identity, public, private := newPluginPair(t, pluginGood)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(private+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return toolKey{recipient, identity, public, file}
}

// exchange seals with either side, in both forms, and opens with the other.
func exchange(t *testing.T, plaintext []byte, all ...toolKey) {
	t.Helper()
	var recipients []crypto.Recipient
	var options []string
	for _, key := range all {
		recipients, options = append(recipients, key.recipient), append(options, "-r", key.text)
	}
	for name, option := range map[string][]string{"raw": nil, "armor": {"-a"}} {
		ours, err := Format.SealTo(plaintext, recipients...)
		if err != nil {
			t.Fatal(err)
		}
		ours = form(t, name, ours)
		theirs := run(t, plaintext, "age", append(option, options...)...)
		if !bytes.Equal(form(t, name, theirs), theirs) {
			t.Errorf("%s: theirs is not in the form that ours would be", name)
		}
		for _, key := range all {
			if got := run(t, ours, "age", "-d", "-i", key.file); !bytes.Equal(got, plaintext) {
				t.Errorf("%s: age opened it to %d bytes", name, len(got))
			}
			if got, err := key.identity.Open(theirs); err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("%s: theirs opened to %d bytes, %v", name, len(got), err)
			}
		}
	}
}

func TestCommand(t *testing.T) {
	for name, keygen := range map[string]func(t *testing.T) toolKey{
		"X25519":       func(t *testing.T) toolKey { return keygenAge(t) },
		"SSH Ed25519":  func(t *testing.T) toolKey { return keygenSSH(t, "-t", "ed25519") },
		"SSH RSA 2048": func(t *testing.T) toolKey { return keygenSSH(t, "-t", "rsa", "-b", "2048") },
		"SSH RSA 3072": func(t *testing.T) toolKey { return keygenSSH(t, "-t", "rsa", "-b", "3072") },
	} {
		t.Run(name, func(t *testing.T) {
			key := keygen(t)
			for _, size := range []int{0, 1 << 20} {
				exchange(t, bytes.Repeat([]byte{'a'}, size), key)
			}
		})
	}
}

func TestCommandHybrid(t *testing.T) {
	if help, err := exec.CommandContext(t.Context(), "age-keygen", "-h").CombinedOutput(); !bytes.Contains(help, []byte("-pq")) {
		t.Skipf("no age-keygen that makes hybrid keys, which age 1.3 does first: %v", err)
	}
	exchange(t, []byte("value"), keygenAge(t, "-pq"), keygenAge(t, "-pq"))
}

func TestCommandSeveral(t *testing.T) {
	exchange(t, []byte("value"), keygenAge(t), keygenSSH(t, "-t", "ed25519"), keygenSSH(t, "-t", "rsa", "-b", "2048"), keygenAge(t))
}

func TestCommandPlugin(t *testing.T) {
	if _, err := exec.LookPath("age"); err != nil {
		t.Skip("age is not installed")
	}
	tools := os.Getenv("PATH")
	installPlugins(t)
	t.Setenv("PATH", os.Getenv("PATH")+string(os.PathListSeparator)+tools)
	exchange(t, []byte("value"), keygenPlugin(t), keygenAge(t))
}
