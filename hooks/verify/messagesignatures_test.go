package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// The keys of RFC 9421, appendix B.1.
const (
	rfcRSA = `-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr4tmm3r20Wd/PbqvP1s2
+QEtvpuRaV8Yq40gjUR8y2Rjxa6dpG2GXHbPfvMs8ct+Lh1GH45x28Rw3Ry53mm+
oAXjyQ86OnDkZ5N8lYbggD4O3w6M6pAvLkhk95AndTrifbIFPNU8PPMO7OyrFAHq
gDsznjPFmTOtCEcN2Z1FpWgchwuYLPL+Wokqltd11nqqzi+bJ9cvSKADYdUAAN5W
Utzdpiy6LbTgSxP7ociU4Tn0g5I6aDZJ7A8Lzo0KSyZYoA485mqcO0GVAdVw9lq4
aOT9v6d+nb4bnNkQVklLQ3fVAvJm+xdDOp9LCNCN48V2pnDOkFV6+U9nV5oyc6XI
2wIDAQAB
-----END PUBLIC KEY-----
`
	rfcP256 = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqIVYZVLCrPZHGHjP17CTW0/+D9Lf
w0EkjqF7xB4FivAxzic30tMM4GF+hR6Dxh71Z50VGGdldkkDXZCnTNnoXQ==
-----END PUBLIC KEY-----
`
	rfcEd25519 = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=
-----END PUBLIC KEY-----
`
	rfcSecret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
	rfcTime   = 1618884473
)

// The signature of RFC 9421, appendix B.2.3.
const (
	b23Input     = `sig-b23=("date" "@method" "@path" "@query" "@authority" "content-type" "content-digest" "content-length");created=1618884473;keyid="test-key-rsa-pss"`
	b23Signature = "sig-b23=:bbN8oArOxYoyylQQUU6QYwrTuaxLwjAC9fbY2F6SVWvh0yBiMIRGOnMYwZ/5MR6fb0Kh1rIRASVxFkeGt683+qRpRRU5p2voTp768ZrCUb38K0fUxN0O0iC59DzYx8DFll5GmydPxSmme9v6ULbMFkl+V5B1TP/yPViV7KsLNmvKiLJH1pFkh/aYA2HXXZzNBXmIkoQoLd7YfW91kE9o/CCoC1xMy7JA1ipwvKvfrs65ldmlu9bpG6A9BmzhuzF8Eim5f8ui9eH8LZH896+QIF61ka39VBrohr9iyMUJpvRX2Zbhl5ZJzSRxpJyoEZAFL2FUo5fTIztsDZKEgM4cUA==:"
)

// rfcRequest is the request of RFC 9421, appendix B.2, with a signature.
func rfcRequest(t testing.TB, input, signature string) *hooks.Request {
	t.Helper()
	where, err := url.Parse("https://example.com/foo?param=Value&Pet=dog")
	if err != nil {
		t.Fatal(err)
	}
	r := &hooks.Request{Method: http.MethodPost, URL: where, Header: http.Header{}, Body: []byte(`{"hello": "world"}`), Received: time.Unix(rfcTime, 0)}
	for name, value := range map[string]string{
		"Date": "Tue, 20 Apr 2021 02:07:55 GMT", "Content-Type": "application/json", "Content-Length": "18",
		"Content-Digest":  "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:",
		"Signature-Input": input, "Signature": signature,
	} {
		r.Header.Set(name, value)
	}
	return r
}

func secretOf(t testing.TB) string {
	t.Helper()
	secret, err := base64.StdEncoding.DecodeString(rfcSecret)
	if err != nil {
		t.Fatal(err)
	}
	return string(secret)
}

