package hooks_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

const script = "../examples/push.sh"

// TestScript runs the script that users copy against a TLS server with the real
// verifier and adapter.
func TestScript(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "curl", "od"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}
	// Key lengths at both ends and in the middle; values with what shells,
	// base64 and JSON could lose.
	for _, test := range []struct{ name, secret, value string }{
		{"words", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "correct horse $battery `staple` \"quoted\" \\ 'x'"},
		{"newlines", newSecretText(t), "\n-----BEGIN-----\r\n\n"},
		{"bytes", "whsec_" + strings.Repeat("/wAB", 21) + "/w==", "\x00\xff\xfe\x00"},
		{"long", newSecretText(t), strings.Repeat("0123456789abcdef", 10_000)},
	} {
		t.Run(test.name, func(t *testing.T) { runScript(t, test.secret, test.value) })
	}
}

func newSecretText(t *testing.T) string {
	t.Helper()
	value, err := verify.NewSecret().Text()
	if err != nil {
		t.Fatal(err)
	}
	var text string
	err = value.Expose(func(b []byte) error {
		text = string(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func runScript(t *testing.T, secret, value string) {
	verifier, err := verify.NewStandardWebhooks(verify.StandardWebhooks{
		Secrets: []*hooks.Value{secretbytes.Copy([]byte(secret))},
	})
	if err != nil {
		t.Fatal(err)
	}
	received := make(chan struct{}, 10)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		received <- struct{}{}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		request := &hooks.Request{Method: r.Method, Header: r.Header, Body: body, Received: time.Now()}
		verified, err := verifier.Verify(request)
		if err != nil {
			t.Error(err)
		}
		message, err := adapters.Push{}.Read(request, verified)
		if err != nil {
			t.Error(err)
			return
		}
		event := message.Events[0]
		if event.Secret != "prod/my db" || !event.Value.Equal(secretbytes.Copy([]byte(value))) {
			t.Errorf("received %s with a value of %d bytes, want %d", event.Secret, event.Value.Len(), len(value))
		}
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()

	dir := t.TempDir()
	secretFile, caFile := filepath.Join(dir, "secret"), filepath.Join(dir, "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for path, content := range map[string][]byte{secretFile: []byte(secret + "\n"), caFile: ca} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// Even a caller who traces gets to see no value.
	command := exec.CommandContext(t.Context(), "bash", "-x", script, server.URL+"/v1/hooks/demo", secretFile, "prod/my db")
	shims, seen := shimTools(t)
	command.Env = append(os.Environ(), "CURL_CA_BUNDLE="+caFile, "PATH="+shims+string(os.PathListSeparator)+os.Getenv("PATH"))
	command.Stdin = strings.NewReader(value)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	if len(received) != 1 {
		t.Errorf("received %d requests, want 1", len(received))
	}
	children, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(children, []byte("--data-binary")) {
		t.Error("the children's command lines were not recorded")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{value, base64.StdEncoding.EncodeToString([]byte(value)), strings.TrimPrefix(secret, "whsec_"), hex.EncodeToString(key)} {
		if bytes.Contains(output, []byte(secret)) {
			t.Error("the output has the value or the signing secret")
		}
		if bytes.Contains(children, []byte(secret)) {
			t.Error("a child's command line or environment has the value or the signing secret")
		}
	}
}

// shimTools makes a folder for PATH with stand-ins of the tools that the script
// calls. Each writes its arguments and environment to the file seen, and then
// becomes the tool.
func shimTools(t *testing.T) (dir, seen string) {
	t.Helper()
	dir = t.TempDir()
	seen = filepath.Join(t.TempDir(), "seen")
	for _, tool := range []string{"openssl", "curl", "od", "tr", "cat", "date"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatal(err)
		}
		shim := fmt.Sprintf("#!/usr/bin/env bash\n{ printf '%%s\\n' \"$@\"; env; } >> '%s'\nexec '%s' \"$@\"\n", seen, path)
		if err := os.WriteFile(filepath.Join(dir, tool), []byte(shim), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir, seen
}

// TestScriptRefuses: without a value, a good name or a secret nothing is sent.
func TestScriptRefuses(t *testing.T) {
	for _, tool := range []string{"bash", "openssl", "od"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(tool + " is not installed")
		}
	}
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", newSecretText(t))
	const url = "https://127.0.0.1:1/"
	for _, test := range []struct {
		name  string
		args  []string
		value string
		want  string
	}{
		{"no arguments", nil, "x", "push.sh: usage: push.sh URL SECRET_FILE NAME, and the value on standard input"},
		{"quote in the name", []string{url, good, `a"b`}, "x", "push.sh: NAME has a character that a secret name cannot have"},
		{"empty secret", []string{url, file("empty", ""), "a"}, "x", "push.sh: SECRET_FILE is empty"},
		{"other secret", []string{url, file("other", "whpk_AAAA\n"), "a"}, "x", "push.sh: SECRET_FILE does not begin with whsec_"},
		{"short secret", []string{url, file("short", "whsec_AAAA\n"), "a"}, "x", "push.sh: SECRET_FILE is not whsec_ and 24 to 64 bytes in base64"},
		{"no value", []string{url, good, "a"}, "", "push.sh: no value on standard input"},
	} {
		command := exec.CommandContext(t.Context(), "bash", append([]string{script}, test.args...)...)
		command.Stdin = strings.NewReader(test.value)
		output, err := command.CombinedOutput()
		if got := strings.TrimSpace(string(output)); err == nil || got != test.want {
			t.Errorf("%s: %v, output is %s, want %s", test.name, err, got, test.want)
		}
	}
}

// TestDocumentedScript: the manual has the script as it is.
func TestDocumentedScript(t *testing.T) {
	want, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	manual, err := os.ReadFile("../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(manual, append([]byte("```bash\n"), append(want, "```\n"...)...)) {
		t.Error("docs/hooks.md has another script than examples/push.sh; copy it there")
	}
}
