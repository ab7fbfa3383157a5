package verify_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks/verify"
)

func newPost(t *testing.T) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://agent.example:8443/v1/x?a=b%20c", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header["X-Two"] = []string{" one", "two\t"}
	return r
}

// What is signed is written out here from the headers, as a receiver does that
// goes by RFC 9421 alone.
func TestMessageSigner(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := verify.NewMessageSigner(key, "sha256:abc")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, body, lines, names string }{
		{
			"body", `{"hello": "world"}`,
			"\"content-digest\": sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:\n", `"content-digest" `, // RFC 9421, section 2.1
		},
		{"no body", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newPost(t)
			if err := signer.Sign(r, []byte(test.body), time.Unix(1700000000, 5), "Content-Type", "x-two"); err != nil {
				t.Fatal(err)
			}
			params := `("@method" "@target-uri" ` + test.names + `"content-type" "x-two");created=1700000000;keyid="sha256:abc";alg="ed25519"`
			if got := r.Header.Get("Signature-Input"); got != "sealrelay="+params {
				t.Errorf("input is %s", got)
			}
			base := "\"@method\": POST\n\"@target-uri\": https://agent.example:8443/v1/x?a=b%20c\n" + test.lines +
				"\"content-type\": application/json\n\"x-two\": one, two\n\"@signature-params\": " + params
			encoded, found := strings.CutPrefix(strings.TrimSuffix(r.Header.Get("Signature"), ":"), "sealrelay=:")
			signature, err := base64.StdEncoding.DecodeString(encoded)
			if !found || err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(base), signature) {
				t.Errorf("signature %s is not of\n%s", r.Header.Get("Signature"), base)
			}
			if has := r.Header.Get("Content-Digest") != ""; has != (test.body != "") {
				t.Errorf("there is a digest: %t", has)
			}
		})
	}
}

func TestMessageSignerRefuses(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	for _, id := range []string{"", `a"b`, `a\b`, "a\nb", "ä"} {
		if _, err := verify.NewMessageSigner(key, id); err == nil {
			t.Errorf("%q is an ID", id)
		}
	}
	if _, err := verify.NewMessageSigner(key[:10], "a"); err == nil {
		t.Error("10 bytes are a key")
	}
	signer, err := verify.NewMessageSigner(key, "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := signer.Sign(newPost(t), nil, time.Now(), "date"); err == nil {
		t.Error("a header that is not there is signed")
	}
	r := newPost(t)
	r.Header["X-Two"] = []string{"one\n\"@method\": GET"}
	if err := signer.Sign(r, nil, time.Now(), "x-two"); err == nil {
		t.Error("a line break is signed")
	}
	if r.Header.Get("Signature") != "" {
		t.Error("a refused request has a signature")
	}
}
