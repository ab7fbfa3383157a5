package verify_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
)

// password has colons, which RFC 7617 allows in a password.
const password = "a:password:with:colons é"

var basicHeader = "Basic " + base64.StdEncoding.EncodeToString([]byte("keeper:"+password))

func TestBasic(t *testing.T) {
	v := must(t)(verify.NewBasic(verify.Basic{User: "keeper", Keys: keys(password, "another long password")}))
	const (
		wrong  = "not authenticated: the user or password is not accepted: check the user or password"
		base64 = "not authenticated: the credentials in header Authorization are not padded base64"
		form   = `not authenticated: header Authorization is not "Basic CREDENTIALS"`
	)
	basic := func(text string) string { return "Basic " + encode(text) }
	for _, test := range []struct{ name, header, want string }{
		{"first password", basicHeader, ""},
		{"second password", basic("keeper:another long password"), ""},
		{"scheme in lower case", "basic " + basicHeader[6:], ""},
		{"other user", basic("other:" + password), wrong},
		{"no user", basic(":" + password), wrong},
		{"user with the colon elsewhere", basic("keeper:a:password:with:colons"), wrong},
		{"no colon", basic("keeper" + password), wrong},
		{"empty", "Basic ", wrong},
		{"no credentials", "Basic", form},
		{"bearer", "Bearer " + basicHeader[6:], form},
		{"no padding", strings.TrimRight(basic("keeper:another long passwo"), "="), base64},
		{"line break", basicHeader[:10] + "\n" + basicHeader[10:], base64},
		{"not base64", "Basic keeper:" + password, base64},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := v.Verify(&hooks.Request{Header: http.Header{"Authorization": {test.header}}})
			if errorText(err) != test.want || got != (hooks.Verified{}) {
				t.Errorf("%+v, %v; want %q", got, err, test.want)
			}
		})
	}
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestNewBasicRefuses(t *testing.T) {
	const noUser = "no user: set one without colon and control characters"
	for _, test := range []struct {
		name     string
		settings verify.Basic
		want     string
	}{
		{"no user", verify.Basic{Keys: keys(password)}, noUser},
		{"user with a colon", verify.Basic{User: "a:b", Keys: keys(password)}, noUser},
		{"user with a tab", verify.Basic{User: "a\tb", Keys: keys(password)}, noUser},
		{"no password", verify.Basic{User: "a"}, "no password: set passwords, password_files or keys"},
		{"short", verify.Basic{User: "a", Keys: keys("fifteen-letters")}, "password 1: has 15 characters, 16 to 4096 are allowed"},
		{"newline", verify.Basic{User: "a", Keys: keys(password + "\n")}, "password 1: has a control character, which RFC 7617 does not allow"},
		{"many", verify.Basic{User: "a", Keys: make([]verify.Key, 9)}, "more than 8 passwords are configured; remove the oldest"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v, err := verify.NewBasic(test.settings); errorText(err) != test.want || v != nil {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

func TestAPIKeyInQuery(t *testing.T) {
	v := must(t)(verify.NewAPIKey(verify.APIKey{Query: "code", Keys: keys("a+token/with&odd=signs", newToken)}))
	const (
		once  = "not authenticated: the URL does not have the query parameter code exactly once"
		wrong = "not authenticated: the token is not accepted: check the token"
	)
	for _, test := range []struct{ name, query, want string }{
		{"escaped", "code=a%2Btoken%2Fwith%26odd%3Dsigns", ""},
		{"second token, with another parameter", "secret=x&code=" + url.QueryEscape(newToken), ""},
		{"plus is a space", "code=a+token%2Fwith%26odd%3Dsigns", wrong},
		{"empty", "code=", wrong},
		{"missing", "", once},
		{"other case", "Code=" + url.QueryEscape(newToken), once},
		{"twice", "code=" + url.QueryEscape(newToken) + "&code=" + url.QueryEscape(newToken), once},
		{"broken escape", "code=%zz", "not authenticated: the URL's query cannot be read"},
		{"semicolon", "a=b;code=x", "not authenticated: the URL's query cannot be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := v.Verify(&hooks.Request{URL: &url.URL{Path: "/", RawQuery: test.query}, Header: http.Header{"Code": {newToken}}})
			if errorText(err) != test.want || got != (hooks.Verified{}) {
				t.Errorf("%+v, %v; want %q", got, err, test.want)
			}
		})
	}
	if _, err := v.Verify(&hooks.Request{}); errorText(err) != once {
		t.Errorf("no URL: %v", err)
	}
}

// TestAPIKeyEveryBitFlip flips each bit of the token in a query. Flips that make
// it two parameters, or something else of the URL, are among those refused.
func TestAPIKeyEveryBitFlip(t *testing.T) {
	v := must(t)(verify.NewAPIKey(verify.APIKey{Query: "code", Keys: keys(oldToken)}))
	valid := "code=" + oldToken
	for bit := range len(valid) * 8 {
		flipped := []byte(valid)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := v.Verify(&hooks.Request{URL: &url.URL{RawQuery: string(flipped)}}); !errors.Is(err, hooks.ErrUnauthenticated) {
			t.Errorf("bit %d flipped: %v", bit, err)
		}
	}
}

func TestNewAPIKeyRefuses(t *testing.T) {
	for _, test := range []struct {
		name     string
		settings verify.APIKey
		want     string
	}{
		{"no place", verify.APIKey{Keys: keys(oldToken)}, "set exactly one of header and query"},
		{"two places", verify.APIKey{Header: "X", Query: "x", Keys: keys(oldToken)}, "set exactly one of header and query"},
		{"no name", verify.APIKey{Header: "a b", Keys: keys(oldToken)}, "header is not the name of a header: letters, digits and hyphens"},
		{"no token", verify.APIKey{Query: "x"}, "no token: set tokens, token_files or keys"},
		{"space", verify.APIKey{Query: "x", Keys: keys("a token with spaces")}, "token 1: has a character that is not printable ASCII, or a space"},
		{"short", verify.APIKey{Query: "x", Keys: keys("short")}, "token 1: has 5 characters, 16 to 4096 are allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v, err := verify.NewAPIKey(test.settings); errorText(err) != test.want || v != nil {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

// FuzzCredentials: whatever is sent, only the credentials themselves are
// accepted.
func FuzzCredentials(f *testing.F) {
	ok := must(f)
	basic := ok(verify.NewBasic(verify.Basic{User: "keeper", Keys: keys(password)}))
	query := ok(verify.NewAPIKey(verify.APIKey{Query: "code", Keys: keys(oldToken)}))
	f.Add(basicHeader)
	f.Add("bAsIc " + encode("keeper:"+oldToken))
	f.Add("a=b&code=" + oldToken)
	f.Add("code=%2")
	f.Fuzz(func(t *testing.T, sent string) {
		_, err := basic.Verify(&hooks.Request{Header: http.Header{"Authorization": {sent}}})
		if err == nil && (!strings.EqualFold(sent[:6], "basic ") || sent[6:] != basicHeader[6:]) {
			t.Fatalf("%q is accepted", sent)
		}
		if err != nil && !errors.Is(err, hooks.ErrUnauthenticated) {
			t.Fatal(err)
		}
		_, err = query.Verify(&hooks.Request{URL: &url.URL{RawQuery: sent}})
		values, _ := url.ParseQuery(sent)
		if err == nil && values.Get("code") != oldToken {
			t.Fatalf("%q is accepted", sent)
		}
		if err != nil && !errors.Is(err, hooks.ErrUnauthenticated) {
			t.Fatal(err)
		}
	})
}
