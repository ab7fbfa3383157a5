package receipt_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/statement"
)

func newSigner(t testing.TB) (*receipt.Signer, ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := receipt.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

var (
	applied = time.Unix(1_780_000_000, 0).UTC()
	stated  = statement.Claims{
		Issuer: "relay", Agent: "web", Secret: "prod/db", Version: 7, Operation: "set",
		Format: "age", KeyID: "key", Digest: statement.Digest([]byte("envelope")), IssuedAt: applied,
	}
)

func sign(t testing.TB, signer *receipt.Signer, claims receipt.Claims) string {
	t.Helper()
	token, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRoundTrip(t *testing.T) {
	signer, public := newSigner(t)
	_, other := newSigner(t)
	gone := stated
	gone.Operation, gone.Digest = "delete", statement.Digest(nil)
	for _, claims := range []receipt.Claims{
		receipt.For(stated, applied, receipt.None, ""),
		receipt.For(stated, applied, receipt.Done, ""),
		receipt.For(stated, applied, receipt.Failed, "exit status 1"),
		receipt.For(gone, applied, receipt.None, ""),
	} {
		got, err := receipt.Verify(sign(t, signer, claims), other, public)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(claims, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// TestParse: what was verified once can be read without the key.
func TestParse(t *testing.T) {
	signer, _ := newSigner(t)
	want := receipt.For(stated, applied, receipt.Failed, "exit status 1")
	token := sign(t, signer, want)
	got, err := receipt.Parse(token)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{"", "a", "a.b", "a.b.c", "a.e30.c", token[:len(token)/2], strings.Repeat(token, 20)} {
		if claims, err := receipt.Parse(bad); err == nil || claims != (receipt.Claims{}) {
			t.Errorf("%.30q is read as %+v, %v", bad, claims, err)
		}
	}
}

// TestCheck: a receipt is of one statement only.
func TestCheck(t *testing.T) {
	if err := receipt.For(stated, applied, receipt.None, "").Check(stated); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*statement.Claims){
		"agent":     func(c *statement.Claims) { c.Agent = "db" },
		"service":   func(c *statement.Claims) { c.Issuer = "else" },
		"secret":    func(c *statement.Claims) { c.Secret = "prod/other" },
		"version":   func(c *statement.Claims) { c.Version = 6 },
		"operation": func(c *statement.Claims) { c.Operation = "delete" },
		"digest":    func(c *statement.Claims) { c.Digest = statement.Digest([]byte("other")) },
	} {
		other := stated
		change(&other)
		if err := receipt.For(other, applied, receipt.None, "").Check(stated); !errors.Is(err, receipt.ErrMismatch) || !strings.Contains(err.Error(), "its "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryBit: no receipt that differs in a bit is accepted.
func TestEveryBit(t *testing.T) {
	signer, public := newSigner(t)
	token := []byte(sign(t, signer, receipt.For(stated, applied, receipt.Failed, "no")))
	for i := range token {
		for bit := range 8 {
			token[i] ^= 1 << bit
			if _, err := receipt.Verify(string(token), public); !errors.Is(err, receipt.ErrSignature) {
				t.Fatalf("bit %d of byte %d: %v", bit, i, err)
			}
			token[i] ^= 1 << bit
		}
	}
}

// TestStatementIsNoReceipt: what another type's signer signed does not pass.
func TestStatementIsNoReceipt(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := statement.NewSigner(private, "relay")
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(stated)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := receipt.Verify(token, public); !errors.Is(err, receipt.ErrSignature) {
		t.Errorf("error is %v", err)
	}
}

func TestSignRefuses(t *testing.T) {
	signer, _ := newSigner(t)
	for name, change := range map[string]func(*receipt.Claims){
		"no agent":           func(c *receipt.Claims) { c.Agent = "" },
		"no service":         func(c *receipt.Claims) { c.Service = "" },
		"no secret":          func(c *receipt.Claims) { c.Secret = "" },
		"no version":         func(c *receipt.Claims) { c.Version = 0 },
		"other operation":    func(c *receipt.Claims) { c.Operation = "changed" },
		"no digest":          func(c *receipt.Claims) { c.Digest = "" },
		"no time":            func(c *receipt.Claims) { c.AppliedAt = time.Time{} },
		"no action":          func(c *receipt.Claims) { c.Action = "" },
		"failed without why": func(c *receipt.Claims) { c.Action = receipt.Failed },
		"why without failed": func(c *receipt.Claims) { c.Detail = "why" },
		"two lines":          func(c *receipt.Claims) { c.Action, c.Detail = receipt.Failed, "a\nb" },
		"long":               func(c *receipt.Claims) { c.Action, c.Detail = receipt.Failed, strings.Repeat("a", 301) },
	} {
		claims := receipt.For(stated, applied, receipt.None, "")
		change(&claims)
		if token, err := signer.Sign(claims); err == nil {
			t.Errorf("%s: signed %s", name, token)
		}
	}
}

func Example() {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := receipt.NewSigner(private)
	if err != nil {
		fmt.Println(err)
		return
	}
	stated := statement.Claims{
		Issuer: "relay", Agent: "web", Secret: "prod/db", Version: 7, Operation: "set",
		Format: "age", KeyID: "key", Digest: statement.Digest([]byte("envelope")), IssuedAt: time.Now(),
	}
	token, err := signer.Sign(receipt.For(stated, time.Now(), receipt.Done, ""))
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := receipt.Verify(token, private.Public().(ed25519.PublicKey))
	fmt.Println(claims.Agent, claims.Secret, claims.Version, claims.Action, err, claims.Check(stated))
	// Output: web prod/db 7 done <nil> <nil>
}

// FuzzVerify: what is accepted is what Sign writes.
func FuzzVerify(f *testing.F) {
	signer, public := newSigner(f)
	f.Add(sign(f, signer, receipt.For(stated, applied, receipt.None, "")))
	f.Add(sign(f, signer, receipt.For(stated, applied, receipt.Failed, "exit status 1")))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := receipt.Verify(token, public)
		if err != nil {
			if !errors.Is(err, receipt.ErrSignature) {
				t.Fatalf("error is %v", err)
			}
			return
		}
		if again := sign(t, signer, claims); again != token {
			t.Fatalf("%s is accepted, and signed as %s", token, again)
		}
	})
}
