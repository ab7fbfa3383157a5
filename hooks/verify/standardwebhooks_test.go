package verify_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// The example of the Standard Webhooks specification, and its message signed
// with the first key of RFC 8032, section 7.1, by OpenSSL.
const (
	exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleTime   = 1614265330
	exampleBody   = `{"test": 2432232314}`
	exampleV1     = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

	examplePublicKey = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	exampleSeed      = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
	exampleV1a       = "v1a,fldxM4gAKugP6nnt1hdz3sgGfZ6d99nzrMFnZOELIxbzEHoVmAb2ADpkJK7zgPePmPsle0zV9jSeGlHFG2NVAw=="
)

func text(s string) *hooks.Value { return secretbytes.Copy([]byte(s)) }

// example is the specification's request, received a second after it was sent.
func example(signature string) *hooks.Request {
	return &hooks.Request{
		Method: http.MethodPost,
		Header: http.Header{
			"Webhook-Id":        {exampleID},
			"Webhook-Timestamp": {strconv.Itoa(exampleTime)},
			"Webhook-Signature": {signature},
		},
		Body:     []byte(exampleBody),
		Received: time.Unix(exampleTime+1, 0),
	}
}

func exampleVerifier(t testing.TB) hooks.Verifier {
	t.Helper()
	v, err := verify.NewStandardWebhooks(verify.StandardWebhooks{
		Secrets:    []*hooks.Value{text(exampleSecret)},
		PublicKeys: []string{examplePublicKey},
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func exampleKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	seed, err := hex.DecodeString(exampleSeed)
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.NewKeyFromSeed(seed)
}

func exampleSigningSecret(t testing.TB) *verify.Secret {
	t.Helper()
	secret, err := verify.ParseSecret(text(exampleSecret))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func TestVectors(t *testing.T) {
	want := hooks.Verified{EventID: exampleID, SignedAt: time.Unix(exampleTime, 0), Signed: true}
	for _, signature := range []string{
		exampleV1, exampleV1a,
		exampleV1 + " " + exampleV1a,
		"v1,bm8= v2,whatever nonsense  " + exampleV1,
		strings.Repeat("v1,bm8= ", 15) + exampleV1a,
	} {
		got, err := exampleVerifier(t).Verify(example(signature))
		if err != nil {
			t.Errorf("%s: %v", signature, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

func TestSignMakesTheVectors(t *testing.T) {
	at := time.Unix(exampleTime, 999)
	v1, err := verify.SignV1(exampleSigningSecret(t), exampleID, at, []byte(exampleBody))
	if err != nil || v1 != exampleV1 {
		t.Errorf("SignV1 gives %s, %v", v1, err)
	}
	if v1a := verify.SignV1a(exampleKey(t), exampleID, at, []byte(exampleBody)); v1a != exampleV1a {
		t.Errorf("SignV1a gives %s", v1a)
	}
}

func TestStandardWebhooksRefuses(t *testing.T) {
	const (
		noMatch      = "not authenticated: no signature matches: check the secret"
		badID        = "not authenticated: webhook-id is not 1 to 256 printable ASCII characters without space and dot"
		badTimestamp = "not authenticated: webhook-timestamp is not decimal seconds since 1970"
		tooMany      = "not authenticated: too many signatures in webhook-signature: at most 16, of them 4 v1a, are read"
	)
	header := func(name string, lines ...string) func(*hooks.Request) {
		return func(r *hooks.Request) { r.Header[name] = lines }
	}
	tests := []struct {
		name   string
		change func(*hooks.Request)
		want   string
	}{
		{"no ID", header("Webhook-Id"), "not authenticated: missing header webhook-id"},
		{"no timestamp", header("Webhook-Timestamp"), "not authenticated: missing header webhook-timestamp"},
		{"no signature", header("Webhook-Signature"), "not authenticated: missing header webhook-signature"},
		{"ID twice", header("Webhook-Id", exampleID, exampleID), "not authenticated: more than one header webhook-id"},
		{"timestamp twice", header("Webhook-Timestamp", "1614265330", "1614265330"), "not authenticated: more than one header webhook-timestamp"},
		{"signature twice", header("Webhook-Signature", exampleV1, exampleV1), "not authenticated: more than one header webhook-signature"},
		{"empty ID", header("Webhook-Id", ""), badID},
		{"long ID", header("Webhook-Id", strings.Repeat("a", 257)), badID},
		{"dot in ID", header("Webhook-Id", "a.b"), badID},
		{"space in ID", header("Webhook-Id", "a b"), badID},
		{"control character in ID", header("Webhook-Id", "a\x7fb"), badID},
		{"accent in ID", header("Webhook-Id", "é"), badID},
		{"empty timestamp", header("Webhook-Timestamp", ""), badTimestamp},
		{"leading zero", header("Webhook-Timestamp", "01614265330"), badTimestamp},
		{"sign", header("Webhook-Timestamp", "+1614265330"), badTimestamp},
		{"negative", header("Webhook-Timestamp", "-1614265330"), badTimestamp},
		{"space", header("Webhook-Timestamp", "1614265330 "), badTimestamp},
		{"fraction", header("Webhook-Timestamp", "1614265330.0"), badTimestamp},
		{"hexadecimal", header("Webhook-Timestamp", "0x6037bbf2"), badTimestamp},
		{"huge timestamp", header("Webhook-Timestamp", "9223372036854775807"), badTimestamp},
		{"milliseconds", header("Webhook-Timestamp", "1614265330000"), badTimestamp},
		{"empty signature", header("Webhook-Signature", ""), noMatch},
		{"no scheme", header("Webhook-Signature", strings.TrimPrefix(exampleV1, "v1,")), noMatch},
		{"other scheme", header("Webhook-Signature", "v2"+strings.TrimPrefix(exampleV1, "v1")), noMatch},
		{"v1 as v1a", header("Webhook-Signature", "v1a"+strings.TrimPrefix(exampleV1, "v1")), noMatch},
		{"no padding", header("Webhook-Signature", strings.TrimSuffix(exampleV1, "=")), noMatch},
		{"loose bits", header("Webhook-Signature", strings.TrimSuffix(exampleV1, "E=")+"F="), noMatch},
		{"line break", header("Webhook-Signature", exampleV1[:20]+"\n"+exampleV1[20:]), noMatch},
		{"comma separated", header("Webhook-Signature", exampleV1+","+exampleV1), noMatch},
		{"truncated MAC", header("Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKg=="), noMatch},
		{"17 signatures", header("Webhook-Signature", strings.Repeat(exampleV1+" ", 16)+exampleV1), tooMany},
		{"5 v1a signatures", header("Webhook-Signature", strings.Repeat(exampleV1a+" ", 4)+exampleV1a), tooMany},
		{"other ID", header("Webhook-Id", exampleID+"x"), noMatch},
		{"other time", header("Webhook-Timestamp", "1614265331"), noMatch},
		{"other body", func(r *hooks.Request) { r.Body = append(r.Body, ' ') }, noMatch},
		{"no body", func(r *hooks.Request) { r.Body = nil }, noMatch},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := example(exampleV1)
			test.change(r)
			got, err := exampleVerifier(t).Verify(r)
			if !errors.Is(err, hooks.ErrUnauthenticated) || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
			if got != (hooks.Verified{}) {
				t.Errorf("a refused request tells %+v", got)
			}
		})
	}
}

func TestTolerance(t *testing.T) {
	tests := []struct {
		tolerance time.Duration
		late      time.Duration
		want      string
	}{
		{0, 5 * time.Minute, ""},
		{0, -5 * time.Minute, ""},
		{0, 5*time.Minute + time.Second, "not authenticated: timestamp outside ±5m: check the sender's clock"},
		{0, -5*time.Minute - time.Second, "not authenticated: timestamp outside ±5m: check the sender's clock"},
		{0, 5*time.Minute + 999*time.Millisecond, ""},
		{90 * time.Second, 90 * time.Second, ""},
		{90 * time.Second, 91 * time.Second, "not authenticated: timestamp outside ±1m30s: check the sender's clock"},
		{time.Hour, -time.Hour, ""},
	}
	for _, test := range tests {
		v, err := verify.NewStandardWebhooks(verify.StandardWebhooks{
			Secrets: []*hooks.Value{text(exampleSecret)}, Tolerance: test.tolerance,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := example(exampleV1)
		r.Received = time.Unix(exampleTime, 0).Add(test.late)
		_, err = v.Verify(r)
		if got := errorText(err); got != test.want {
			t.Errorf("tolerance %v, %v late: error is %q, want %q", test.tolerance, test.late, got, test.want)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestRotation: while both are configured, what either secret signed is
// accepted; afterwards only the new one's is.
func TestRotation(t *testing.T) {
	before, after := verify.NewSecret(), verify.NewSecret()
	oldText, newText := secretText(t, before), secretText(t, after)
	_, otherKey, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	otherPublic := "whpk_" + base64.StdEncoding.EncodeToString(otherKey.Public().(ed25519.PublicKey))

	during, err := verify.NewStandardWebhooks(verify.StandardWebhooks{
		Secrets: []*hooks.Value{oldText, newText}, PublicKeys: []string{examplePublicKey, otherPublic},
	})
	if err != nil {
		t.Fatal(err)
	}
	done, err := verify.NewStandardWebhooks(verify.StandardWebhooks{
		Secrets: []*hooks.Value{newText}, PublicKeys: []string{otherPublic},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(exampleTime, 0)
	for _, test := range []struct {
		name      string
		signature string
		stillGood bool
	}{
		{"old secret", sign(t, before), false},
		{"new secret", sign(t, after), true},
		{"both secrets", sign(t, before) + " " + sign(t, after), true},
		{"old key", exampleV1a, false},
		{"new key", verify.SignV1a(otherKey, exampleID, at, []byte(exampleBody)), true},
	} {
		if _, err := during.Verify(example(test.signature)); err != nil {
			t.Errorf("%s: refused during the rotation: %v", test.name, err)
		}
		if _, err := done.Verify(example(test.signature)); (err == nil) != test.stillGood {
			t.Errorf("%s: after the rotation: %v", test.name, err)
		}
	}
}

func secretText(t testing.TB, secret *verify.Secret) *hooks.Value {
	t.Helper()
	value, err := secret.Text()
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func sign(t testing.TB, secret *verify.Secret) string {
	t.Helper()
	signature, err := verify.SignV1(secret, exampleID, time.Unix(exampleTime, 0), []byte(exampleBody))
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

// TestOpenSSLVerifies has OpenSSL check what this package signs.
func TestOpenSSLVerifies(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	message := []byte(exampleID + "." + strconv.Itoa(exampleTime) + "." + exampleBody)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	decode := func(encoded string) []byte {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			t.Fatal(err)
		}
		return decoded
	}
	messageFile := write("message", message)

	key := decode(strings.TrimPrefix(exampleSecret, "whsec_"))
	mac, err := exec.Command(openssl, "dgst", "-sha256", "-mac", "HMAC", "-macopt", "hexkey:"+hex.EncodeToString(key), "-binary", messageFile).Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(mac, decode(strings.TrimPrefix(sign(t, exampleSigningSecret(t)), "v1,"))) {
		t.Error("OpenSSL makes another HMAC")
	}

	// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410, section 4).
	spki := append([]byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, decode(strings.TrimPrefix(examplePublicKey, "whpk_"))...)
	signature := verify.SignV1a(exampleKey(t), exampleID, time.Unix(exampleTime, 0), []byte(exampleBody))
	out, err := exec.Command(openssl, "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", write("key", spki), "-rawin",
		"-in", messageFile, "-sigfile", write("signature", decode(strings.TrimPrefix(signature, "v1a,")))).CombinedOutput()
	if err != nil {
		t.Errorf("OpenSSL refuses the signature: %v\n%s", err, out)
	}
}

func TestNewStandardWebhooksRefuses(t *testing.T) {
	secret := func(n int) *hooks.Value {
		return text("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)))
	}
	secrets := func(values ...*hooks.Value) verify.StandardWebhooks {
		return verify.StandardWebhooks{Secrets: values}
	}
	keys := func(keys ...string) verify.StandardWebhooks { return verify.StandardWebhooks{PublicKeys: keys} }
	wiped := secret(32)
	wiped.Wipe()
	tests := []struct {
		name     string
		settings verify.StandardWebhooks
		want     string
	}{
		{"no key", secrets(), "no secret: set secrets, secret_files, keys or public_keys"},
		{"no prefix", secrets(text("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), "secret 1: signing secret does not begin with whsec_"},
		{"not base64", secrets(text("whsec_***")), "secret 1: signing secret is not whsec_ and padded base64"},
		{"line break", secrets(text(exampleSecret + "\n")), "secret 1: signing secret is not whsec_ and padded base64"},
		{"loose bits", secrets(text("whsec_" + strings.Repeat("A", 42) + "B=")), "secret 1: signing secret is not whsec_ and padded base64"},
		{"short", secrets(secret(24), secret(23)), "secret 2: signing secret has 23 bytes after decoding, 24 to 64 are allowed"},
		{"long", secrets(secret(64), secret(65)), "secret 2: signing secret has 65 bytes after decoding, 24 to 64 are allowed"},
		{"wiped", secrets(wiped), "secret 1: value was wiped"},
		{"many", secrets(make([]*hooks.Value, 9)...), "more than 8 secrets are configured; remove the oldest"},
		{"public key without prefix", keys(strings.TrimPrefix(examplePublicKey, "whpk_")), "public key 1: public key does not begin with whpk_"},
		{"short public key", keys("whpk_AAAA"), "public key 1: public key is not whpk_ and 32 bytes in padded base64"},
		{"private key", keys("whsk_AAAA"), "public key 1: public key does not begin with whpk_"},
		{"tolerance", verify.StandardWebhooks{PublicKeys: []string{examplePublicKey}, Tolerance: time.Hour + 1}, "tolerance is 1h0m0.000000001s; whole seconds from 1s to 1h0m0s are allowed"},
		{"negative tolerance", verify.StandardWebhooks{PublicKeys: []string{examplePublicKey}, Tolerance: -time.Second}, "tolerance is -1s; whole seconds from 1s to 1h0m0s are allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := verify.NewStandardWebhooks(test.settings); errorText(err) != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestSecretText(t *testing.T) {
	secret := verify.NewSecret()
	value := secretText(t, secret)
	again, err := verify.ParseSecret(value)
	if err != nil {
		t.Fatal(err)
	}
	if sign(t, secret) != sign(t, again) {
		t.Error("a secret's text reads as another secret")
	}
	if value.Equal(secretText(t, verify.NewSecret())) {
		t.Error("two new secrets are the same")
	}
	secret.Wipe()
	if _, err := secret.Text(); !errors.Is(err, secretbytes.ErrWiped) {
		t.Errorf("text after Wipe: %v", err)
	}
	if _, err := verify.SignV1(secret, exampleID, time.Unix(0, 0), nil); !errors.Is(err, secretbytes.ErrWiped) {
		t.Errorf("signature after Wipe: %v", err)
	}
}

// FuzzParseSecret: a secret has one text, so Text gives back what was read.
func FuzzParseSecret(f *testing.F) {
	f.Add([]byte(exampleSecret))
	f.Add([]byte("whsec_" + strings.Repeat("A", 42) + "B="))
	f.Add([]byte("whsec_MfKQ9r8GKYqrTwjUPD8I\nLPZIo2LaLaSw"))
	f.Add([]byte("whsk_"))
	f.Fuzz(func(t *testing.T, b []byte) {
		secret, err := verify.ParseSecret(secretbytes.Copy(b))
		if err != nil {
			if secret != nil {
				t.Fatal("refused with a secret")
			}
			return
		}
		if !secretText(t, secret).Equal(secretbytes.Copy(b)) {
			t.Fatalf("%q reads as another text", b)
		}
	})
}

// FuzzStandardWebhooks: whatever is in the headers, Verify accepts only what
// the same keys sign again.
func FuzzStandardWebhooks(f *testing.F) {
	f.Add(exampleID, strconv.Itoa(exampleTime), exampleV1, []byte(exampleBody))
	f.Add(exampleID, strconv.Itoa(exampleTime), exampleV1a, []byte(exampleBody))
	f.Add(exampleID, strconv.Itoa(exampleTime), "v2,AAAA "+exampleV1a+" "+exampleV1, []byte(exampleBody))
	f.Add("", "-0", "v1, v1a, ,", []byte(nil))
	v, secret, key := exampleVerifier(f), exampleSigningSecret(f), exampleKey(f)
	f.Fuzz(func(t *testing.T, id, timestamp, signature string, body []byte) {
		r := example(signature)
		r.Header.Set(verify.IDHeader, id)
		r.Header.Set(verify.TimestampHeader, timestamp)
		r.Body = body
		got, err := v.Verify(r)
		if err != nil {
			if !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
				t.Fatalf("refused with %v and %+v", err, got)
			}
			return
		}
		v1, err := verify.SignV1(secret, id, got.SignedAt, body)
		if err != nil {
			t.Fatal(err)
		}
		v1a := verify.SignV1a(key, id, got.SignedAt, body)
		if !strings.Contains(signature, v1) && !strings.Contains(signature, v1a) {
			t.Fatalf("accepted a signature that neither key makes: %q", signature)
		}
		if got.EventID != id || strconv.FormatInt(got.SignedAt.Unix(), 10) != timestamp {
			t.Fatalf("learned %+v from ID %q and time %q", got, id, timestamp)
		}
	})
}
