package verify_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

const sharedSecret = "a shared secret of some length"

func mac(newHash func() hash.Hash, secret, message string) []byte {
	h := hmac.New(newHash, []byte(secret))
	h.Write([]byte(message))
	return h.Sum(nil)
}

// signedAll is a configuration that signs everything, and what it signs.
var signedAll = verify.HMAC{
	Header: "x-signature", Algorithm: "sha512", Encoding: "base64", Prefix: "v0=", TimestampHeader: "x-time", TimestampFormat: "rfc3339",
	Signed: []string{"text:v0:", "timestamp", "text: ", "method", "text: ", "target", "text:\n", "header:x-delivery", "text:\n", "body"},
}

const signedAllMessage = "v0:2026-01-01T00:00:00Z POST /v1/hooks/vault?secret=prod%2Fdb\nd-1\n{}"

func (s scheme) with(settings verify.HMAC, ok func(hooks.Verifier, error) hooks.Verifier) scheme {
	settings.Keys = keys(sharedSecret)
	s.verifier = ok(verify.NewHMAC(settings))
	return s
}

func hmacSchemes(t testing.TB) []scheme {
	ok, at := must(t), time.Unix(receivedAt, 0)
	all, hub, own := mac(sha512.New, sharedSecret, signedAllMessage), mac(sha512.New384, sharedSecret, "{}"), mac(sha256.New, sharedSecret, "1767225600123{}")
	return []scheme{
		scheme{
			name: "hmac/everything", request: post(t, "{}", "X-Signature", "v0="+base64.StdEncoding.EncodeToString(all), "X-Time", "2026-01-01T00:00:00Z", "X-Delivery", "d-1"),
			credential: []string{"X-Signature", "X-Time", "X-Delivery"}, signsURL: true, signsMethod: true,
			want: hooks.Verified{Signed: true, SignedAt: at.UTC(), Signature: hex.EncodeToString(all)},
		}.with(signedAll, ok),
		scheme{
			name: "hmac/sha384", request: post(t, "{}", "X-Signature", hex.EncodeToString(hub)), credential: []string{"X-Signature"},
			want: hooks.Verified{Signed: true}, same: hexFrom(0),
		}.with(verify.HMAC{Header: "X-Signature", Algorithm: "sha384"}, ok),
		scheme{
			name: "hmac/base64url", request: post(t, "{}", "X-Signature", base64.RawURLEncoding.EncodeToString(own), "X-Time", "1767225600123"), credential: []string{"X-Signature", "X-Time"},
			want: hooks.Verified{Signed: true, SignedAt: time.UnixMilli(1767225600123), Signature: hex.EncodeToString(own)},
		}.with(verify.HMAC{Header: "X-Signature", Encoding: "base64url", Signed: []string{"timestamp", "body"}, TimestampHeader: "X-Time", TimestampFormat: "ms"}, ok),
	}
}

