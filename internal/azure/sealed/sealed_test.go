package sealed_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sealrelay/sealrelay/internal/azure/sealed"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
)

var owner = sealed.Owner{Issuer: "relay", Agent: "agent"}

// TestPrefix: no agent's prefix is the start of another's, so that a role limited by it
// reaches no other agent's secrets.
func TestPrefix(t *testing.T) {
	for agent, want := range map[string]string{"web": "agent-web-", "web-1": "agent-webx2d1-", "Web": "agent-x57eb-", "x": "agent-x78-", "ä": "agent-xc3xa4-"} {
		if got := sealed.Prefix(agent); got != want {
			t.Errorf("that of %q is %q, want %q", agent, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.StringN(1, -1, 120).Draw(t, "a"), rapid.StringN(1, -1, 120).Draw(t, "b")
		one, other := sealed.Prefix(a), sealed.Prefix(b)
		if a != b && strings.HasPrefix(one, other) {
			t.Errorf("%q of %q begins with %q of %q", one, a, other, b)
		}
		if len(one) > sealed.MaxPrefix || strings.ToLower(one) != one {
			t.Errorf("%q is no prefix", one)
		}
	})
}

// TestEncode: what is written has no more than Key Vault takes, and is the envelope.
func TestEncode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := delivertest.Set(nothing{}, rapid.StringN(1, -1, 300).Draw(t, "secret"), 7, 0)
		d.Envelope = rapid.OneOf(rapid.SliceOf(rapid.Byte()), rapid.Map(rapid.StringMatching(`[ -~\n]{0,200}`), func(s string) []byte { return []byte(strings.Repeat(s, 600)) })).Draw(t, "envelope")
		value, err := sealed.Encode(owner, d, map[string]string{"team": "a", "stage": "b"})
		if err != nil {
			t.Fatal(err)
		}
		whole := strings.Join(value.Parts, "")
		if value.Tags["encoding"] == "base64" {
			decoded, err := base64.StdEncoding.DecodeString(whole)
			if err != nil {
				t.Fatal(err)
			}
			whole = string(decoded)
		}
		if whole != string(d.Envelope) {
			t.Error("it is not the envelope")
		}
		if len(value.Tags) > 15 {
			t.Errorf("%d tags", len(value.Tags))
		}
		for name, text := range value.Tags {
			if len(name) > 256 || len(text) > 256 {
				t.Errorf("tag %s is too long", name)
			}
		}
		for _, part := range value.Parts {
			if len(part) > 25_600 {
				t.Errorf("a part has %d bytes", len(part))
			}
		}
		held := sealed.Held{Tags: value.Tags}
		if held.Statement() != d.Statement || held.Version() != 7 || held.Parts() != len(value.Parts) || held.Check(owner, d.Secret) != nil {
			t.Errorf("it is held as %+v", held)
		}
	})
}

// nothing is a testing.TB for what does not fail.
type nothing struct{ testing.TB }

func (nothing) Helper() {}

func TestEncodeRefuses(t *testing.T) {
	d := delivertest.Set(t, "prod/db", 1, 10)
	many := map[string]string{}
	for _, name := range strings.Split("abcdefghijk", "") {
		many[name] = ""
	}
	if _, err := sealed.Encode(owner, d, many); err == nil || !strings.Contains(err.Error(), "fewer tags") {
		t.Errorf("eleven tags: error %v", err)
	}
	d.Envelope = bytes.Repeat([]byte{0}, sealed.MaxEnvelope+1)
	if _, err := sealed.Encode(owner, d, nil); !errors.Is(err, sealed.ErrTooLarge) {
		t.Errorf("too large: error %v", err)
	}
	d.Envelope = d.Envelope[1:]
	if _, err := sealed.Encode(owner, d, nil); err != nil {
		t.Errorf("the largest: error %v", err)
	}
}

// FuzzHeld: whatever the tags of a secret are, they are read without panic, and as ours
// only if they say so.
func FuzzHeld(f *testing.F) {
	f.Add("relay", "agent", "prod/db", "1", "2", "e30.e30.e30")
	f.Add("", "", "", "-1", "0", "")
	f.Add("relay", "other", "prod/db", "99999999999999999999", "1e9", "x")
	f.Fuzz(func(t *testing.T, issuer, agent, secret, version, parts, statement string) {
		held := sealed.Held{Tags: map[string]string{
			"sealrelay": issuer, "agent": agent, "secret": secret, "version": version, "parts": parts, "statement-1": statement,
		}}
		if held.Version() < 0 || held.Parts() < 1 || held.Parts() > 1000 {
			t.Errorf("version %d, %d parts", held.Version(), held.Parts())
		}
		if held.Check(owner, "prod/db") == nil && (issuer != "relay" || agent != "agent" || secret != "prod/db") {
			t.Errorf("%+v is taken for ours", held)
		}
	})
}
