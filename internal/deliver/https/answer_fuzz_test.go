package https

import (
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

// Whatever a receiver answers: nothing but a receipt that verifies is taken for
// one, what is told of the rest is a bounded, printable line, and no wait is
// longer than a day.
func FuzzAnswer(f *testing.F) {
	key := ed25519.NewKeyFromSeed([]byte("the agent's seed is of 32 bytes."))
	d := delivertest.Set(f, "prod/db", 7, 10)
	r := receipts{keys: []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}, issuer: "delivertest", must: true}
	signer, err := receipt.NewSigner(key)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	right, err := signer.Sign(receipt.For(r.statement(d, 7), now, receipt.None, ""))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(200, "application/json", "", []byte(`{"receipt":"`+right+`"}`))
	f.Add(200, "", "", []byte(`{"receipt":"a.b.c"}`))
	f.Add(204, "", "", []byte{})
	f.Add(301, "text/html", "", []byte("<html>"))
	f.Add(410, "application/problem+json", "5", []byte(`{"title":"gone"}`))
	f.Add(422, "application/problem+json", "", []byte(`{"title":"no\u0000\n\u202e such agent"}`))
	f.Add(429, "", "Thu, 01 Jan 2099 00:00:00 GMT", []byte{})
	f.Add(503, "application/problem+json; charset", "99999999", []byte(`{"title":`))
	f.Fuzz(func(t *testing.T, status int, media, wait string, body []byte) {
		a := answerOf(&http.Response{StatusCode: status, Header: http.Header{"Content-Type": {media}, "Retry-After": {wait}}}, now)
		err := a.judge(body)
		got := ""
		if err == nil {
			got, err = r.check(body, d)
		}
		if err == nil {
			if claims, err := receipt.Verify(got, r.keys...); err != nil || claims.Version != d.Version || status/100 != 2 {
				t.Errorf("%d with %q was taken for a receipt: %v", status, body, err)
			}
			return
		}
		unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
		if text := err.Error(); len(text) > 500 || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
			t.Errorf("reason is %q", text)
		}
		if after, ok := errors.AsType[*deliver.AfterError](err); ok && after.At.After(now.Add(24*time.Hour)) {
			t.Errorf("to be tried again at %v", after.At)
		}
	})
}
