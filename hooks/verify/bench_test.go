package verify_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"hash"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// benchBody is a body of 1 KiB, which is JSON with a timestamp.
var benchBody = fmt.Sprintf(`{"timestamp":1767225600000,"secret":"prod/db/orders","value":"%s"}`, strings.Repeat("x", 1024-64))

// benched is a scheme, with a request that it accepts, and the bare primitive: the
// least that could be done to tell the same.
type benched struct {
	name     string
	verifier hooks.Verifier
	request  *hooks.Request
	bare     func() bool
}

// BenchmarkVerify has each scheme beside its bare primitive, on a body of 1 KiB.
func BenchmarkVerify(b *testing.B) {
	if len(benchBody) != 1024 {
		b.Fatalf("the body has %d bytes", len(benchBody))
	}
	for _, bench := range benchedSchemes(b) {
		b.Run(bench.name+"/verify", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := bench.verifier.Verify(bench.request); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bench.name+"/bare", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !bench.bare() {
					b.Fatal("refused")
				}
			}
		})
	}
}

// macOf compares an HMAC.
func macOf(newHash func() hash.Hash, key string, message []byte) func() bool {
	want := mac(newHash, key, string(message))
	return func() bool {
		h := hmac.New(newHash, []byte(key))
		h.Write(message)
		return hmac.Equal(h.Sum(nil), want)
	}
}

// digestOf compares the digest of a credential.
func digestOf(credential string) func() bool {
	want := sha256.Sum256([]byte(credential))
	return func() bool {
		got := sha256.Sum256([]byte(credential))
		return subtle.ConstantTimeCompare(got[:], want[:]) == 1
	}
}

func benchedSchemes(b *testing.B) []benched {
	ok, body := must(b), []byte(benchBody)
	hexMAC := hex.EncodeToString(mac(sha256.New, sharedSecret, benchBody))
	stripeText := "1767225600." + benchBody
	return append([]benched{
		{
			"github", ok(verify.NewGitHub(keys(sharedSecret))), post(b, benchBody, "X-Hub-Signature-256", "sha256="+hexMAC),
			macOf(sha256.New, sharedSecret, body),
		},
		{
			"doppler", ok(verify.NewDoppler(keys(sharedSecret))), post(b, benchBody, "X-Doppler-Signature", "sha256="+hexMAC),
			macOf(sha256.New, sharedSecret, body),
		},
		{
			"hmac", ok(verify.NewHMAC(verify.HMAC{Header: "X-Signature", Algorithm: "sha512", Signed: []string{"timestamp", "text:.", "body"}, TimestampHeader: "X-Time", Keys: keys(sharedSecret)})),
			post(b, benchBody, "X-Time", "1767225600", "X-Signature", hex.EncodeToString(mac(sha512.New, sharedSecret, stripeText))), macOf(sha512.New, sharedSecret, []byte(stripeText)),
		},
		{
			"stripe", ok(verify.NewStripe(keys(sharedSecret), 0)), post(b, benchBody, "Stripe-Signature", "t=1767225600,v1="+hex.EncodeToString(mac(sha256.New, sharedSecret, stripeText))),
			macOf(sha256.New, sharedSecret, []byte(stripeText)),
		},
		{
			"infisical", ok(verify.NewInfisical(keys(sharedSecret), 0)), post(b, benchBody, "X-Infisical-Signature", "t=1767225600000;"+hexMAC), macOf(sha256.New, sharedSecret, body),
		},
		{"bearer", bearerVerifier(b), post(b, benchBody, "Authorization", "Bearer "+oldToken), digestOf(oldToken)},
		{"basic", ok(verify.NewBasic(verify.Basic{User: "keeper", Keys: keys(password)})), post(b, benchBody, "Authorization", basicHeader), digestOf("keeper:" + password)},
		{"api-key", ok(verify.NewAPIKey(verify.APIKey{Header: "X-Api-Key", Keys: keys(oldToken)})), post(b, benchBody, "X-Api-Key", oldToken), digestOf(oldToken)},
	}, append(append(benchedWebhooks(b), benchedKeys(b)...), benchedMessages(b)...)...)
}

