package bundle

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/crypto/signed"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
	"github.com/sealrelay/sealrelay/internal/wire"
)

var (
	service, otherService = keyOf(1), keyOf(2)
	agent, otherAgent     = keyOf(3), keyOf(4)
	madeAt                = time.Unix(1_780_000_000, 0).UTC()
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// state is a delivery that says change of itself.
func state(t testing.TB, secret string, version int64, change func(*statement.Claims)) wire.Delivery {
	t.Helper()
	envelope := []byte(secret + " sealed")
	claims := statement.Claims{
		Issuer: "relay", Agent: "plant", Secret: secret, Version: version, Operation: "set", Format: "age", KeyID: "key",
		Digest: statement.Digest(envelope), IssuedAt: madeAt.Add(time.Duration(version) * time.Second),
	}
	if change != nil {
		change(&claims)
	}
	if claims.Operation == "delete" {
		envelope, claims.Digest = nil, statement.Digest(nil)
	}
	signer, err := statement.NewSigner(service, claims.Issuer)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signer.Sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return wire.Delivery{Envelope: envelope, Statement: token}
}

func deleted(c *statement.Claims) { c.Operation = "delete" }

func some(t testing.TB) []wire.Delivery {
	t.Helper()
	return []wire.Delivery{state(t, "a", 3, nil), state(t, "b/c", 1, deleted), state(t, "d", 7, nil)}
}

func mustPack(t testing.TB, deliveries []wire.Delivery) []byte {
	t.Helper()
	data, err := Pack(service, "relay", "plant", "hand", madeAt, deliveries)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestBundle(t *testing.T) {
	for _, deliveries := range [][]wire.Delivery{nil, some(t)} {
		b, err := Open(mustPack(t, deliveries), "plant", public(otherService), public(service))
		if err != nil {
			t.Fatal(err)
		}
		want := Manifest{From: "relay", To: "plant", Destination: "hand", MadeAt: madeAt, Count: len(deliveries)}
		if diff := cmp.Diff(want, b.Manifest, cmpopts.IgnoreUnexported(Manifest{})); diff != "" {
			t.Errorf("manifest differs (-want +got):\n%s", diff)
		}
		var got []wire.Delivery
		for _, d := range b.Deliveries {
			got = append(got, d.Delivery)
		}
		if diff := cmp.Diff(deliveries, got); diff != "" {
			t.Errorf("deliveries differ (-want +got):\n%s", diff)
		}
	}
}

// TestEveryBit: no bundle that differs in a bit is accepted.
func TestEveryBit(t *testing.T) {
	data := mustPack(t, some(t)[:1])
	for i := range 8 * len(data) {
		data[i/8] ^= 1 << (i % 8)
		if b, err := Open(data, "plant", public(service)); b != nil || !errors.Is(err, ErrSignature) && !errors.Is(err, ErrDamaged) {
			t.Fatalf("with bit %d flipped: %v", i, err)
		}
		data[i/8] ^= 1 << (i % 8)
	}
	for i := range len(data) {
		if _, err := Open(data[:i], "plant", public(service)); !errors.Is(err, ErrSignature) && !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut after %d bytes: %v", i, err)
		}
	}
}

// signBody signs any body as a bundle of count items.
func signBody(t testing.TB, count int, body []byte) []byte {
	t.Helper()
	signer, err := signed.NewSigner(service, Type)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := Manifest{"relay", "plant", "hand", madeAt, count, statement.Digest(body)}.encode()
	if err != nil {
		t.Fatal(err)
	}
	return append([]byte(signer.Sign(manifest)+"\n"), body...)
}

// signManifest signs any text as the manifest of a bundle without items.
func signManifest(t testing.TB, manifest string) []byte {
	t.Helper()
	signer, err := signed.NewSigner(service, Type)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(signer.Sign([]byte(manifest)) + "\n")
}

func lineOf(t testing.TB, d wire.Delivery) string {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(data) + "\n"
}

func TestOpenRefuses(t *testing.T) {
	a, b := state(t, "a", 3, nil), state(t, "b", 1, nil)
	line := lineOf(t, a)
	manifest := `{"iss":"relay","aud":"plant","dest":"hand","iat":1780000000,"count":0,"sha256":"` + statement.Digest(nil) + `"}`
	change := func(change func(*statement.Claims)) []byte {
		return mustPack(t, []wire.Delivery{state(t, "a", 3, change)})
	}
	receipts, err := (&Bundle{Manifest: Manifest{From: "plant", To: "relay", Destination: "hand"}}).PackReceipts(service, madeAt, nil)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := Pack(otherService, "relay", "plant", "hand", madeAt, some(t))
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := Pack(service, "relay", "other", "hand", madeAt, some(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrSignature},
		{"no manifest", []byte(strings.Repeat("x", 10_000)), ErrSignature},
		{"statement as manifest", []byte(a.Statement + "\n"), ErrSignature},
		{"receipts", receipts, ErrSignature},
		{"another service's", foreign, ErrSignature},
		{"manifest of another encoding", signManifest(t, strings.Replace(manifest, `"count"`, ` "count"`, 1)), ErrSignature},
		{"manifest with a member more", signManifest(t, strings.Replace(manifest, `{`, `{"x":1,`, 1)), ErrSignature},
		{"manifest without destination", signManifest(t, strings.Replace(manifest, `"hand"`, `""`, 1)), ErrSignature},
		{"manifest of no time", signManifest(t, strings.Replace(manifest, `1780000000`, `0`, 1)), ErrSignature},
		{"manifest of too many", signManifest(t, strings.Replace(manifest, `"count":0`, `"count":100001`, 1)), ErrSignature},
		{"manifest of fewer than none", signManifest(t, strings.Replace(manifest, `"count":0`, `"count":-1`, 1)), ErrSignature},
		{"another agent's", elsewhere, ErrMismatch},
		{"another body", append(mustPack(t, some(t)), "x"...), ErrDamaged},
		{"one item missing", signBody(t, 2, []byte(line)), ErrDamaged},
		{"one item more", signBody(t, 1, []byte(line+lineOf(t, b))), ErrDamaged},
		{"no JSON", signBody(t, 1, []byte("x\n")), ErrDamaged},
		{"no newline at the end", signBody(t, 1, []byte(strings.TrimSuffix(line, "\n"))), ErrDamaged},
		{"an item with a member more", signBody(t, 1, []byte(strings.Replace(line, "{", `{"x":1,`, 1))), ErrDamaged},
		{"an item with a member twice", signBody(t, 1, []byte(strings.Replace(line, "{", `{"envelope":"",`, 1))), ErrDamaged},
		{"out of order", mustPack(t, []wire.Delivery{b, a}), ErrDamaged},
		{"twice", mustPack(t, []wire.Delivery{a, a}), ErrDamaged},
		{"statement for another agent", change(func(c *statement.Claims) { c.Agent = "other" }), statement.ErrMismatch},
		{"statement of another issuer", change(func(c *statement.Claims) { c.Issuer = "other" }), statement.ErrMismatch},
		{"statement of another envelope", mustPack(t, []wire.Delivery{{Envelope: b.Envelope, Statement: a.Statement}}), statement.ErrMismatch},
		{"envelope taken away", mustPack(t, []wire.Delivery{{Statement: a.Statement}}), statement.ErrMismatch},
		{"no statement", mustPack(t, []wire.Delivery{{Envelope: a.Envelope}}), statement.ErrSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			if b, err := Open(test.data, "plant", public(service)); b != nil || !errors.Is(err, test.want) {
				t.Errorf("error is %v, want %v", err, test.want)
			}
		})
	}
}