// TestRFC9421Vectors has the signatures of RFC 9421, appendix B.2, verified as
// such, and then as those of a source, which cover too little for that but for
// one.
func TestRFC9421Vectors(t *testing.T) {
	const (
		noMethod  = "not authenticated: the signature does not cover @method"
		noURL     = "not authenticated: the signature covers neither @target-uri nor @authority, @path and, with a query, @query"
		component = "not authenticated: header Signature-Input has something else than names of components without parameters, each once, the parameters created and keyid, and at most expires, nonce, alg and tag"
		digest    = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"
	)
	for _, test := range []struct {
		name, algorithm, key, keyID, input, signature, base, want string
	}{
		{
			"B.2.1", "rsa-pss-sha512", rfcRSA, "test-key-rsa-pss",
			`sig-b21=();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`,
			"sig-b21=:d2pmTvmbncD3xQm8E9ZV2828BjQWGgiwAaw5bAkgibUopemLJcWDy/lkbbHAve4cRAtx31Iq786U7it++wgGxbtRxf8Udx7zFZsckzXaJMkA7ChG52eSkFxykJeNqsrWH5S+oxNFlD4dzVuwe8DhTSja8xxbR/Z2cOGdCbzR72rgFWhzx2VjBqJzsPLMIQKhO4DGezXehhWwE56YCE+O6c0mKZsfxVrogUvA4HELjVKWmAvtl6UnCh8jYzuVG5WSb/QEVPnP5TmcAnLH1g+s++v6d4s8m0gCw1fV5/SITLq9mhho8K3+7EPYTU8IU1bLhdxO5Nyt8C8ssinQ98Xw9Q==:",
			`"@signature-params": ();created=1618884473;keyid="test-key-rsa-pss";nonce="b3k2pp5k7z-50gnwp.yemd"`, noMethod,
		},
		{
			"B.2.2", "rsa-pss-sha512", rfcRSA, "test-key-rsa-pss",
			`sig-b22=("@authority" "content-digest" "@query-param";name="Pet");created=1618884473;keyid="test-key-rsa-pss";tag="header-example"`,
			"sig-b22=:LjbtqUbfmvjj5C5kr1Ugj4PmLYvx9wVjZvD9GsTT4F7GrcQEdJzgI9qHxICagShLRiLMlAJjtq6N4CDfKtjvuJyE5qH7KT8UCMkSowOB4+ECxCmT8rtAmj/0PIXxi0A0nxKyB09RNrCQibbUjsLS/2YyFYXEu4TRJQzRw1rLEuEfY17SARYhpTlaqwZVtR8NV7+4UKkjqpcAoFqWFQh62s7Cl+H2fjBSpqfZUJcsIk4N6wiKYd4je2U/lankenQ99PZfB4jY3I5rSV2DSBVkSFsURIjYErOs0tFTQosMTAoxk//0RoKUqiYY8Bh0aaUEb0rQl3/XaVe4bXTugEjHSw==:",
			"", component,
		},
		{
			"B.2.3", "rsa-pss-sha512", rfcRSA, "test-key-rsa-pss", b23Input, b23Signature,
			"\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@query\": ?param=Value&Pet=dog\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-digest\": " + digest + "\n\"content-length\": 18\n\"@signature-params\": " + b23Input[len("sig-b23="):], "",
		},
		{
			"B.2.5", "hmac-sha256", secretOf(t), "test-shared-secret",
			`sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"`,
			"sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:",
			"\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n\"@signature-params\": (\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"", noMethod,
		},
		{
			"B.2.6", "ed25519", rfcEd25519, "test-key-ed25519",
			`sig-b26=("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`,
			"sig-b26=:wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:",
			"\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"", noURL,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := rfcRequest(t, test.input, test.signature)
			base, ok, err := verify.CheckSignatureForTest(r, test.algorithm, []byte(test.key))
			if base != test.base || ok != (test.base != "") || (err == nil) != ok {
				t.Errorf("signature is good: %t, %v; of\n%s", ok, err, base)
			}
			v := must(t)(verify.NewMessageSignatures(verify.MessageSignatures{Keys: []verify.SignatureKey{{ID: test.keyID, Algorithm: test.algorithm, Key: keys(test.key)[0]}}}))
			if _, err := v.Verify(r); errorText(err) != test.want {
				t.Errorf("as that of a source: %v, want %q", err, test.want)
			}
		})
	}
}

