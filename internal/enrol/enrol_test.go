package enrol_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/signed"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/enrol"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// office is a desk with its outbox.
type office struct {
	*enrol.Desk
	store *sqlite.Outbox
	rule  enrol.Rule
}

func newOffice(t *testing.T) *office {
	t.Helper()
	store, err := sqlite.Open(t.Context(), t.TempDir()+"/outbox.db", sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	digests, err := enrol.NewDigests([]byte("an installation's secret of 32 bytes"))
	if err != nil {
		t.Fatal(err)
	}
	o := &office{store: store, rule: enrol.Defer}
	o.Desk = &enrol.Desk{Store: store, Digests: digests, Rule: func(agent string) (enrol.Rule, bool) { return o.rule, agent == "web" }}
	return o
}

// invite invites the agent for an hour.
func (o *office) invite(t *testing.T, agent string) string {
	t.Helper()
	token := enrol.NewToken(agent)
	err := o.store.Invite(t.Context(), outbox.Invitation{Agent: agent, Digest: o.Digests.Of(token), ExpiresAt: now.Add(time.Hour)}, audit.Entry{At: now, Kind: audit.AgentInvited})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func newSigning(t *testing.T) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return private
}

func newPublic(t *testing.T, kind string) string {
	t.Helper()
	_, public, err := keys.Generate(kind)
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func newBody(t *testing.T, agent, public string, signing ed25519.PrivateKey, at time.Time) enrol.Body {
	t.Helper()
	body, err := enrol.NewBody(agent, public, signing, at)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func endorse(t *testing.T, present ed25519.PrivateKey, body enrol.Body) enrol.Body {
	t.Helper()
	var err error
	if body.Endorsement, err = enrol.Endorse(present, body.Request); err != nil {
		t.Fatal(err)
	}
	return body
}

func (o *office) want(t *testing.T, body enrol.Body, state outbox.EnrolmentState) {
	t.Helper()
	answer, err := o.Register(t.Context(), body, now)
	if err != nil || answer.State != string(state) || answer.Agent != body.Agent || answer.KeyID == "" {
		t.Fatalf("answer %+v, %v; want %s", answer, err, state)
	}
}

func TestRules(t *testing.T) {
	for _, tc := range []struct {
		rule                   enrol.Rule
		first, other, endorsed outbox.EnrolmentState
	}{
		{enrol.Allow, outbox.Approved, outbox.Requested, outbox.Approved},
		{enrol.Defer, outbox.Requested, outbox.Requested, outbox.Approved},
		{enrol.Deny, outbox.Denied, outbox.Denied, outbox.Denied},
	} {
		t.Run(string(tc.rule), func(t *testing.T) {
			o := newOffice(t)
			o.rule = tc.rule
			body := newBody(t, "web", newPublic(t, "age-pq"), newSigning(t), now)
			body.Token = o.invite(t, "web")
			o.want(t, body, tc.first)
			o.want(t, body, tc.first) // the same again

			o.rule = enrol.Allow
			present := newSigning(t)
			body = newBody(t, "web", newPublic(t, "age"), present, now)
			body.Token = o.invite(t, "web")
			if answer, err := o.Register(t.Context(), body, now); err != nil {
				t.Fatal(err)
			} else if answer.State == string(outbox.Requested) {
				if err := o.store.Decide(t.Context(), "web", answer.KeyID, outbox.Approved, "", audit.Entry{At: now, Kind: audit.AgentKeyApproved}); err != nil {
					t.Fatal(err)
				}
			}
			o.rule = tc.rule
			body = newBody(t, "web", newPublic(t, "age"), newSigning(t), now)
			body.Token = o.invite(t, "web")
			o.want(t, body, tc.other)
			o.want(t, endorse(t, present, newBody(t, "web", newPublic(t, "age"), newSigning(t), now)), tc.endorsed)
		})
	}
}

// TestQuarantinedVouchesForNothing: whoever has the keys of an agent in
// quarantine cannot change them.
func TestQuarantinedVouchesForNothing(t *testing.T) {
	o := newOffice(t)
	o.rule = enrol.Allow
	present := newSigning(t)
	body := newBody(t, "web", newPublic(t, "age"), present, now)
	body.Token = o.invite(t, "web")
	o.want(t, body, outbox.Approved)
	if _, err := o.store.Quarantine(t.Context(), "web", audit.Entry{At: now, Kind: audit.AgentQuarantined}); err != nil {
		t.Fatal(err)
	}
	o.want(t, endorse(t, present, newBody(t, "web", newPublic(t, "age"), newSigning(t), now)), outbox.Requested)
	known, err := o.store.Enrolments(t.Context())
	if err != nil || known[0].State != outbox.Approved {
		t.Errorf("the key before is %s, %v", known[0].State, err)
	}
}

func TestRefused(t *testing.T) {
	o := newOffice(t)
	o.rule = enrol.Allow
	present := newSigning(t)
	first := newBody(t, "web", newPublic(t, "age"), present, now)
	first.Token = o.invite(t, "web")
	o.want(t, first, outbox.Approved)
	signing, public := newSigning(t), newPublic(t, "age")
	fresh := func(change func(*enrol.Body)) enrol.Body {
		body := newBody(t, "web", public, signing, now)
		change(&body)
		return body
	}
	foreign := func(public string, at time.Time, typ string) string {
		signer, err := signed.NewSigner(signing, typ)
		if err != nil {
			t.Fatal(err)
		}
		return signer.Sign([]byte(`{"agent":"web","key":"` + public + `","iat":` + at.Format("05") + `,"more":1}`))
	}
	for _, tc := range []struct {
		name string
		body enrol.Body
		want error
	}{
		{"no invitation of ours", fresh(func(b *enrol.Body) { b.Token = enrol.NewToken("web") }), enrol.ErrRefused},
		{"an invitation that was used", fresh(func(b *enrol.Body) { b.Token = first.Token }), enrol.ErrRefused},
		{"another agent's invitation", fresh(func(b *enrol.Body) { b.Token = o.invite(t, "batch") }), enrol.ErrRefused},
		{"an agent that may not", func() enrol.Body {
			b := newBody(t, "batch", public, signing, now)
			b.Token = o.invite(t, "batch")
			return b
		}(), enrol.ErrRefused},
		{"an agent nobody knows", fresh(func(b *enrol.Body) { b.Agent, b.Token = "nobody", "x" }), enrol.ErrRefused},
		{"of another agent", fresh(func(b *enrol.Body) {
			b.Request = newBody(t, "batch", public, signing, now).Request
			b.Token = "x"
		}), enrol.ErrRefused},
		{"signed by another key", fresh(func(b *enrol.Body) {
			b.Request = newBody(t, "web", public, newSigning(t), now).Request
			b.Token = "x"
		}), enrol.ErrRefused},
		{"of another type", fresh(func(b *enrol.Body) { b.Request, b.Token = foreign(public, now, "sealrelay-endorsement+jwt"), "x" }), enrol.ErrRefused},
		{"with more than it may say", fresh(func(b *enrol.Body) { b.Request, b.Token = foreign(public, now, "sealrelay-enrolment+jwt"), "x" }), enrol.ErrMalformed},
		{"too old", newBody(t, "web", public, signing, now.Add(-11*time.Minute)), enrol.ErrRefused},
		{"of the future", newBody(t, "web", public, signing, now.Add(11*time.Minute)), enrol.ErrRefused},
		{"the word of another key", endorse(t, newSigning(t), fresh(func(*enrol.Body) {})), enrol.ErrRefused},
		{"its own word", endorse(t, signing, fresh(func(*enrol.Body) {})), enrol.ErrRefused},
		{"the word for another request", fresh(func(b *enrol.Body) {
			b.Endorsement = endorse(t, present, newBody(t, "web", newPublic(t, "age"), signing, now)).Endorsement
		}), enrol.ErrRefused},
		{"no signing key", fresh(func(b *enrol.Body) { b.SigningKey = "AAAA" }), enrol.ErrMalformed},
		{"a key of another kind", func() enrol.Body {
			b := newBody(t, "web", newPublic(t, "ec-p256"), signing, now)
			b.Token = o.invite(t, "web")
			return b
		}(), enrol.ErrKey},
		{"no key", newBody(t, "web", "tiger", signing, now), enrol.ErrKey},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if answer, err := o.Register(t.Context(), tc.body, now); !errors.Is(err, tc.want) {
				t.Errorf("answer %+v, error %v; want %v", answer, err, tc.want)
			}
		})
	}
	known, err := o.store.Enrolments(t.Context())
	if err != nil || len(known) != 1 {
		t.Errorf("%d enrolments are kept, %v", len(known), err)
	}
}

func TestInvitationExpires(t *testing.T) {
	o := newOffice(t)
	later := now.Add(time.Hour)
	body := newBody(t, "web", newPublic(t, "age"), newSigning(t), later)
	body.Token = o.invite(t, "web")
	if _, err := o.Register(t.Context(), body, later); !errors.Is(err, enrol.ErrRefused) {
		t.Errorf("error %v", err)
	}
}

func TestTokenAgent(t *testing.T) {
	if agent, err := enrol.TokenAgent(enrol.NewToken("a.b-c")); err != nil || agent != "a.b-c" {
		t.Errorf("%q, %v", agent, err)
	}
	for _, bad := range []string{"", "web", "web:", ":" + base64.RawURLEncoding.EncodeToString(make([]byte, 32)), "web:AAAA", enrol.NewToken("web") + "=", "-----BEGIN"} {
		if agent, err := enrol.TokenAgent(bad); !errors.Is(err, enrol.ErrMalformed) {
			t.Errorf("%q: agent %q, %v", bad, agent, err)
		}
	}
}

func FuzzReadBody(f *testing.F) {
	for _, seed := range []string{
		`{"agent":"web","token":"t","signing_key":"k","request":"r"}`,
		`{"agent":"web","signing_key":"k","request":"r","endorsement":"e"}`,
		`{"agent":"web","token":"t","signing_key":"k","request":"r","endorsement":"e"}`,
		`{"agent":"web"}`, `{"agent":"web","token":"t","signing_key":"k","request":"r"} x`, `{"more":1}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := enrol.ReadBody(data)
		if err != nil {
			if body != (enrol.Body{}) || !errors.Is(err, enrol.ErrMalformed) {
				t.Fatalf("%+v, %v", body, err)
			}
			return
		}
		again, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := enrol.ReadBody(again); err != nil || second != body {
			t.Fatalf("read again: %+v, %v; was %+v", second, err, body)
		}
		if _, err := (&enrol.Desk{Rule: func(string) (enrol.Rule, bool) { return "", false }}).Register(context.Background(), body, now); err == nil {
			t.Fatal("registered")
		}
	})
}

// Of many who use one invitation at the same moment one registers keys.
func TestOneInvitationServesOne(t *testing.T) {
	o := newOffice(t)
	o.rule = enrol.Allow
	token := o.invite(t, "web")
	bodies := make([]enrol.Body, 20)
	for i := range bodies {
		bodies[i] = newBody(t, "web", newPublic(t, "age"), newSigning(t), now)
		bodies[i].Token = token
	}
	var group sync.WaitGroup
	var registered, refused atomic.Int64
	for _, body := range bodies {
		group.Go(func() {
			switch _, err := o.Register(t.Context(), body, now); {
			case err == nil:
				registered.Add(1)
			case errors.Is(err, enrol.ErrRefused):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	known, err := o.store.Enrolments(t.Context())
	if err != nil || registered.Load() != 1 || refused.Load() != 19 || len(known) != 1 || known[0].State != outbox.Approved {
		t.Errorf("%d registered, %d were refused, %d are kept, %v", registered.Load(), refused.Load(), len(known), err)
	}
}

// A request with its endorsement, caught and sent again, brings no key back.
func TestReplayBringsNothingBack(t *testing.T) {
	o := newOffice(t)
	o.rule = enrol.Allow
	present := newSigning(t)
	first := newBody(t, "web", newPublic(t, "age"), present, now)
	first.Token = o.invite(t, "web")
	o.want(t, first, outbox.Approved)
	caught := endorse(t, present, newBody(t, "web", newPublic(t, "age"), present, now))
	o.want(t, caught, outbox.Approved)
	next := endorse(t, present, newBody(t, "web", newPublic(t, "age"), present, now))
	o.want(t, next, outbox.Approved)
	o.want(t, caught, outbox.Replaced)
	o.want(t, first, outbox.Replaced)
	o.want(t, next, outbox.Approved)
}