func mustOpen(t testing.TB, deliveries []wire.Delivery) *Bundle {
	t.Helper()
	b, err := Open(mustPack(t, deliveries), "plant", public(service))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func folderOf(t testing.TB, dir string) Accept {
	t.Helper()
	signer, err := receipt.NewSigner(agent)
	if err != nil {
		t.Fatal(err)
	}
	return IntoFolder(file.At(dir), signer)
}

func TestApply(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	b := mustOpen(t, some(t))
	for range 2 { // it can be applied again
		receipts, older, err := b.Apply(t.Context(), folderOf(t, dir))
		if err != nil || len(older) != 0 || len(receipts) != 3 {
			t.Fatalf("%d receipts, %d older, error %v", len(receipts), len(older), err)
		}
		for i, d := range b.Deliveries {
			envelope, signed, err := delivertest.ReadFolder(dir, d.Claims.Secret)
			if err != nil || !bytes.Equal(envelope, d.Envelope) || signed != d.Statement {
				t.Errorf("%s is not there whole (error %v)", d.Claims.Secret, err)
			}
			claims, err := receipt.Verify(receipts[i].Receipt, public(agent))
			if err != nil {
				t.Fatal(err)
			}
			if err := claims.Check(d.Claims); err != nil {
				t.Error(err)
			}
		}
	}
	// An older bundle takes back nothing, and brings what is new in it.
	old := mustOpen(t, []wire.Delivery{state(t, "a", 2, nil), state(t, "b/c", 1, deleted), state(t, "c", 1, nil), state(t, "d", 6, deleted)})
	receipts, older, err := old.Apply(t.Context(), folderOf(t, dir))
	if diff := cmp.Diff([]string{"a", "d"}, older); err != nil || diff != "" || len(receipts) != 2 {
		t.Errorf("%d receipts, error %v, older:\n%s", len(receipts), err, diff)
	}
	for _, d := range []Delivery{b.Deliveries[0], b.Deliveries[2], old.Deliveries[2]} {
		if envelope, signed, err := delivertest.ReadFolder(dir, d.Claims.Secret); err != nil || !bytes.Equal(envelope, d.Envelope) || signed != d.Statement {
			t.Errorf("%s is not there whole (error %v)", d.Claims.Secret, err)
		}
	}
}

// What was applied before a failure has its receipts.
func TestApplyFails(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "d.age"), 0o700); err != nil {
		t.Fatal(err)
	}
	receipts, _, err := mustOpen(t, some(t)).Apply(t.Context(), folderOf(t, dir))
	if err == nil || !strings.Contains(err.Error(), "version 7 of d") || len(receipts) != 2 {
		t.Errorf("%d receipts, error %v", len(receipts), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if receipts, _, err := mustOpen(t, some(t)).Apply(ctx, folderOf(t, t.TempDir())); !errors.Is(err, context.Canceled) || len(receipts) != 0 {
		t.Errorf("%d receipts, error %v", len(receipts), err)
	}
}

func TestRead(t *testing.T) {
	if _, err := Read(bytes.NewReader(make([]byte, MaxSize+1))); !errors.Is(err, ErrDamaged) {
		t.Errorf("error is %v", err)
	}
	if data, err := Read(strings.NewReader("file")); err != nil || string(data) != "file" {
		t.Errorf("read %q (error %v)", data, err)
	}
}

// FuzzOpen: what is signed and accepted is what Pack writes.
func FuzzOpen(f *testing.F) {
	for _, deliveries := range [][]wire.Delivery{nil, some(f), some(f)[:1]} {
		_, body, _ := bytes.Cut(mustPack(f, deliveries), []byte("\n"))
		f.Add(len(deliveries), body)
	}
	f.Add(1, []byte("{}\n"))
	f.Add(1, []byte("null\n"))
	f.Fuzz(func(t *testing.T, count int, body []byte) {
		if count < 0 || count > maxItems {
			return
		}
		data := signBody(t, count, body)
		b, err := Open(data, "plant", public(service))
		if err != nil {
			return
		}
		var deliveries []wire.Delivery
		for _, d := range b.Deliveries {
			deliveries = append(deliveries, d.Delivery)
		}
		if !bytes.Equal(mustPack(t, deliveries), data) {
			t.Error("a bundle that is not as it is written is accepted")
		}
	})
}

// FuzzVerify: whatever is given for a bundle or for receipts is read without
// panic, and refused unless the service or the agent signed it.
func FuzzVerify(f *testing.F) {
	f.Add(mustPack(f, some(f)))
	f.Add([]byte("a.b.c\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Open(data, "plant", public(otherService)); err == nil {
			t.Error("a bundle that nobody signed is accepted")
		}
		if _, err := OpenReceipts(data, "relay", public(service), map[string][]ed25519.PublicKey{"plant": {public(agent)}}); err == nil {
			t.Error("receipts that nobody signed are accepted")
		}
	})
}

