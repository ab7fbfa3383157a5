package adapters_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

const (
	setConfig     = "jwks_file: keys.json\nissuer: https://idp.example.com/\naudiences: [https://relay.example.com, other]\n"
	setChanged    = "https://schemas.openid.net/secevent/caep/event-type/credential-change"
	setVerifies   = "https://schemas.openid.net/secevent/ssf/event-type/verification"
	setMedia      = "application/secevent+jwt"
	setIssuedAt   = 1767225600
	setReceivedIn = 10 * time.Second
)

// setKey is the transmitter's, or another's: a key for tests only.
func setKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func setSettings(t testing.TB, config string) hooks.Settings {
	t.Helper()
	s := settings(config)
	s.ReadSecret = func(path string) (*hooks.Value, error) {
		if path != "keys.json" {
			return nil, errors.New("no such file")
		}
		return text(setKeys(t)), nil
	}
	return s
}

// setKeys is the transmitter's JWK Set.
func setKeys(t testing.TB) string {
	t.Helper()
	key := jose.JSONWebKey{Key: setKey(1).Public(), KeyID: "k1", Use: "sig"}
	document, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	return string(document)
}

func newSETPush(t testing.TB, config string) hooks.Adapter {
	t.Helper()
	adapter, err := adapters.Table["set-push"](setSettings(t, config))
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

// setToken signs a payload as a transmitter does.
func setToken(t testing.TB, key ed25519.PrivateKey, id, kind, payload string) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithHeader("kid", id)
	if kind != "" {
		options = options.WithType(jose.ContentType(kind))
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(payload))
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func setRequest(token string) *hooks.Request {
	return &hooks.Request{
		Method: http.MethodPost, Header: http.Header{"Content-Type": {setMedia}, "Accept": {"application/json"}},
		Body: []byte(token), Received: time.Unix(setIssuedAt, 0).Add(setReceivedIn),
	}
}

// setClaims is the payload of a SET, with some of its claims others, or none.
func setClaims(t testing.TB, change map[string]any) string {
	t.Helper()
	claims := map[string]any{
		"iss": "https://idp.example.com/", "aud": "https://relay.example.com", "iat": setIssuedAt, "jti": "756E69717565",
		"sub_id": map[string]string{"format": "opaque", "id": "db-pass"},
		"events": map[string]any{setChanged: map[string]any{"credential_type": "password", "change_type": "update"}},
	}
	maps.Copy(claims, change)
	for name, value := range change {
		if value == nil {
			delete(claims, name)
		}
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return string(payload)
}

// readSET reads a SET of the transmitter whose claims are changed.
func readSET(t testing.TB, config string, change map[string]any) (hooks.Message, error) {
	t.Helper()
	token := setToken(t, setKey(1), "k1", "secevent+jwt", setClaims(t, change))
	return newSETPush(t, config).Read(setRequest(token), hooks.Verified{})
}

func TestSETPushReads(t *testing.T) {
	event := func(kind string) map[string]any { return map[string]any{kind: map[string]any{}} }
	const at = "2026-01-01T00:00:00Z"
	tests := []struct {
		name, config string
		change       map[string]any
		want         []view
	}{
		{"a credential changed", "", nil, []view{{"756E69717565", "db-pass", "changed", "", nil, at}}},
		{"audiences", "", map[string]any{"aud": []string{"x", "other"}}, []view{{"756E69717565", "db-pass", "changed", "", nil, at}}},
		{"when it happened", "", map[string]any{"toe": 1767225500.75}, []view{{"756E69717565", "db-pass", "changed", "", nil, "2025-12-31T23:58:20Z"}}},
		{"names here", "secret_names: {db-pass: [a, b]}", nil, []view{{"756E69717565/0", "a", "changed", "", nil, at}, {"756E69717565/1", "b", "changed", "", nil, at}}},
		{"another subject", "subject: /sub_id/email\nsecret_prefix: prod/", map[string]any{"sub_id": map[string]string{"format": "email", "email": "db@example.com"}}, []view{{"756E69717565", "prod/db@example.com", "changed", "", nil, at}}},
		{"subject of an older SET", `subject: "/events/https:~1~1schemas.openid.net~1secevent~1caep~1event-type~1credential-change/subject/id"`, map[string]any{
			"sub_id": nil, "events": map[string]any{setChanged: map[string]any{"subject": map[string]string{"id": "db"}}},
		}, []view{{"756E69717565", "db", "changed", "", nil, at}}},
		{"another type", "event_types: [urn:example:rotated]", map[string]any{"events": event("urn:example:rotated")}, []view{{"756E69717565", "db-pass", "changed", "", nil, at}}},
		{"not yet expired", "", map[string]any{"exp": setIssuedAt + 1}, []view{{"756E69717565", "db-pass", "changed", "", nil, at}}},
		{"verification of the stream", "", map[string]any{"events": map[string]any{setVerifies: map[string]any{"state": "x"}}, "sub_id": nil}, nil},
		{"a type that tells nothing", "", map[string]any{"events": event("https://schemas.openid.net/secevent/caep/event-type/session-revoked")}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message, err := readSET(t, setConfig+test.config, test.change)
			if err != nil {
				t.Fatal(err)
			}
			var got []view
			for _, event := range message.Events {
				got = append(got, viewOf(t, event))
			}
			if diff := cmp.Diff(test.want, got); diff != "" || message.Reply != nil {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestSETPushRefuses(t *testing.T) {
	const (
		request, key = "invalid_request", "invalid_key"
		unknown      = "no key of the issuer has signed the token: check the issuer and its keys"
		notJWS       = "the token is not a JWS in compact serialization of at most 16384 bytes"
		notSET       = "the body is not a SET in compact serialization (RFC 7515, section 7.1)"
	)
	good := setClaims(t, nil)
	claims := func(change map[string]any) string {
		return setToken(t, setKey(1), "k1", "secevent+jwt", setClaims(t, change))
	}
	signed := setToken(t, setKey(1), "k1", "secevent+jwt", good)
	tests := []struct {
		name, token string
		class       error
		code, want  string
	}{
		{"nothing", "", hooks.ErrMalformed, request, notSET},
		{"no JWS", "hunter2", hooks.ErrMalformed, request, notSET},
		{"JSON serialization", `{"payload":"hunter2"}`, hooks.ErrMalformed, request, notSET},
		{"a line behind", signed + "\n", hooks.ErrUnauthenticated, key, notJWS},
		{"a long one", signed + strings.Repeat("A", 20_000), hooks.ErrUnauthenticated, key, notJWS},
		{"unsigned", "eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0.e30.", hooks.ErrUnauthenticated, key, "the token is no JWS, or signed with an algorithm that is not accepted; RS, PS, ES 256 to 512 and EdDSA are"},
		{"another's key", setToken(t, setKey(2), "k1", "secevent+jwt", good), hooks.ErrUnauthenticated, key, unknown},
		{"an unknown key", setToken(t, setKey(1), "hunter2", "secevent+jwt", good), hooks.ErrUnauthenticated, key, unknown},
		{"an ID token", setToken(t, setKey(1), "k1", "JWT", good), hooks.ErrMalformed, request, "the token's type (typ) is not secevent+jwt"},
		{"no kind", setToken(t, setKey(1), "k1", "", good), hooks.ErrMalformed, request, "the token's type (typ) is not secevent+jwt"},
		{"no JSON", setToken(t, setKey(1), "k1", "secevent+jwt", "hunter2"), hooks.ErrMalformed, request, "JSON is not accepted at byte 0: a value should begin here"},
		{"no object", setToken(t, setKey(1), "k1", "secevent+jwt", `["hunter2"]`), hooks.ErrMalformed, request, "the claims are an array, not an object"},
		{"same claim twice", setToken(t, setKey(1), "k1", "secevent+jwt", `{"iss":"hunter2","iss":"https://idp.example.com/"}`), hooks.ErrMalformed, request, "JSON is not accepted at byte 17: the object has this member name twice"},
		{"another issuer", claims(map[string]any{"iss": "https://idp.example.com"}), hooks.ErrUnauthenticated, "invalid_issuer", "the claim iss is not the source's issuer"},
		{"no issuer", claims(map[string]any{"iss": nil}), hooks.ErrUnauthenticated, "invalid_issuer", "the claim iss is not the source's issuer"},
		{"another audience", claims(map[string]any{"aud": []string{"hunter2"}}), hooks.ErrUnauthenticated, "invalid_audience", "the claim aud names none of the source's audiences"},
		{"no audience", claims(map[string]any{"aud": nil}), hooks.ErrUnauthenticated, "invalid_audience", "the claim aud names none of the source's audiences"},
		{"no time", claims(map[string]any{"iat": nil}), hooks.ErrMalformed, request, "the token has no claim iat"},
		{"time in words", claims(map[string]any{"iat": "2026-01-01T00:00:00Z"}), hooks.ErrMalformed, request, "the claim iat is not a number of seconds since 1970"},
		{"time in milliseconds", claims(map[string]any{"iat": setIssuedAt * 1000}), hooks.ErrMalformed, request, "the claim iat is not a number of seconds since 1970"},
		{"time with an exponent", claims(map[string]any{"iat": json.RawMessage("1767225600.5e0")}), hooks.ErrMalformed, request, "the claim iat is not a number of seconds since 1970"},
		{"from the future", claims(map[string]any{"iat": setIssuedAt + 311}), hooks.ErrUnauthenticated, "authentication_failed", "the claim iat is in the future: set the clocks"},
		{"old", claims(map[string]any{"iat": setIssuedAt - 24*3600}), hooks.ErrUnauthenticated, "authentication_failed", "the claim iat is longer ago than max_age"},
		{"expired", claims(map[string]any{"exp": setIssuedAt - 291}), hooks.ErrUnauthenticated, "authentication_failed", "the token has expired"},
		{"no ID", claims(map[string]any{"jti": nil}), hooks.ErrMalformed, request, "/jti is missing, not a string"},
		{"space in the ID", claims(map[string]any{"jti": "hunter 2"}), hooks.ErrMalformed, request, "/jti is not 1 to 256 printable ASCII characters without space"},
		{"no events", claims(map[string]any{"events": nil}), hooks.ErrMalformed, request, "/events is missing, not an object"},
		{"none among the events", claims(map[string]any{"events": map[string]any{}}), hooks.ErrMalformed, request, "/events has no event"},
		{"text as event", claims(map[string]any{"events": map[string]any{setChanged: "hunter2"}}), hooks.ErrMalformed, request, "an event in /events is a string, not an object"},
		{"no subject", claims(map[string]any{"sub_id": nil}), hooks.ErrMalformed, request, "/sub_id/id is missing; a secret's name is a string"},
		{"bad time of the event", claims(map[string]any{"toe": -1}), hooks.ErrMalformed, request, "the claim toe is not a number of seconds since 1970"},
	}
	adapter := newSETPush(t, setConfig)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message, err := adapter.Read(setRequest(test.token), hooks.Verified{})
			if !errors.Is(err, test.class) || err.Error() != test.class.Error()+": "+test.want || len(message.Events) > 0 {
				t.Fatalf("error is %v, want %s", err, test.want)
			}
			reply, ok := adapter.(hooks.Answerer).Answer(err)
			body := fmt.Sprintf(`{"description":%q,"err":%q}`, err.Error(), test.code)
			want := hooks.Reply{Status: 400, Header: http.Header{"Content-Type": {"application/json"}, "Content-Language": {"en"}}, Body: []byte(body)}
			if diff := cmp.Diff(want, reply); diff != "" || !ok {
				t.Errorf("-want +got:\n%s", diff)
			}
			if strings.Contains(err.Error(), "hunter") {
				t.Errorf("error repeats what was sent: %v", err)
			}
		})
	}
}

func TestSETPushMedia(t *testing.T) {
	const want = "unsupported media type: Content-Type is not application/secevent+jwt"
	token := setToken(t, setKey(1), "k1", "application/secevent+jwt", setClaims(t, nil))
	adapter := newSETPush(t, setConfig)
	for _, lines := range [][]string{{}, {"application/json"}, {"application/jwt"}, {setMedia, setMedia}, {"a/b;c"}} {
		r := setRequest(token)
		r.Header["Content-Type"] = lines
		event, err := one(adapter.Read(r, hooks.Verified{}))
		checkRefused(t, event, err, want)
		if reply, ok := adapter.(hooks.Answerer).Answer(err); !ok || !strings.Contains(string(reply.Body), `"err":"invalid_request"`) {
			t.Errorf("answer is %d %s", reply.Status, reply.Body)
		}
	}
	r := setRequest(token)
	r.Header.Set("Content-Encoding", "gzip")
	if _, err := adapter.Read(r, hooks.Verified{}); !errors.Is(err, hooks.ErrMediaType) {
		t.Errorf("compressed: error is %v", err)
	}
	if _, err := adapter.Read(setRequest(token), hooks.Verified{}); err != nil {
		t.Errorf("with the whole media type as its own: %v", err)
	}
}

func TestSETPushAnswers(t *testing.T) {
	answerer := newSETPush(t, setConfig).(hooks.Answerer)
	if reply, ok := answerer.Answer(nil); !ok || reply.Status != 202 || reply.Body != nil {
		t.Errorf("success is answered with %d %s", reply.Status, reply.Body)
	}
	if reply, ok := answerer.Answer(fmt.Errorf("%w: no token", hooks.ErrUnauthenticated)); !ok || reply.Status != 400 || string(reply.Body) != `{"description":"not authenticated: no token","err":"authentication_failed"}` {
		t.Errorf("the verifier's refusal is answered with %d %s", reply.Status, reply.Body)
	}
	for _, err := range []error{errors.New("forbidden"), hooks.ErrUnavailable} {
		if reply, ok := answerer.Answer(err); ok {
			t.Errorf("%v is answered with %d", err, reply.Status)
		}
	}
}

// TestSETPushOneBit: a token with any bit of it flipped is refused. One in the
// signature's base64 cannot stand for the same bytes.
func TestSETPushOneBit(t *testing.T) {
	token := []byte(setToken(t, setKey(1), "k1", "secevent+jwt", setClaims(t, nil)))
	adapter := newSETPush(t, setConfig)
	for i := range token {
		for bit := range 8 {
			token[i] ^= 1 << bit
			if message, err := adapter.Read(setRequest(string(token)), hooks.Verified{}); !errors.Is(err, hooks.ErrUnauthenticated) && !errors.Is(err, hooks.ErrMalformed) || len(message.Events) > 0 {
				t.Fatalf("byte %d, bit %d: error is %v", i, bit, err)
			}
			token[i] ^= 1 << bit
		}
	}
}

func TestSETPushSettings(t *testing.T) {
	tests := []struct{ name, config, want string }{
		{"nothing", "{}", "issuer is not set: the claim iss of the transmitter's tokens\naudiences: name at least one value that the claim aud has for this receiver\nthe issuer's keys: set exactly one of jwks_file and jwks_url"},
		{"no such file", strings.Replace(setConfig, "keys", "other", 1), "no such file"},
		{"empty audience", strings.Replace(setConfig, "other", `""`, 1), "audiences: name at least one value that the claim aud has for this receiver"},
		{"no types", setConfig + "event_types: []", "event_types: name at least one type, or leave the setting out"},
		{"no subject", setConfig + `subject: ""`, "subject: name a place, or leave the setting out"},
		{"bad subject", setConfig + "subject: id", `subject: JSON Pointer "id" does not begin with a slash`},
		{"short age", setConfig + "max_age: 59s", "max_age is not at least 1m"},
		{"bad name", setConfig + "secret_names: {x: [../a]}", "secret_names: malformed request: a segment of a secret name begins or ends with a dot or a space"},
		{"both keys", setConfig + "jwks_url: https://idp.example.com/jwks", "the issuer's keys: set exactly one of jwks_file and jwks_url"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := adapters.Table["set-push"](setSettings(t, test.config)); err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

// FuzzSETPush: whatever the transmitter signs, the adapter refuses with an error
// of a class that has an answer, or tells of one change.
func FuzzSETPush(f *testing.F) {
	f.Add([]byte(setClaims(f, nil)))
	f.Add([]byte(setClaims(f, map[string]any{"aud": []string{"other"}, "toe": 1.5, "exp": setIssuedAt})))
	f.Add([]byte(setClaims(f, map[string]any{"events": map[string]any{setVerifies: map[string]any{}}})))
	adapter := newSETPush(f, setConfig)
	f.Fuzz(func(t *testing.T, payload []byte) {
		message, err := adapter.Read(setRequest(setToken(t, setKey(1), "k1", "secevent+jwt", string(payload))), hooks.Verified{})
		if err != nil {
			if reply, ok := adapter.(hooks.Answerer).Answer(err); !ok || reply.Status != 400 || !json.Valid(reply.Body) || len(message.Events) > 0 {
				t.Fatalf("%d events, error %v, answer %d", len(message.Events), err, reply.Status)
			}
			return
		}
		var claims struct {
			JTI   string                     `json:"jti"`
			SubID map[string]json.RawMessage `json:"sub_id"`
		}
		if err := json.Unmarshal(payload, &claims); err != nil && len(message.Events) > 0 {
			t.Fatal(err)
		}
		for _, event := range message.Events {
			if event.ID != claims.JTI || event.Secret == "" || event.Operation != hooks.Changed || event.OccurredAt.IsZero() {
				t.Fatalf("event %q of %q at %v", event.ID, event.Secret, event.OccurredAt)
			}
		}
	})
}

// benchSETPush is what a SET of 1 KiB takes, beside the bare verification of its
// signature and the check that it is JSON.
func benchSETPush(b *testing.B) {
	payload := setClaims(b, map[string]any{"more": strings.Repeat("x", 350)})
	token := setToken(b, setKey(1), "k1", "secevent+jwt", payload)
	public, ok := setKey(1).Public().(ed25519.PublicKey)
	if !ok {
		b.Fatal("the key is of another kind")
	}
	signature := ed25519.Sign(setKey(1), []byte(token))
	benchRead(b, "set-push", newSETPush(b, setConfig), setRequest(token), func() bool {
		return ed25519.Verify(public, []byte(token), signature) && json.Valid([]byte(payload))
	})
}