// TestRFC9421Transformations has RFC 9421, appendix B.4: what may happen to a
// request on its way, and what not.
func TestRFC9421Transformations(t *testing.T) {
	const (
		input     = `transform=("@method" "@path" "@authority" "accept");created=1618884473;keyid="test-key-ed25519"`
		signature = "transform=:ZT1kooQsEHpZ0I1IjCqtQppOmIqlJPeo7DHR3SoMn0s5JZ1eRGS0A+vyYP9t/LXlh5QMFFQ6cpLt2m0pmj3NDA==:"
	)
	accept := []string{"application/json", "*/*"}
	for _, test := range []struct {
		name, method, url string
		accept            []string
		want              bool
	}{
		{"as sent", "GET", "https://example.org/demo?name1=Value1&Name2=value2", accept, true},
		{"query added", "GET", "https://example.org/demo?name1=Value1&Name2=value2&param=added", accept, true},
		{"lines joined", "GET", "https://example.org/demo?name1=Value1&Name2=value2", []string{"application/json, */*"}, true},
		{"spaces around", "GET", "https://example.org/demo", []string{" application/json\t", "*/* "}, true},
		{"host in capitals, with its port", "GET", "https://EXAMPLE.org:443/demo", accept, true},
		{"other method and host", "POST", "https://example.com/demo?name1=Value1&Name2=value2", accept, false},
		{"lines exchanged", "GET", "https://example.org/demo?name1=Value1&Name2=value2", []string{"*/*", "application/json"}, false},
		{"other port", "GET", "https://example.org:80/demo", accept, false},
		{"other path", "GET", "https://example.org/demo/", accept, false},
	} {
		where, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		r := &hooks.Request{Method: test.method, URL: where, Header: http.Header{"Signature-Input": {input}, "Signature": {signature}, "Accept": test.accept}}
		if _, ok, err := verify.CheckSignatureForTest(r, "ed25519", []byte(rfcEd25519)); ok != test.want || err != nil {
			t.Errorf("%s: %t, %v", test.name, ok, err)
		}
	}
}

// TestRFC9421Response verifies the signature of RFC 9421, appendix B.2.4. It is
// that of a response, so that its base is written here.
func TestRFC9421Response(t *testing.T) {
	base := "\"@status\": 200\n\"content-type\": application/json\n\"content-digest\": sha-512=:mEWXIS7MaLRuGgxOBdODa3xqM1XdEvxoYhvlCFJ41QJgJc4GTsPp29l5oGX69wWdXymyU0rjJuahq4l5aGgfLQ==:\n\"content-length\": 23\n\"@signature-params\": (\"@status\" \"content-type\" \"content-digest\" \"content-length\");created=1618884473;keyid=\"test-key-ecc-p256\""
	signature, err := base64.StdEncoding.DecodeString("wNmSUAhwb5LxtOtOpNa6W5xj067m5hFrj0XQ4fvpaCLx0NKocgPquLgyahnzDnDAUy5eCdlYUEkLIj+32oiasw==")
	if err != nil {
		t.Fatal(err)
	}
	if !verify.VerifyForTest(t, "ecdsa-p256-sha256", []byte(rfcP256), []byte(base), signature) {
		t.Error("the signature is refused")
	}
	if verify.VerifyForTest(t, "ecdsa-p256-sha256", []byte(rfcP256), []byte(base+" "), signature) {
		t.Error("the signature is one of another text")
	}
}

// signer makes signatures with a key of its own.
type signer struct {
	algorithm string
	// key is what a source has of it.
	key  string
	sign func(base []byte) []byte
}

