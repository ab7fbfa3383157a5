package js7

import (
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestOpenSSLOpens opens an RSA envelope with nothing of ours.
func TestOpenSSLOpens(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	const plaintext = "s3cr3t pä€𝄞"
	recipient, _ := readPair(t, "rsa2048")
	parsed, err := parseEnvelope(seal(t, recipient, []byte(plaintext)))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run := func(arguments ...string) []byte {
		out, err := exec.CommandContext(t.Context(), openssl, arguments...).Output()
		if err != nil {
			t.Fatalf("openssl %s: %v", arguments[0], err)
		}
		return out
	}
	key := run("pkeyutl", "-decrypt", "-inkey", filepath.Join(vectorFolder, "keys", "rsa2048.pk8"),
		"-pkeyopt", "rsa_padding_mode:pkcs1", "-in", write("wrapped", parsed.wrapped))
	got := run("enc", "-d", "-aes-128-cbc", "-K", hex.EncodeToString(key), "-iv", hex.EncodeToString(parsed.iv),
		"-in", write("ciphertext", parsed.ciphertext))
	if string(got) != plaintext {
		t.Errorf("openssl opened it to %q, want %q", got, plaintext)
	}
}

// TestOpensOpenSSL opens what is sealed with nothing of ours, as a shell script
// would do it.
func TestOpensOpenSSL(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed")
	}
	const script = `
set -eu
key=$(openssl rand -hex 16); iv=$(openssl rand -hex 16)
hex() { printf "$(printf %s "$1" | sed 's/../\\x&/g')"; }
wrapped=$(hex "$key" | openssl pkeyutl -encrypt -certin -inkey "$1" -pkeyopt rsa_padding_mode:pkcs1 | openssl base64 -A)
value=$(printf %s "$2" | openssl enc -aes-128-cbc -K "$key" -iv "$iv" | openssl base64 -A)
printf 'enc:%s %s %s\n' "$wrapped" "$(hex "$iv" | openssl base64 -A)" "$value"
`
	for _, name := range []string{"rsa2048", "rsa3072", "rsa4096"} {
		_, identity := readPair(t, name)
		for _, plaintext := range []string{"", "s3cr3t pä€𝄞", "0123456789abcdef"} {
			command := exec.CommandContext(t.Context(), "bash", "-c", script, "bash", filepath.Join(vectorFolder, "keys", name+".crt"), plaintext)
			sealed, err := command.Output()
			if err != nil {
				t.Fatal(err)
			}
			if got, err := identity.Open(sealed); err != nil || string(got) != plaintext {
				t.Errorf("%s: %q opens to %q, %v", name, plaintext, got, err)
			}
		}
	}
}
