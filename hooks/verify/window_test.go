package verify_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// rotated is a scheme whose keys are rotated: how a configuration names them,
// two keys, and how a sender makes a request with one at a time.
type rotated struct {
	scheme, settings, list string
	old, fresh             string
	request                func(t testing.TB, key string, at time.Time) *hooks.Request
}

func rotations() []rotated {
	secrets := func(scheme, settings string, request func(testing.TB, string, time.Time) *hooks.Request) rotated {
		return rotated{scheme, settings, "secrets", "the old secret", "the new secret", request}
	}
	tokens := func(scheme, settings, list string, request func(testing.TB, string, time.Time) *hooks.Request) rotated {
		return rotated{scheme, settings, list, oldToken, newToken, request}
	}
	seconds := func(at time.Time) string { return fmt.Sprint(at.Unix()) }
	return []rotated{
		tokens("bearer", "", "tokens", func(t testing.TB, key string, _ time.Time) *hooks.Request {
			return post(t, "", "Authorization", "Bearer "+key)
		}),
		tokens("basic", "user: keeper", "passwords", func(t testing.TB, key string, _ time.Time) *hooks.Request {
			return post(t, "", "Authorization", "Basic "+encode("keeper:"+key))
		}),
		tokens("api-key", "header: X-Api-Key", "tokens", func(t testing.TB, key string, _ time.Time) *hooks.Request {
			return post(t, "", "X-Api-Key", key)
		}),
		secrets("github", "", func(t testing.TB, key string, _ time.Time) *hooks.Request {
			return post(t, "{}", "X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac(sha256.New, key, "{}")))
		}),
		secrets("doppler", "", func(t testing.TB, key string, _ time.Time) *hooks.Request {
			return post(t, "{}", "X-Doppler-Signature", "sha256="+hex.EncodeToString(mac(sha256.New, key, "{}")))
		}),
		secrets("stripe", "tolerance: 1m", func(t testing.TB, key string, at time.Time) *hooks.Request {
			return post(t, "{}", "Stripe-Signature", "t="+seconds(at)+",v1="+hex.EncodeToString(mac(sha256.New, key, seconds(at)+".{}")))
		}),
		secrets("infisical", "tolerance: 1m", func(t testing.TB, key string, at time.Time) *hooks.Request {
			body := fmt.Sprintf(`{"timestamp":%d}`, at.UnixMilli())
			return post(t, body, "X-Infisical-Signature", fmt.Sprintf("t=%d;%x", at.UnixMilli(), mac(sha256.New, key, body)))
		}),
		secrets("hmac", "header: X-Signature\nalgorithm: sha512\nencoding: base64\nsigned: [timestamp, 'text:.', body]\ntimestamp_header: X-Time\ntimestamp_format: s\ntolerance: 1m",
			func(t testing.TB, key string, at time.Time) *hooks.Request {
				return post(t, "{}", "X-Signature", base64.StdEncoding.EncodeToString(mac(sha512.New, key, seconds(at)+".{}")), "X-Time", seconds(at))
			}),
		{"standard-webhooks", "tolerance: 1m", "secrets", exampleSecret, "whsec_" + encode("thirty-two bytes of a new secret"), func(t testing.TB, key string, at time.Time) *hooks.Request {
			secret, err := verify.ParseSecret(text(key))
			if err != nil {
				t.Fatal(err)
			}
			signature, err := verify.SignV1(secret, "m", at, []byte("{}"))
			if err != nil {
				t.Fatal(err)
			}
			return post(t, "{}", "webhook-id", "m", "webhook-timestamp", seconds(at), "webhook-signature", signature)
		}},
	}
}

// TestRotationByTime: with an old key that ends and a new one that begins, each counts
// in its own time and, while both do, either. Keys come inline, out of files and
// with windows.
func TestRotationByTime(t *testing.T) {
	begins, ends := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	const config = "%s\nkeys:\n- {file: old, not_after: 2026-03-31T12:00:00Z}\n- {value: '%s', not_before: 2026-03-01}\n"
	for _, r := range rotations() {
		t.Run(r.scheme, func(t *testing.T) {
			files := map[string]string{"old": r.old, "new": r.fresh}
			v, err := verify.Table[r.scheme](settings(fmt.Sprintf(config, r.settings, r.fresh), files))
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range []struct {
				at         time.Time
				old, fresh bool
			}{
				{begins.Add(-time.Second), true, false},
				{begins, true, true},
				{ends, true, true},
				{ends.Add(time.Second), false, true},
			} {
				for key, want := range map[string]bool{r.old: test.old, r.fresh: test.fresh} {
					request := r.request(t, key, test.at)
					request.Received = test.at
					if _, err := v.Verify(request); (err == nil) != want {
						t.Errorf("%s at %s: %v", key, test.at, err)
					}
				}
			}
			always, err := verify.Table[r.scheme](settings(fmt.Sprintf("%s\n%s: ['%s']\n%s_files: [new]", r.settings, r.list, r.old, strings.TrimSuffix(r.list, "s")), files))
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{r.old, r.fresh} {
				request := r.request(t, key, ends.AddDate(10, 0, 0))
				request.Received = ends.AddDate(10, 0, 0)
				if _, err := always.Verify(request); err != nil {
					t.Errorf("a key without a window: %v", err)
				}
			}
		})
	}
}

// TestNoKeyCounts: a source all of whose keys are out of their time says so.
func TestNoKeyCounts(t *testing.T) {
	const want = "not authenticated: no key of the source counts at this time: check not_before and not_after of its keys"
	for _, r := range rotations() {
		v, err := verify.Table[r.scheme](settings(fmt.Sprintf("%s\nkeys: [{value: '%s', not_after: 2025-12-31}]", r.settings, r.old), nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(r.request(t, r.old, time.Unix(receivedAt, 0))); errorText(err) != want {
			t.Errorf("%s: %v", r.scheme, err)
		}
	}
}

func TestKeysRefused(t *testing.T) {
	for _, test := range []struct{ config, want string }{
		{"tokens: [~]", "token 1: has no value"},
		{"keys: [{}]", "keys: entry 1: set exactly one of value and file"},
		{"keys: [{value: " + oldToken + ", file: x}]", "keys: entry 1: set exactly one of value and file"},
		{"keys: [{value: " + oldToken + "}, {file: x}]", "keys: entry 2: no such file: x"},
		{"keys: [{value: " + oldToken + ", not_before: 2026-02-01, not_after: 2026-01-01}]", "token 1: not_after is before not_before"},
		{"tokens: [" + strings.Repeat(oldToken+", ", 8) + "]\nkeys: [{value: " + oldToken + "}]", "more than 8 tokens are configured; remove the oldest"},
		{"{}", "no token: set tokens, token_files or keys"},
	} {
		if _, err := verify.Table["bearer"](settings(test.config, nil)); errorText(err) != test.want {
			t.Errorf("%s: %v, want %s", test.config, err, test.want)
		}
	}
}

// TestPublicKeyRotation: a public key may have a window as well.
func TestPublicKeyRotation(t *testing.T) {
	v, err := verify.Table["standard-webhooks"](settings("keys: [{value: "+examplePublicKey+", not_after: 2021-02-25T15:02:11Z}]", nil))
	if err != nil {
		t.Fatal(err)
	}
	r := example(exampleV1a)
	if _, err := v.Verify(r); err != nil {
		t.Error(err)
	}
	r.Received = r.Received.Add(time.Second)
	if _, err := v.Verify(r); err == nil {
		t.Error("the key counts after its end")
	}
}