// signers are one for each algorithm.
var signers = sync.OnceValue(func() []signer {
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	public := func(key any) string {
		der, err := x509.MarshalPKIXPublicKey(key)
		check(err)
		return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	edPublic, ed, err := ed25519.GenerateKey(nil)
	check(err)
	pss, err := rsa.GenerateKey(rand.Reader, 2048)
	check(err)
	ec := func(algorithm string, curve elliptic.Curve, hash crypto.Hash) signer {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		check(err)
		return signer{algorithm, public(key.Public()), func(base []byte) []byte {
			h := hash.New()
			h.Write(base)
			r, s, err := ecdsa.Sign(rand.Reader, key, h.Sum(nil))
			check(err)
			size := (curve.Params().BitSize + 7) / 8
			return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
		}}
	}
	return []signer{
		{"ed25519", public(edPublic), func(base []byte) []byte { return ed25519.Sign(ed, base) }},
		ec("ecdsa-p256-sha256", elliptic.P256(), crypto.SHA256),
		ec("ecdsa-p384-sha384", elliptic.P384(), crypto.SHA384),
		{"rsa-pss-sha512", public(pss.Public()), func(base []byte) []byte {
			sum := sha512.Sum512(base)
			signature, err := rsa.SignPSS(rand.Reader, pss, crypto.SHA512, sum[:], &rsa.PSSOptions{SaltLength: 64})
			check(err)
			return signature
		}},
		{"hmac-sha256", sharedSecret, func(base []byte) []byte { return mac(sha256.New, sharedSecret, string(base)) }},
	}
})

const (
	signedComponents = `("@method" "@target-uri" "content-digest")`
	signedParams     = `;created=1767225600;keyid="k";nonce="n-1";alg="%s"`
)

// messageSigned is a request that a signer has signed in full.
func messageSigned(t testing.TB, s signer, body string) *hooks.Request {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	return signedBase(t, s, body, digest, "\"@method\": POST\n\"@target-uri\": "+sourceURL+"\n\"content-digest\": "+digest+"\n", signedComponents+fmt.Sprintf(signedParams, s.algorithm))
}

// signedBase is a request with the signature of the lines and of the params.
func signedBase(t testing.TB, s signer, body, digest, lines, params string) *hooks.Request {
	t.Helper()
	signature := s.sign([]byte(lines + `"@signature-params": ` + params))
	r := post(t, body, "Signature-Input", "sig="+params, "Signature", "sig=:"+base64.StdEncoding.EncodeToString(signature)+":")
	if digest != "" {
		r.Header.Set("Content-Digest", digest)
	}
	return r
}

func messageVerifier(t testing.TB, s signer) hooks.Verifier {
	return must(t)(verify.NewMessageSignatures(verify.MessageSignatures{Keys: []verify.SignatureKey{{ID: "k", Algorithm: s.algorithm, Key: keys(s.key)[0]}}}))
}

func messageSchemes(t testing.TB) []scheme {
	var out []scheme
	for _, s := range signers() {
		r := messageSigned(t, s, `{"secret":"prod/db","value":"x"}`)
		signature := strings.Trim(r.Header.Get("Signature")[len("sig="):], ":")
		if strings.HasPrefix(s.algorithm, "ecdsa") {
			signature = smaller(t, signature, s.algorithm)
		}
		out = append(out, scheme{
			name: "http-message-signatures/" + s.algorithm, verifier: messageVerifier(t, s), request: r, credential: []string{"Signature-Input", "Signature", "Content-Digest"},
			want: hooks.Verified{Signed: true, SignedAt: time.Unix(receivedAt, 0), Signature: signature}, signsURL: true, signsMethod: true,
		})
	}
	return append(out, scheme{
		name: "http-message-signatures/B.2.3", request: rfcRequest(t, b23Input, b23Signature), credential: []string{"Signature-Input", "Signature", "Content-Digest", "Date", "Content-Type", "Content-Length"},
		verifier: must(t)(verify.NewMessageSignatures(verify.MessageSignatures{Keys: []verify.SignatureKey{{ID: "test-key-rsa-pss", Algorithm: "rsa-pss-sha512", Key: keys(rfcRSA)[0]}}})),
		want:     hooks.Verified{Signed: true, SignedAt: time.Unix(rfcTime, 0), Signature: strings.Trim(b23Signature[len("sig-b23="):], ":")}, signsURL: true, signsMethod: true,
	})
}

func curveOf(algorithm string) elliptic.Curve {
	if algorithm == "ecdsa-p384-sha384" {
		return elliptic.P384()
	}
	return elliptic.P256()
}

// negated is the other signature that is as valid: r and -s.
func negated(t testing.TB, signature []byte, algorithm string) []byte {
	t.Helper()
	half := len(signature) / 2
	s := new(big.Int).SetBytes(signature[half:])
	return append(append([]byte(nil), signature[:half]...), s.Sub(curveOf(algorithm).Params().N, s).FillBytes(make([]byte, half))...)
}

// smaller is the signature, or its negated one, whichever has the smaller s.
func smaller(t testing.TB, encoded, algorithm string) string {
	t.Helper()
	signature, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	if other := negated(t, signature, algorithm); string(other) < string(signature) {
		signature = other
	}
	return base64.StdEncoding.EncodeToString(signature)
}

// TestECDSAIdentity: the other signature that anybody can make of an ECDSA
// signature is of the same message.
func TestECDSAIdentity(t *testing.T) {
	for _, s := range signers() {
		if !strings.HasPrefix(s.algorithm, "ecdsa") {
			continue
		}
		v, r := messageVerifier(t, s), messageSigned(t, s, "{}")
		first, err := v.Verify(r)
		if err != nil {
			t.Fatal(err)
		}
		signature, err := base64.StdEncoding.DecodeString(strings.Trim(r.Header.Get("Signature")[len("sig="):], ":"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Signature", "sig=:"+base64.StdEncoding.EncodeToString(negated(t, signature, s.algorithm))+":")
		second, err := v.Verify(r)
		if err != nil || first != second {
			t.Errorf("%s: %+v and %+v, %v", s.algorithm, first, second, err)
		}
	}
}

func TestMessageSignaturesRefuse(t *testing.T) {
	ed := signers()[0]
	v := messageVerifier(t, ed)
	digest := func(body string) string {
		sum := sha256.Sum256([]byte(body))
		return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	}
	const (
		one        = "not authenticated: header Signature-Input does not have exactly one signature"
		value      = "not authenticated: header Signature is not one signature, padded base64 between colons, with the label that it has in Signature-Input"
		form       = "not authenticated: header Signature-Input is not in the form of RFC 9651, section 4.1: without needless spaces and repeated parameters"
		components = "not authenticated: header Signature-Input has something else than names of components without parameters, each once, the parameters created and keyid, and at most expires, nonce, alg and tag"
		params     = `;created=1767225600;keyid="k"`
	)
	full := signedComponents + params
	for _, test := range []struct {
		name, input, signature, want string
	}{
		{"two signatures", "sig=" + full + ", two=" + full, "", one},
		{"none", "", "", one},
		{"two values", "sig=" + full, "sig=:AAAA:, two=:AAAA:", value},
		{"not a dictionary", "sig=(", "", one},
		{"long", "sig=" + strings.Repeat(" ", 4096), "", "not authenticated: header Signature-Input has more than 4096 bytes"},
		{"space", "sig=( \"@method\")" + params, "", form},
		{"parameter twice", "sig=" + full + ";created=1767225600", "", form},
		{"leading zero", "sig=" + signedComponents + `;created=01767225600;keyid="k"`, "", form},
		{"loose base64", "sig=" + full, "sig=:AAB=:", value},
		{"other label", "other=" + full, "sig=:AAAA:", value},
		{"item for a list", "sig=1", "", components},
		{"text for bytes", "sig=" + full, `sig="AAAA"`, value},
		{"parameters of the bytes", "sig=" + full, "sig=:AAAA:;x", value},
		{"line break in the bytes", "sig=" + full, "sig=:AA\nAA:", value},
		{"long bytes", "sig=" + full, "sig=:" + strings.Repeat("AAAA", 1024) + ":", value},
		{"component twice", `sig=("@method" "@method")` + params, "", components},
		{"component with a parameter", `sig=("@method" "date";sf)` + params, "", components},
		{"component of a response", `sig=("@status")` + params, "", components},
		{"component in capitals", `sig=("Date")` + params, "", components},
		{"component that is no name", `sig=("da te")` + params, "", components},
		{"component as a token", `sig=(date)` + params, "", components},
		{"no created", `sig=("@method");keyid="k"`, "", components},
		{"created as text", `sig=("@method");created="1767225600";keyid="k"`, "", components},
		{"no keyid", `sig=("@method");created=1767225600`, "", components},
		{"keyid as a number", `sig=("@method");created=1767225600;keyid=1`, "", components},
		{"unknown parameter", "sig=" + full + ";x=1", "", components},
		{"no method", `sig=("@target-uri" "content-digest")` + params, "", "not authenticated: the signature does not cover @method"},
		{"no URL", `sig=("@method" "@path" "@query" "content-digest")` + params, "", "not authenticated: the signature covers neither @target-uri nor @authority, @path and, with a query, @query"},
		{"no query", `sig=("@method" "@authority" "@path" "content-digest")` + params, "", "not authenticated: the signature covers neither @target-uri nor @authority, @path and, with a query, @query"},
		{"no digest", `sig=("@method" "@target-uri")` + params, "", "not authenticated: the signature does not cover content-digest, without which the body is anybody's"},
		{"early", `sig=` + signedComponents + `;created=1767225901;keyid="k"`, "", "not authenticated: timestamp outside ±5m: check the sender's clock"},
		{"late", `sig=` + signedComponents + `;created=1767225299;keyid="k"`, "", "not authenticated: timestamp outside ±5m: check the sender's clock"},
		{"expired", "sig=" + full + ";expires=1767225599", "", "not authenticated: the signature has expired"},
		{"unknown key", `sig=` + signedComponents + `;created=1767225600;keyid="x"`, "", "not authenticated: the signature's keyid is that of none of the source's keys"},
		{"other algorithm", "sig=" + full + `;alg="hmac-sha256"`, "", "not authenticated: the signature's alg is not the algorithm of its key"},
		{"missing header", `sig=("@method" "@target-uri" "content-digest" "date")` + params, "", "not authenticated: the signature covers a header that the request does not have; of Host, it is @authority that is covered"},
		{"other bytes", "sig=" + full, "", "not authenticated: no signature matches: check the secret"},
		{"short signature", "sig=" + full, "sig=:AAAA:", "not authenticated: no signature matches: check the secret"},
	} {
		t.Run(test.name, func(t *testing.T) {
			signature := test.signature
			if signature == "" {
				signature = "sig=:" + base64.StdEncoding.EncodeToString(make([]byte, 64)) + ":"
			}
			r := post(t, "{}", "Signature-Input", test.input, "Signature", signature, "Content-Digest", digest("{}"))
			if got, err := v.Verify(r); errorText(err) != test.want || err != nil && !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
				t.Errorf("%+v, %v; want %s", got, err, test.want)
			}
		})
	}
	for _, test := range []struct{ name, digest, want string }{
		{"SHA-256", digest("{}"), ""},
		{"unknown digest beside it", "md5=:AAAA:, " + digest("{}"), ""},
		{"of another body", digest("{ }"), "not authenticated: the body is not that of header Content-Digest"},
		{"one of two of another body", "sha-512=:AAAA:, " + digest("{}"), "not authenticated: the body is not that of header Content-Digest"},
		{"unknown digest alone", "md5=:AAAA:", "not authenticated: header Content-Digest has neither sha-256 nor sha-512"},
		{"empty", "", "not authenticated: header Content-Digest has neither sha-256 nor sha-512"},
		{"list", "(1)", "not authenticated: header Content-Digest is not a dictionary of digests"},
		{"text", `sha-256="x"`, "not authenticated: the body is not that of header Content-Digest"},
		{"list as a digest", `sha-256=(1)`, "not authenticated: the body is not that of header Content-Digest"},
	} {
		t.Run("digest "+test.name, func(t *testing.T) {
			r := signedBase(t, ed, "{}", "", "\"@method\": POST\n\"@target-uri\": "+sourceURL+"\n\"content-digest\": "+test.digest+"\n", full)
			r.Header.Set("Content-Digest", test.digest)
			if _, err := v.Verify(r); errorText(err) != test.want {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// TestMessageWithoutBody: a request without a body, whose Body is its request
// line, needs no digest; and none can be given a body, or another method.
func TestMessageWithoutBody(t *testing.T) {
	ed := signers()[0]
	v := messageVerifier(t, ed)
	const target = "/v1/hooks/vault?secret=prod%2Fdb"
	params := `("@method" "@authority" "@path" "@query");created=1767225600;keyid="k"`
	request := func(signedFor, method, body string) *hooks.Request {
		r := signedBase(t, ed, body, "", "\"@method\": "+signedFor+"\n\"@authority\": relay.example\n\"@path\": /v1/hooks/vault\n\"@query\": ?secret=prod%2Fdb\n", params)
		r.Method = method
		return r
	}
	for _, test := range []struct {
		signedFor, method, body string
		want                    bool
	}{
		{"GET", "GET", "GET " + target, true},
		{"DELETE", "DELETE", "DELETE " + target, true},
		{"HEAD", "HEAD", "", true},
		{"GET", "DELETE", "DELETE " + target, false},
		{"GET", "GET", "DELETE " + target, false},
		{"DELETE", "DELETE", "{}", false},
		{"POST", "POST", "POST " + target, false},
		{"POST", "POST", "", false},
		{"PUT", "PUT", "PUT " + target, true},
		{"PUT", "PUT", "PUT " + target + "x", false},
	} {
		if _, err := v.Verify(request(test.signedFor, test.method, test.body)); (err == nil) != test.want {
			t.Errorf("%+v: %v", test, err)
		}
	}
	// The digest of no bytes may be covered, and is then that of no bytes.
	sum := sha256.Sum256(nil)
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	r := signedBase(t, ed, "GET "+target, digest, "\"@method\": GET\n\"@target-uri\": "+sourceURL+"\n\"content-digest\": "+digest+"\n", signedComponents+`;created=1767225600;keyid="k"`)
	r.Method = http.MethodGet
	if _, err := v.Verify(r); err != nil {
		t.Errorf("digest of no bytes: %v", err)
	}
}

// TestComponentsOfNoLine: a component that has a line break cannot stand for
// other components.
func TestComponentsOfNoLine(t *testing.T) {
	ed := signers()[0]
	full := `("@method" "@target-uri" "content-digest" "x-a" "x-b");created=1767225600;keyid="k"`
	sum := sha256.Sum256([]byte("{}"))
	digest := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
	r := signedBase(t, ed, "{}", digest, "\"@method\": POST\n\"@target-uri\": "+sourceURL+"\n\"content-digest\": "+digest+"\n\"x-a\": 1\n\"x-b\": 2\n\"x-b\": \n", full)
	r.Header.Set("X-A", "1\n\"x-b\": 2")
	r.Header.Set("X-B", "")
	const want = "not authenticated: a covered component has a line break"
	if _, err := messageVerifier(t, ed).Verify(r); errorText(err) != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestNewMessageSignaturesRefuses(t *testing.T) {
	all := map[string]string{}
	for _, s := range signers() {
		all[s.algorithm] = s.key
	}
	key := func(id, algorithm, value string) verify.SignatureKey {
		return verify.SignatureKey{ID: id, Algorithm: algorithm, Key: keys(value)[0]}
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(weak.Public())
	if err != nil {
		t.Fatal(err)
	}
	const (
		other = "key 1: is not of its algorithm; ed25519, ecdsa-p256-sha256, ecdsa-p384-sha384, rsa-pss-sha512 (2048 to 8192 bits) and hmac-sha256 are known"
		form  = "key 1: is not a public key in PEM: -----BEGIN PUBLIC KEY-----"
	)
	for _, test := range []struct {
		name string
		keys []verify.SignatureKey
		want string
	}{
		{"none", nil, "no key: set keys"},
		{"no ID", []verify.SignatureKey{key("", "ed25519", all["ed25519"])}, "key 1: has no id"},
		{"ID twice", []verify.SignatureKey{key("k", "ed25519", all["ed25519"]), key("k", "ed25519", all["ed25519"])}, "key 2: has the id of another key"},
		{"no algorithm", []verify.SignatureKey{key("k", "", all["ed25519"])}, other},
		{"algorithm of another key", []verify.SignatureKey{key("k", "ecdsa-p256-sha256", all["ed25519"])}, other},
		{"curve of another algorithm", []verify.SignatureKey{key("k", "ecdsa-p384-sha384", all["ecdsa-p256-sha256"])}, other},
		{"PKCS #1 v1.5", []verify.SignatureKey{key("k", "rsa-v1_5-sha256", all["rsa-pss-sha512"])}, other},
		{"weak RSA", []verify.SignatureKey{key("k", "rsa-pss-sha512", string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))}, other},
		{"secret as a public key", []verify.SignatureKey{key("k", "ed25519", sharedSecret)}, form},
		{"certificate", []verify.SignatureKey{key("k", "ed25519", strings.ReplaceAll(all["ed25519"], "PUBLIC KEY", "CERTIFICATE"))}, form},
		{"broken", []verify.SignatureKey{key("k", "ed25519", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")}, "key 1: is not a public key that can be read"},
		{"short secret", []verify.SignatureKey{key("k", "hmac-sha256", "seven..")}, "key 1: has 7 bytes, 8 to 1024 are allowed"},
		{"many", make([]verify.SignatureKey, 9), "more than 8 keys are configured; remove the oldest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v, err := verify.NewMessageSignatures(verify.MessageSignatures{Keys: test.keys}); errorText(err) != test.want || v != nil {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestConfiguredMessageSignatures(t *testing.T) {
	all := map[string]string{}
	for _, s := range signers() {
		all[s.algorithm] = s.key
	}
	config := "tolerance: 2m\nkeys:\n- {id: old, algorithm: hmac-sha256, value: '" + sharedSecret + "', not_after: 2025-12-31}\n- {id: k, algorithm: ed25519, file: ed.pem, not_before: 2026-01-01T00:00:00Z}\n"
	v, err := verify.Table["http-message-signatures"](settings(config, map[string]string{"ed.pem": all["ed25519"]}))
	if err != nil {
		t.Fatal(err)
	}
	r := messageSigned(t, signers()[0], "{}")
	if _, err := v.Verify(r); err != nil {
		t.Error(err)
	}
	r.Received = r.Received.Add(-time.Second)
	if _, err := v.Verify(r); err == nil {
		t.Error("the key counts before its beginning")
	}
	for config, want := range map[string]string{
		"keys: [{id: k, algorithm: ed25519, file: none.pem}]": "keys: entry 1: no such file: none.pem",
		"keys: [{id: k, algorithm: ed25519}]":                 "keys: entry 1: set exactly one of value and file",
		"keys: []\ntolerance: 0.5s":                           "tolerance is 500ms; whole seconds from 1s to 1h0m0s are allowed",
	} {
		if _, err := verify.Table["http-message-signatures"](settings(config, nil)); errorText(err) != want {
			t.Errorf("%s: %v, want %s", config, err, want)
		}
	}
}

// FuzzMessageSignatures: whatever the headers say, what is accepted was signed by
// the key over the method, the URL and the body.
func FuzzMessageSignatures(f *testing.F) {
	hmacSigner := signers()[4]
	v := messageVerifier(f, hmacSigner)
	r := messageSigned(f, hmacSigner, "{}")
	f.Add(r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Content-Digest"), []byte("{}"))
	f.Add(`sig=("@method" "@target-uri" "content-digest" "x";key="a");created=1;keyid="k"`, "sig=:AAAA:", "sha-256=:AAAA:, sha-512=?1", []byte(nil))
	f.Add("a=();created=1.0", "a", "()", []byte("x"))
	good := r.Header.Get("Signature")[len("sig="):]
	f.Fuzz(func(t *testing.T, input, signature, digest string, body []byte) {
		r := post(t, string(body), "Signature-Input", input, "Signature", signature, "Content-Digest", digest)
		got, err := v.Verify(r)
		if err != nil {
			if !errors.Is(err, hooks.ErrUnauthenticated) || got != (hooks.Verified{}) {
				t.Fatalf("refused with %v and %+v", err, got)
			}
			return
		}
		// The label is not signed: it only says which two members go together.
		_, signed, _ := strings.Cut(signature, "=")
		if signed != good || string(body) != "{}" {
			t.Fatalf("accepted %q with %q and %q", input, signature, body)
		}
	})
}
