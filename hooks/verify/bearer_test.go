package verify_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

const (
	oldToken = "an-old-token-of-enough-length"
	newToken = "Zm9yIHRoZSByb3RhdGlvbg=="
)

func bearerVerifier(t testing.TB) hooks.Verifier {
	t.Helper()
	v, err := verify.NewBearer(verify.Bearer{Tokens: []*hooks.Value{text(oldToken), text(newToken)}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBearer(t *testing.T) {
	const (
		wrongToken  = "not authenticated: the token is not accepted: check the token"
		wrongHeader = `not authenticated: header Authorization is not "Bearer TOKEN"`
	)
	tests := []struct {
		name  string
		lines []string
		want  string
	}{
		{"old token", []string{"Bearer " + oldToken}, ""},
		{"new token", []string{"Bearer " + newToken}, ""},
		{"scheme in lower case", []string{"bearer " + oldToken}, ""},
		{"scheme in upper case", []string{"BEARER " + newToken}, ""},
		{"no header", nil, "not authenticated: missing header Authorization"},
		{"two headers", []string{"Bearer " + oldToken, "Bearer " + oldToken}, "not authenticated: more than one header Authorization"},
		{"empty header", []string{""}, wrongHeader},
		{"token alone", []string{oldToken}, wrongHeader},
		{"other scheme", []string{"Basic " + oldToken}, wrongHeader},
		{"no token", []string{"Bearer "}, wrongToken},
		{"two spaces", []string{"Bearer  " + oldToken}, wrongToken},
		{"space behind", []string{"Bearer " + oldToken + " "}, wrongToken},
		{"beginning of a token", []string{"Bearer " + oldToken[:20]}, wrongToken},
		{"more than a token", []string{"Bearer " + oldToken + "x"}, wrongToken},
		{"token in upper case", []string{"Bearer " + strings.ToUpper(oldToken)}, wrongToken},
		{"both tokens", []string{"Bearer " + oldToken + "," + newToken}, wrongToken},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := bearerVerifier(t).Verify(&hooks.Request{Header: http.Header{"Authorization": test.lines}})
			if errorText(err) != test.want || err != nil && !errors.Is(err, hooks.ErrUnauthenticated) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			if got != (hooks.Verified{}) {
				t.Errorf("a bearer token tells %+v", got)
			}
		})
	}
}

func TestNewBearerRefuses(t *testing.T) {
	const badCharacter = "token 1: has a character that a bearer token cannot have; letters, digits and -._~+/ are allowed, with = at the end only"
	tests := []struct {
		name   string
		tokens []*hooks.Value
		want   string
	}{
		{"none", nil, "no token: set tokens, token_files or keys"},
		{"short", []*hooks.Value{text(oldToken), text("fifteen-letters")}, "token 2: has 15 characters, 16 to 4096 are allowed"},
		{"long", []*hooks.Value{text(strings.Repeat("x", 4097))}, "token 1: has 4097 characters, 16 to 4096 are allowed"},
		{"space", []*hooks.Value{text("a token with spaces")}, badCharacter},
		{"newline", []*hooks.Value{text(oldToken + "\n")}, badCharacter},
		{"padding inside", []*hooks.Value{text("abcdefgh=abcdefgh")}, badCharacter},
		{"many", make([]*hooks.Value, 9), "more than 8 tokens are configured; remove the oldest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := verify.NewBearer(verify.Bearer{Tokens: test.tokens}); errorText(err) != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer " + oldToken)
	f.Add("bearer " + newToken)
	f.Add("Bearer")
	v := bearerVerifier(f)
	f.Fuzz(func(t *testing.T, header string) {
		_, err := v.Verify(&hooks.Request{Header: http.Header{"Authorization": {header}}})
		good := len(header) > 7 && strings.EqualFold(header[:7], "Bearer ") && (header[7:] == oldToken || header[7:] == newToken)
		if good != (err == nil) || err != nil && !errors.Is(err, hooks.ErrUnauthenticated) {
			t.Fatalf("%q: error is %v", header, err)
		}
	})
}
