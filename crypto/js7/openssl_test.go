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