func TestNewHMACRefuses(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings verify.HMAC
		want     string
	}{
		{"no header", verify.HMAC{}, "header is not the name of a header: letters, digits and hyphens"},
		{"header with a space", verify.HMAC{Header: "X Signature"}, "header is not the name of a header: letters, digits and hyphens"},
		{"SHA-1", verify.HMAC{Header: "X", Algorithm: "sha1"}, "algorithm is none of sha256, sha384 and sha512"},
		{"encoding", verify.HMAC{Header: "X", Encoding: "base32"}, "encoding is none of hex, base64 and base64url"},
		{"word", verify.HMAC{Header: "X", Signed: []string{"body", "query"}}, "signed: part 2 is none of body, timestamp, method, path, target, header:NAME and text:TEXT"},
		{"text without text", verify.HMAC{Header: "X", Signed: []string{"text:", "body"}}, "signed: part 1 has no text behind its colon"},
		{"body with text", verify.HMAC{Header: "X", Signed: []string{"body:"}}, "signed: part 1 takes nothing behind a colon"},
		{"header without name", verify.HMAC{Header: "X", Signed: []string{"header:", "text:.", "body"}}, "signed: part 1 is not the name of a header: letters, digits and hyphens"},
		{"no body", verify.HMAC{Header: "X", Signed: []string{"method"}}, "signed: needs the part body exactly once"},
		{"two bodies", verify.HMAC{Header: "X", Signed: []string{"body", "text:.", "body"}}, "signed: needs the part body exactly once"},
		{"header beside the body", verify.HMAC{Header: "X", Signed: []string{"header:Y", "body"}}, "signed: part 1 needs a text between it and what is signed towards the body"},
		{"target behind the body", verify.HMAC{Header: "X", Signed: []string{"body", "target"}}, "signed: part 2 needs a text between it and what is signed towards the body"},
		{"many", verify.HMAC{Header: "X", Signed: make([]string, 17)}, "signed: has more than 16 parts"},
		{"time unsigned", verify.HMAC{Header: "X", TimestampHeader: "Y"}, "timestamp_header and the part timestamp of signed go together: a time that is not signed proves nothing"},
		{"time from nowhere", verify.HMAC{Header: "X", Signed: []string{"timestamp", "body"}}, "timestamp_header and the part timestamp of signed go together: a time that is not signed proves nothing"},
		{"tolerance of nothing", verify.HMAC{Header: "X", Tolerance: time.Minute}, "timestamp_format and tolerance go with timestamp_header only"},
		{"format", verify.HMAC{Header: "X", Signed: []string{"timestamp", "body"}, TimestampHeader: "Y", TimestampFormat: "us"}, "timestamp_format is none of s, ms and rfc3339"},
		{"name of the time", verify.HMAC{Header: "X", Signed: []string{"timestamp", "body"}, TimestampHeader: ":"}, "timestamp_header is not the name of a header: letters, digits and hyphens"},
		{"tolerance", verify.HMAC{Header: "X", Signed: []string{"timestamp", "body"}, TimestampHeader: "Y", Tolerance: 2 * time.Hour}, "tolerance is 2h0m0s; whole seconds from 1s to 1h0m0s are allowed"},
		{"no secret", verify.HMAC{Header: "X"}, "no secret: set secrets, secret_files or keys"},
		{"short secret", verify.HMAC{Header: "X", Keys: keys("seven..")}, "secret 1: has 7 bytes, 8 to 1024 are allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v, err := verify.NewHMAC(test.settings); errorText(err) != test.want || v != nil {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

// TestSignedPartsComeApart: nobody moves bytes from one signed part to another.
func TestSignedPartsComeApart(t *testing.T) {
	ok := must(t)
	for _, test := range []struct {
		signed                 []string
		header, body           string
		otherHeader, otherBody string
	}{
		{signed: []string{"header:Y", "text:.", "body"}, header: "a", body: "b.c", otherHeader: "a.b", otherBody: "c"},
		{signed: []string{"body", "text:.", "header:Y"}, header: "c", body: "a.b", otherHeader: "b.c", otherBody: "a"},
		{signed: []string{"header:Y", "text:aa", "body"}, header: "x", body: "ab", otherHeader: "xa", otherBody: "b"},
		{signed: []string{"body", "text:aa", "header:Y"}, header: "x", body: "ba", otherHeader: "ax", otherBody: "b"},
	} {
		v := ok(verify.NewHMAC(verify.HMAC{Header: "X", Signed: test.signed, Keys: keys(sharedSecret)}))
		concatenated := func(header, body string) string {
			var all strings.Builder
			for _, part := range test.signed {
				kind, argument, _ := strings.Cut(part, ":")
				all.WriteString(map[string]string{"header": header, "body": body, "text": argument}[kind])
			}
			return all.String()
		}
		signature := hex.EncodeToString(mac(sha256.New, sharedSecret, concatenated(test.header, test.body)))
		if concatenated(test.header, test.body) != concatenated(test.otherHeader, test.otherBody) {
			t.Fatalf("%q: the test's two requests are not signed alike", test.signed)
		}
		if _, err := v.Verify(post(t, test.body, "X", signature, "Y", test.header)); err != nil {
			t.Errorf("%q: %v", test.signed, err)
		}
		_, err := v.Verify(post(t, test.otherBody, "X", signature, "Y", test.otherHeader))
		if !errors.Is(err, hooks.ErrUnauthenticated) {
			t.Errorf("%q: with bytes moved: %v", test.signed, err)
		}
	}
}

func TestHMACTimes(t *testing.T) {
	ok := must(t)
	for _, test := range []struct {
		format, sent string
		want         string
	}{
		{"s", "1767225300", ""},
		{"s", "1767225900", ""},
		{"s", "1767225299", "not authenticated: timestamp outside ±5m: check the sender's clock"},
		{"s", "1767225901", "not authenticated: timestamp outside ±5m: check the sender's clock"},
		{"s", "01767225600", "not authenticated: header X-Time is not decimal seconds since 1970"},
		{"s", "+1767225600", "not authenticated: header X-Time is not decimal seconds since 1970"},
		{"s", "", "not authenticated: header X-Time is not decimal seconds since 1970"},
		{"s", "1767225600000000", "not authenticated: header X-Time is not decimal seconds since 1970"},
		{"ms", "1767225600000", ""},
		{"ms", "1767225600", "not authenticated: timestamp outside ±5m: check the sender's clock"},
		{"ms", "1767225600.0", "not authenticated: header X-Time is not decimal milliseconds since 1970"},
		{"rfc3339", "2026-01-01T00:00:00Z", ""},
		{"rfc3339", "2026-01-01T02:00:00.123+02:00", ""},
		{"rfc3339", "2026-01-01 00:00:00", "not authenticated: header X-Time is not a time of RFC 3339"},
		{"rfc3339", "0001-01-01T00:00:00Z", "not authenticated: header X-Time is not a time of RFC 3339"},
	} {
		v := ok(verify.NewHMAC(verify.HMAC{Header: "X", Keys: keys(sharedSecret), Signed: []string{"timestamp", "text:.", "body"}, TimestampHeader: "x-time", TimestampFormat: test.format}))
		signature := hex.EncodeToString(mac(sha256.New, sharedSecret, test.sent+".{}"))
		if _, err := v.Verify(post(t, "{}", "X", signature, "X-Time", test.sent)); errorText(err) != test.want {
			t.Errorf("%s %q: %v, want %q", test.format, test.sent, err, test.want)
		}
	}
}

// TestSignatureIdentifies: what identifies a signed message stays the same when
// whoever sends it again leaves out one of its signatures, or writes it in
// another way.
func TestSignatureIdentifies(t *testing.T) {
	v := must(t)(verify.NewStripe(keys("old secret", "new secret"), 0))
	sign := func(secret string) string {
		return ",v1=" + hex.EncodeToString(mac(sha256.New, secret, "1767225600."+stripeBody))
	}
	old, fresh := sign("old secret"), sign("new secret")
	identities := map[string]bool{}
	for _, signature := range []string{old + fresh, fresh + old, old, fresh, strings.ToUpper(fresh[len(",v1="):]), ",v0=00" + fresh} {
		if !strings.HasPrefix(signature, ",") {
			signature = ",v1=" + signature
		}
		got, err := v.Verify(post(t, stripeBody, "Stripe-Signature", "t=1767225600"+signature))
		if err != nil {
			t.Errorf("%s: %v", signature, err)
		}
		identities[got.Signature] = true
	}
	if len(identities) != 1 {
		t.Errorf("one message has %d identities: %v", len(identities), identities)
	}
}

func TestPresetsRefuse(t *testing.T) {
	ok := must(t)
	stripe := ok(verify.NewStripe(keys("whsec_test"), time.Minute))
	infisical := ok(verify.NewInfisical(keys("dummy-key"), time.Minute))
	gitHub := ok(verify.NewGitHub(keys("It's a Secret to Everybody")))
	sign := func(body string) string { return hex.EncodeToString(mac(sha256.New, "dummy-key", body)) }
	const (
		noMatch = "not authenticated: no signature matches: check the secret"
		hub     = `not authenticated: header X-Hub-Signature-256 is not "sha256=" and a signature in the source's encoding`
		form    = "not authenticated: header X-Infisical-Signature is not t=MILLISECONDS;HEX"
		other   = "not authenticated: t of header X-Infisical-Signature is not the signed body's timestamp"
		once    = "not authenticated: header Stripe-Signature does not have t exactly once"
		stale   = "not authenticated: timestamp outside ±1m: check the sender's clock"
	)
	noTime, oldTime, textTime := `{"event":"test"}`, `{"timestamp":1767225539000}`, `{"timestamp":"1767225600000"}`
	for _, test := range []struct {
		name           string
		verifier       hooks.Verifier
		header, value  string
		body, want     string
		receivedLaterS int64
	}{
		{"github: SHA-1", gitHub, "X-Hub-Signature-256", "sha1=" + gitHubSignature[7:], "Hello, World!", hub, 0},
		{"github: no prefix", gitHub, "X-Hub-Signature-256", gitHubSignature[7:], "Hello, World!", hub, 0},
		{"github: half a signature", gitHub, "X-Hub-Signature-256", gitHubSignature[:39], "Hello, World!", noMatch, 0},
		{"github: odd digits", gitHub, "X-Hub-Signature-256", gitHubSignature[:38], "Hello, World!", hub, 0},
		{"github: empty", gitHub, "X-Hub-Signature-256", "sha256=", "Hello, World!", noMatch, 0},
		{"stripe: no t", stripe, "Stripe-Signature", "v1=" + stripeMAC, stripeBody, once, 0},
		{"stripe: two t", stripe, "Stripe-Signature", stripeSignature + ",t=1767225600", stripeBody, once, 0},
		{"stripe: no v1", stripe, "Stripe-Signature", "t=1767225600,v0=" + stripeMAC, stripeBody, noMatch, 0},
		{"stripe: other time", stripe, "Stripe-Signature", "t=1767225601,v1=" + stripeMAC, stripeBody, noMatch, 0},
		{"stripe: many", stripe, "Stripe-Signature", stripeSignature + strings.Repeat(",v1=", 15), stripeBody, "not authenticated: header Stripe-Signature has more than 16 elements", 0},
		{"stripe: late", stripe, "Stripe-Signature", stripeSignature, stripeBody, stale, 61},
		{"infisical: as Stripe", infisical, "X-Infisical-Signature", "t=1767225600000,v1=" + infisicalMAC, infisicalBody, form, 0},
		{"infisical: no t", infisical, "X-Infisical-Signature", infisicalMAC, infisicalBody, form, 0},
		{"infisical: other time", infisical, "X-Infisical-Signature", "t=1767225600001;" + infisicalMAC, infisicalBody, other, 0},
		{"infisical: seconds", infisical, "X-Infisical-Signature", "t=1767225600;" + infisicalMAC, infisicalBody, other, 0},
		{"infisical: no time", infisical, "X-Infisical-Signature", "t=1767225600000;" + sign(noTime), noTime, other, 0},
		{"infisical: empty time", infisical, "X-Infisical-Signature", "t=;" + sign(noTime), noTime, "not authenticated: t of header X-Infisical-Signature is not decimal milliseconds since 1970", 0},
		{"infisical: time as text", infisical, "X-Infisical-Signature", "t=1767225600000;" + sign(textTime), textTime, other, 0},
		{"infisical: not JSON", infisical, "X-Infisical-Signature", "t=1767225600000;" + sign("x"), "x", "not authenticated: the signed body is not JSON, so that its time cannot be checked", 0},
		{"infisical: forged and not JSON", infisical, "X-Infisical-Signature", "t=1767225600000;" + infisicalMAC, "x", noMatch, 0},
		{"infisical: old", infisical, "X-Infisical-Signature", "t=1767225539000;" + sign(oldTime), oldTime, stale, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := post(t, test.body, test.header, test.value)
			r.Received = r.Received.Add(time.Duration(test.receivedLaterS) * time.Second)
			if got, err := test.verifier.Verify(r); errorText(err) != test.want || got != (hooks.Verified{}) {
				t.Errorf("%+v, %v; want %s", got, err, test.want)
			}
		})
	}
}

// TestDeliveryIDIsNotSigned: another X-GitHub-Delivery makes no other event.
func TestDeliveryIDIsNotSigned(t *testing.T) {
	v := must(t)(verify.NewGitHub(keys("It's a Secret to Everybody")))
	for _, id := range []string{"1", "2"} {
		got, err := v.Verify(post(t, "Hello, World!", "X-Hub-Signature-256", gitHubSignature, "X-GitHub-Delivery", id))
		if err != nil || got != (hooks.Verified{Signed: true}) {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

// FuzzHMAC: whatever the request says, what is accepted is what the secret signs
// again.
func FuzzHMAC(f *testing.F) {
	settings := signedAll
	settings.Keys = keys(sharedSecret)
	v := must(f)(verify.NewHMAC(settings))
	f.Add("v0="+base64.StdEncoding.EncodeToString(mac(sha512.New, sharedSecret, signedAllMessage)), "2026-01-01T00:00:00Z", "d-1", []byte("{}"))
	f.Add("v0=AA==", "2026-01-01T00:00:00+00:00", "\n", []byte(nil))
	f.Add("", "", "", []byte("\n"))
	f.Fuzz(func(t *testing.T, signature, at, delivery string, body []byte) {
		r := post(t, string(body))
		r.Header = http.Header{"X-Signature": {signature}, "X-Time": {at}, "X-Delivery": {delivery}}
		got, err := v.Verify(r)
		if err != nil {
			if !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
				t.Fatalf("refused with %v and %+v", err, got)
			}
			return
		}
		signed := "v0:" + at + " POST /v1/hooks/vault?secret=prod%2Fdb\n" + delivery + "\n" + string(body)
		if got.Signature != hex.EncodeToString(mac(sha512.New, sharedSecret, signed)) {
			t.Fatalf("accepted what the secret does not sign: %+v", got)
		}
	})
}

// FuzzTimedHeaders: the headers of Stripe and Infisical, with the same promise.
func FuzzTimedHeaders(f *testing.F) {
	ok := must(f)
	stripe, infisical := ok(verify.NewStripe(keys("dummy-key"), 0)), ok(verify.NewInfisical(keys("dummy-key"), 0))
	f.Add(infisicalSignature, []byte(infisicalBody))
	f.Add("t=1767225600,v1="+hex.EncodeToString(mac(sha256.New, "dummy-key", "1767225600.{}")), []byte("{}"))
	f.Add("t=,v1=,t", []byte(`{"timestamp":1}`))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		for name, check := range map[string]struct {
			verifier hooks.Verifier
			signed   func(at time.Time) string
		}{
			"Stripe-Signature":      {stripe, func(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) + "." + string(body) }},
			"X-Infisical-Signature": {infisical, func(time.Time) string { return string(body) }},
		} {
			r := post(t, string(body))
			r.Header = http.Header{name: {header}}
			got, err := check.verifier.Verify(r)
			if err != nil {
				if !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
					t.Fatalf("refused with %v and %+v", err, got)
				}
				continue
			}
			if want := hex.EncodeToString(mac(sha256.New, "dummy-key", check.signed(got.SignedAt))); got.Signature != want {
				t.Fatalf("%s: accepted %q", name, header)
			}
		}
	})
}