// benchedWebhooks are the two signatures of Standard Webhooks.
func benchedWebhooks(b *testing.B) []benched {
	at, secret, key := time.Unix(receivedAt, 0), exampleSigningSecret(b), exampleKey(b)
	message := []byte("m." + strconv.Itoa(receivedAt) + "." + benchBody)
	v1, err := verify.SignV1(secret, "m", at, []byte(benchBody))
	if err != nil {
		b.Fatal(err)
	}
	shared, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(exampleSecret, "whsec_"))
	if err != nil {
		b.Fatal(err)
	}
	signature := ed25519.Sign(key, message)
	with := func(signature string) *hooks.Request {
		return post(b, benchBody, "webhook-id", "m", "webhook-timestamp", strconv.Itoa(receivedAt), "webhook-signature", signature)
	}
	return []benched{
		{"standard-webhooks-v1", exampleVerifier(b), with(v1), macOf(sha256.New, string(shared), message)},
		{"standard-webhooks-v1a", exampleVerifier(b), with(verify.SignV1a(key, "m", at, []byte(benchBody))), func() bool { return ed25519.Verify(key.Public().(ed25519.PublicKey), message, signature) }},
	}
}

// benchedKeys are those whose primitive is a signature of an issuer.
func benchedKeys(b *testing.B) []benched {
	ok := must(b)
	signed := func(claims map[string]any) (*hooks.Request, func() bool) {
		text := jwt(b, "JWT", claims)
		end := strings.LastIndex(text, ".")
		signature, err := base64.RawURLEncoding.DecodeString(text[end+1:])
		if err != nil {
			b.Fatal(err)
		}
		r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
		return post(b, benchBody, "Authorization", "Bearer "+text), func() bool {
			sum := sha256.Sum256([]byte(text[:end]))
			return ecdsa.Verify(&issuerKey().PublicKey, sum[:], r, s)
		}
	}
	google, bareGoogle := signed(pubSubClaims)
	microsoft, bareMicrosoft := signed(entraClaims2)
	root := authority(b, nil)
	leaf := issue(b, sender(), root)
	chain := shown(leaf.chain...)
	chain.Body = []byte(benchBody)
	pinned := sha256.Sum256(leaf.Raw)
	return []benched{
		{"oidc-jwt", ok(verify.NewOIDC(pubSub(b))), google, bareGoogle},
		{"entra-jwt", ok(verify.NewEntra(entra(b))), microsoft, bareMicrosoft},
		{
			"client-certificate", ok(verify.NewClientCertificate(verify.ClientCertificate{Authorities: inPEM(root), DNSNames: []string{"pm.example"}})), chain,
			func() bool { return leaf.CheckSignatureFrom(root.Certificate) == nil },
		},
		{
			"client-certificate-pin", ok(verify.NewClientCertificate(verify.ClientCertificate{Pins: []verify.CertificatePin{{Certificate: fingerprint(leaf.Raw)}}})), chain,
			func() bool {
				got := sha256.Sum256(leaf.Raw)
				return subtle.ConstantTimeCompare(got[:], pinned[:]) == 1
			},
		},
	}
}

// benchedMessages are the algorithms of HTTP Message Signatures; the digest of the
// body is part of what is bare.
func benchedMessages(b *testing.B) []benched {
	var out []benched
	for _, s := range signers() {
		request := messageSigned(b, s, benchBody)
		base := []byte("\"@method\": POST\n\"@target-uri\": " + sourceURL + "\n\"content-digest\": " + request.Header.Get("Content-Digest") + "\n\"@signature-params\": " + request.Header.Get("Signature-Input")[len("sig="):])
		signature := s.sign(base)
		check := bareMessage(b, s, base, signature)
		body, sum := []byte(benchBody), sha256.Sum256([]byte(benchBody))
		out = append(out, benched{"http-message-signatures-" + s.algorithm, messageVerifier(b, s), request, func() bool {
			got := sha256.Sum256(body)
			return check() && subtle.ConstantTimeCompare(got[:], sum[:]) == 1
		}})
	}
	return out
}

func bareMessage(b *testing.B, s signer, base, signature []byte) func() bool {
	if s.algorithm == "hmac-sha256" {
		return macOf(sha256.New, s.key, base)
	}
	block, _ := pem.Decode([]byte(s.key))
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		b.Fatal(err)
	}
	switch key := public.(type) {
	case ed25519.PublicKey:
		return func() bool { return ed25519.Verify(key, base, signature) }
	case *rsa.PublicKey:
		return func() bool {
			sum := sha512.Sum512(base)
			return rsa.VerifyPSS(key, crypto.SHA512, sum[:], signature, &rsa.PSSOptions{SaltLength: 64}) == nil
		}
	case *ecdsa.PublicKey:
		half := len(signature) / 2
		return func() bool {
			var digest []byte
			if half == 32 {
				sum := sha256.Sum256(base)
				digest = sum[:]
			} else {
				sum := sha512.Sum384(base)
				digest = sum[:]
			}
			return ecdsa.Verify(key, digest, new(big.Int).SetBytes(signature[:half]), new(big.Int).SetBytes(signature[half:]))
		}
	}
	b.Fatalf("no primitive for %s", s.algorithm)
	return nil
}