// An agent's answer counts as a receipt of the delivery only if it is one.
func TestIntoAgent(t *testing.T) {
	b := mustOpen(t, some(t)[:1])
	refused := errors.New("refused")
	newer := state(t, "a", 4, nil)
	for _, test := range []struct {
		name   string
		answer Receipt
		err    error
		want   error
	}{
		{"its receipt", receiptFor(t, agent, b.Deliveries[0].Statement, nil), nil, nil},
		{"of what is newer", receiptFor(t, agent, newer.Statement, nil), nil, ErrOlder},
		{"of what is older", receiptFor(t, agent, state(t, "a", 2, nil).Statement, nil), nil, receipt.ErrMismatch},
		{"of another secret", receiptFor(t, agent, state(t, "b", 3, nil).Statement, nil), nil, receipt.ErrMismatch},
		{"by another key", receiptFor(t, otherAgent, b.Deliveries[0].Statement, nil), nil, receipt.ErrSignature},
		{"none", Receipt{}, nil, receipt.ErrSignature},
		{"refusal", Receipt{}, refused, refused},
	} {
		accept := IntoAgent(func(context.Context, wire.Delivery) (string, error) { return test.answer.Receipt, test.err }, public(agent))
		if token, err := accept(t.Context(), b.Deliveries[0]); !errors.Is(err, test.want) || err == nil && token != test.answer.Receipt {
			t.Errorf("%s: error is %v, want %v", test.name, err, test.want)
		}
	}
}
