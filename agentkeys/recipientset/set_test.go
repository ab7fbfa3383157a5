package recipientset_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/agentkeys/recipientset"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
)

// issued is when the sets of the tests are signed, after all keys were made.
var issued = time.Now().UTC().Truncate(time.Second).Add(time.Hour)

// service signs the sets of the tests, and is not the key of any statement.
var service = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func verifying() ed25519.PublicKey { return service.Public().(ed25519.PublicKey) }

func newSigner(t testing.TB) *recipientset.Signer {
	t.Helper()
	signer, err := recipientset.NewSigner(service, "relay")
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// newKey is a key of that kind, or one with a certificate that ends then.
func newKey(t testing.TB, kind, format string, notAfter time.Time) *agentkeys.Key {
	t.Helper()
	private, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	data := []byte(public)
	if !notAfter.IsZero() {
		parsed, err := keys.ParsePrivate(private, nil)
		if err != nil {
			t.Fatal(err)
		}
		if data, err = keys.SelfSigned(parsed, "agent", notAfter.AddDate(-1, 0, 0), notAfter); err != nil {
			t.Fatal(err)
		}
	}
	key, err := agentkeys.NewKey(data, agentkeys.Requirements{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// newTargets are agents with keys of their own in several formats, two that
// share one, and one whose certificate has expired.
func newTargets(t testing.TB) []agentkeys.Target {
	t.Helper()
	shared := newKey(t, "age-pq", "", time.Time{})
	return []agentkeys.Target{
		{Agent: "a", Destination: "folder", Key: newKey(t, "age", "", time.Time{})},
		{Agent: "b", Destination: "folder", Key: newKey(t, "ec-p256", "cms", issued.AddDate(0, 1, 0))},
		{Agent: "b", Destination: "vault", Key: newKey(t, "rsa-2048", "jwe", time.Time{})},
		{Agent: "c", Destination: "folder", Key: shared},
		{Agent: "d", Destination: "folder", Key: shared},
		{Agent: "e", Destination: "folder", Key: newKey(t, "openpgp", "", time.Time{})},
		{Agent: "old", Destination: "folder", Key: newKey(t, "ec-p256", "", issued.Add(-time.Hour))},
	}
}

func newSet(t testing.TB, targets []agentkeys.Target) recipientset.Set {
	t.Helper()
	set, err := recipientset.New("vault", "prod/db", targets, issued, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func sign(t testing.TB, set recipientset.Set) string {
	t.Helper()
	token, err := newSigner(t).Sign(set)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestRoundTrip: what is verified is what was signed, and its keys are those of
// the targets that are not blocked.
func TestRoundTrip(t *testing.T) {
	targets := newTargets(t)
	set := newSet(t, targets)
	token := sign(t, set)
	got, err := recipientset.Verify(token, verifying())
	if err != nil {
		t.Fatal(err)
	}
	set.Issuer = "relay"
	if diff := cmp.Diff(set, got); diff != "" {
		t.Errorf("-signed +verified:\n%s", diff)
	}
	if err := got.Check("relay", "vault", "prod/db", issued.Add(23*time.Hour)); err != nil {
		t.Error(err)
	}
	recipients, err := got.Recipients()
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]*agentkeys.Key{}
	for _, target := range targets[:6] {
		byID[target.Key.ID] = target.Key
	}
	if len(recipients) != len(byID) {
		t.Fatalf("%d keys, want %d", len(recipients), len(byID))
	}
	for _, key := range recipients {
		want := byID[key.ID]
		if want == nil || key.Format.Name != want.Format.Name || key.Fingerprint() != want.Fingerprint() || key.Check(issued) != nil {
			t.Errorf("key %s in %s is not one of the targets'", key.ID, key.Format.Name)
		}
	}
	last := got.Targets[len(got.Targets)-1]
	if last.Agent != "old" || !strings.Contains(last.Blocked, "expired") {
		t.Errorf("the last target is %+v", last)
	}
}

// TestDeterministic: the same targets make the same bytes.
func TestDeterministic(t *testing.T) {
	targets := newTargets(t)
	first := sign(t, newSet(t, targets))
	if second := sign(t, newSet(t, slices.Clone(targets))); second != first {
		t.Error("two sets of the same targets differ")
	}
}

// TestDigest: it is of who gets what, and of nothing else.
func TestDigest(t *testing.T) {
	targets := newTargets(t)
	digest := newSet(t, targets).Digest()
	if got := recipientset.DigestOf(targets); got != digest {
		t.Errorf("of the targets it is %s, of the set %s", got, digest)
	}
	later, err := recipientset.New("vault", "prod/db", targets, issued.AddDate(0, 2, 0), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if later.Digest() != digest {
		t.Error("it changes when a key is blocked")
	}
	changes := map[string]func([]agentkeys.Target) []agentkeys.Target{
		"an agent less":       func(s []agentkeys.Target) []agentkeys.Target { return s[1:] },
		"an agent more":       func(s []agentkeys.Target) []agentkeys.Target { s[0].Agent = "0"; return append(s[:1:1], targets...) },
		"another name":        func(s []agentkeys.Target) []agentkeys.Target { s[0].Agent = "aa"; return s },
		"another destination": func(s []agentkeys.Target) []agentkeys.Target { s[0].Destination = "vault"; return s },
		"another key": func(s []agentkeys.Target) []agentkeys.Target {
			s[0].Key = newKey(t, "age", "", time.Time{})
			return s
		},
		"another format": func(s []agentkeys.Target) []agentkeys.Target {
			key := *s[1].Key
			key.Format.Name = "js7"
			s[1].Key = &key
			return s
		},
	}
	for name, change := range changes {
		if recipientset.DigestOf(change(slices.Clone(targets))) == digest {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}

func TestCheck(t *testing.T) {
	set := newSet(t, newTargets(t)[:1])
	set.Issuer = "relay"
	tests := []struct {
		name                   string
		issuer, source, secret string
		now                    time.Time
		want                   error
	}{
		{"as asked for", "relay", "vault", "prod/db", issued, nil},
		{"any issuer", "", "vault", "prod/db", issued, nil},
		{"the service's clock is ahead", "relay", "vault", "prod/db", issued.Add(-5 * time.Minute), nil},
		{"the last second", "relay", "vault", "prod/db", issued.Add(24*time.Hour - time.Second), nil},
		{"another issuer", "other", "vault", "prod/db", issued, recipientset.ErrMismatch},
		{"another source", "relay", "other", "prod/db", issued, recipientset.ErrMismatch},
		{"no source", "relay", "", "prod/db", issued, recipientset.ErrMismatch},
		{"another secret", "relay", "vault", "prod/other", issued, recipientset.ErrMismatch},
		{"the future", "relay", "vault", "prod/db", issued.Add(-5*time.Minute - time.Second), recipientset.ErrExpired},
		{"expired", "relay", "vault", "prod/db", issued.Add(24 * time.Hour), recipientset.ErrExpired},
	}
	for _, test := range tests {
		if err := set.Check(test.issuer, test.source, test.secret, test.now); !errors.Is(err, test.want) {
			t.Errorf("%s: error is %v, want %v", test.name, err, test.want)
		}
	}
}

// TestNotSigned: what no service would sign, none of ours does.
func TestNotSigned(t *testing.T) {
	tests := map[string]func(*recipientset.Set){
		"no source":          func(s *recipientset.Set) { s.Source = "" },
		"no secret":          func(s *recipientset.Set) { s.Secret = "" },
		"no recipients":      func(s *recipientset.Set) { s.Targets, s.Keys = nil, nil },
		"no time":            func(s *recipientset.Set) { s.IssuedAt = time.Unix(0, 0) },
		"ends before it was": func(s *recipientset.Set) { s.ExpiresAt = s.IssuedAt },
		"good for too long":  func(s *recipientset.Set) { s.ExpiresAt = s.IssuedAt.Add(recipientset.MaxValidity + time.Second) },
		"keys out of order":  func(s *recipientset.Set) { slices.Reverse(s.Keys) },
		"a key twice":        func(s *recipientset.Set) { s.Keys = slices.Insert(s.Keys, 0, s.Keys[0]) },
		"a key less":         func(s *recipientset.Set) { s.Keys = s.Keys[1:] },
		"nobody's key": func(s *recipientset.Set) {
			s.Keys = append(s.Keys, recipientset.Key{Format: "z", ID: "z", Public: "z"})
		},
		"a key without text":  func(s *recipientset.Set) { s.Keys[0].Public = "" },
		"agents out of order": func(s *recipientset.Set) { slices.Reverse(s.Targets) },
		"a nameless agent":    func(s *recipientset.Set) { s.Targets[0].Agent = "" },
		"a target without a key": func(s *recipientset.Set) {
			s.Targets[len(s.Targets)-1].KeyID = ""
		},
		"larger than the bound": func(s *recipientset.Set) { s.Keys[0].Public = strings.Repeat("k", recipientset.MaxSize) },
	}
	targets := newTargets(t)
	for name, change := range tests {
		set := newSet(t, targets)
		change(&set)
		if token, err := newSigner(t).Sign(set); err == nil || token != "" {
			t.Errorf("%s: it was signed", name)
		}
	}
}

func TestNewSigner(t *testing.T) {
	if _, err := recipientset.NewSigner(service, ""); err == nil {
		t.Error("a signer without a name was made")
	}
	if _, err := recipientset.NewSigner(service[:5], "relay"); err == nil {
		t.Error("a signer without a key was made")
	}
}

// forge signs any header and payload with the service's own key.
func forge(header, payload string) string {
	encode := base64.RawURLEncoding.EncodeToString
	text := encode([]byte(header)) + "." + encode([]byte(payload))
	return text + "." + encode(ed25519.Sign(service, []byte(text)))
}

func TestVerifyRefuses(t *testing.T) {
	good := sign(t, newSet(t, newTargets(t)))
	parts := strings.Split(good, ".")
	decode := func(part string) string {
		data, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	header, payload := decode(parts[0]), decode(parts[1])
	if forge(header, payload) != good {
		t.Fatal("the forger does not make what the signer makes")
	}
	statements, err := statement.NewSigner(service, "relay")
	if err != nil {
		t.Fatal(err)
	}
	ofStatement, err := statements.Sign(statement.Claims{
		Agent: "a", Secret: "prod/db", Version: 1, Operation: "delete", Digest: statement.Digest(nil), IssuedAt: issued,
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"nothing":            "",
		"two segments":       parts[0] + "." + parts[1],
		"four segments":      good + ".AAAA",
		"a newline":          good + "\n",
		"stray bits":         good[:len(good)-1] + "_",
		"no signature":       parts[0] + "." + parts[1] + ".",
		"a statement":        ofStatement,
		"alg none":           forge(strings.Replace(header, "EdDSA", "none", 1), payload),
		"alg HS256":          forge(strings.Replace(header, "EdDSA", "HS256", 1), payload),
		"another typ":        forge(strings.Replace(header, "recipients", "statement", 1), payload),
		"a larger header":    forge(strings.Replace(header, "}", `,"crit":["x"]}`, 1), payload),
		"an unknown member":  forge(header, strings.Replace(payload, `"iss"`, `"x":1,"iss"`, 1)),
		"a repeated member":  forge(header, strings.Replace(payload, `"iss"`, `"iss":"other","iss"`, 1)),
		"another order":      forge(header, `{"source":"vault","iss":"relay"`+strings.TrimPrefix(payload, `{"iss":"relay","source":"vault"`)),
		"white space":        forge(header, payload+" "),
		"no JSON":            forge(header, payload[1:]),
		"no recipients":      forge(header, fmt.Sprintf(`{"iss":"relay","source":"vault","secret":"prod/db","iat":%d,"exp":%d,"keys":null,"targets":null}`, issued.Unix(), issued.Unix()+60)),
		"too large":          strings.Repeat("A", recipientset.MaxSize+1),
		"another's key":      forge(strings.Replace(header, `"kid":"sha256:`, `"kid":"sha256:0`, 1), payload),
		"unsigned change":    parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(payload, "vault", "fault", 1))) + "." + parts[2],
		"header with spaces": forge(strings.Replace(header, ",", ", ", 1), payload),
	}
	for name, token := range tests {
		got, err := recipientset.Verify(token, verifying())
		if !errors.Is(err, recipientset.ErrSignature) || !cmp.Equal(got, recipientset.Set{}) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
	other, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []ed25519.PublicKey{other, nil, other[:5]} {
		if _, err := recipientset.Verify(good, key); !errors.Is(err, recipientset.ErrSignature) {
			t.Errorf("with a key of %d bytes: error is %v", len(key), err)
		}
	}
}

// TestVerifyBitFlips: no bit of a set can be changed.
func TestVerifyBitFlips(t *testing.T) {
	good := []byte(sign(t, newSet(t, newTargets(t)[:1])))
	for i := range len(good) * 8 {
		flipped := bytes.Clone(good)
		flipped[i/8] ^= 1 << (i % 8)
		if _, err := recipientset.Verify(string(flipped), verifying()); !errors.Is(err, recipientset.ErrSignature) {
			t.Fatalf("bit %d: error is %v", i, err)
		}
	}
}

// TestRecipientsRefuses: a signed key is still looked at.
func TestRecipientsRefuses(t *testing.T) {
	_, other, err := keys.Generate("age")
	if err != nil {
		t.Fatal(err)
	}
	weak := string(weakRSA(t))
	tests := map[string]func(*recipientset.Key){
		"another key":           func(k *recipientset.Key) { k.Public = other },
		"no key":                func(k *recipientset.Key) { k.Public = "hunter2" },
		"an unknown format":     func(k *recipientset.Key) { k.Format = "rot13" },
		"not the key's format":  func(k *recipientset.Key) { k.Format = "openpgp" },
		"another ID":            func(k *recipientset.Key) { k.ID = "sha256:0" },
		"weak, as another's ID": func(k *recipientset.Key) { k.Public, k.Format = weak, "js7" },
	}
	for name, change := range tests {
		set := newSet(t, newTargets(t)[:1])
		change(&set.Keys[0])
		recipients, err := set.Recipients()
		if !errors.Is(err, recipientset.ErrKey) || recipients != nil {
			t.Errorf("%s: error is %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

// TestWeakKey: a weak key that the service would have signed is not sealed to.
func TestWeakKey(t *testing.T) {
	public, err := keys.ParsePublic(weakRSA(t))
	if err != nil {
		t.Fatal(err)
	}
	set := newSet(t, newTargets(t)[:1])
	set.Keys[0] = recipientset.Key{Format: "js7", ID: public.ID(), Public: string(weakRSA(t))}
	recipients, err := set.Recipients()
	if err != nil {
		t.Fatal(err)
	}
	if err := recipients[0].Check(issued); !errors.Is(err, agentkeys.ErrPolicy) {
		t.Errorf("error is %v", err)
	}
}

// FuzzVerify: nothing but what the service signed verifies, and that is the same
// when it is signed again.
func FuzzVerify(f *testing.F) {
	good := sign(f, newSet(f, newTargets(f)[:1]))
	f.Add(good)
	f.Add(good[:len(good)/2])
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(good, ".")[1])
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(payload))
	f.Add(forge(`{"alg":"none"}`, `{}`))
	f.Fuzz(func(t *testing.T, token string) {
		// The payload as well, under a signature that is good.
		header, _, _ := strings.Cut(good, ".")
		signed := header + "." + base64.RawURLEncoding.EncodeToString([]byte(token))
		signed += "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(service, []byte(signed)))
		for _, token := range []string{token, signed} {
			set, err := recipientset.Verify(token, verifying())
			if err != nil {
				if !cmp.Equal(set, recipientset.Set{}) {
					t.Fatal("a set beside an error")
				}
				continue
			}
			if set.Issuer == "relay" && sign(t, set) != token {
				t.Fatal("it is signed in two ways")
			}
			if recipients, err := set.Recipients(); err == nil && len(recipients) != len(set.Keys) {
				t.Fatalf("%d keys of %d", len(recipients), len(set.Keys))
			}
		}
	})
}
