package adapters_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPsonoReads(t *testing.T) {
	testNotices(t, "psono", []noticeTest{
		{"form", "{}", `event=UPDATE_SECRET_SUCCESS&secret_id=abc`, changes("abc")},
		{"escaped", "{}", `secret_id=a%2Db&event=UPDATE%5FSECRET_SUCCESS`, changes("a-b")},
		{"JSON", "{}", ` {"event":"UPDATE_SECRET_SUCCESS","secret_id":"abc"}`, changes("abc")},
		{"another event", "{}", `event=CREATE_SECRET_SUCCESS&secret_id=abc`, nil},
		{"another event in JSON", "{}", `{"event":"x","secret_id":""}`, nil},
	})
}

func TestPsonoRefuses(t *testing.T) {
	const none = "the body is neither a JSON object nor a form"
	testRefusedNotices(t, "psono", []refusedNotice{
		{"no event", "{}", `secret_id=hunter2`, "event is 0 times in the form, and has to be there once, in UTF-8"},
		{"no secret", "{}", `event=UPDATE_SECRET_SUCCESS`, "secret_id is 0 times in the form, and has to be there once, in UTF-8"},
		{"two secrets", "{}", `event=UPDATE_SECRET_SUCCESS&secret_id=hunter2&secret_id=b`, "secret_id is 2 times in the form, and has to be there once, in UTF-8"},
		{"empty secret", "{}", `event=UPDATE_SECRET_SUCCESS&secret_id=`, "secret_id has 0 bytes; a secret's ID has 1 to 255"},
		{"long secret", "{}", `event=UPDATE_SECRET_SUCCESS&secret_id=` + strings.Repeat("hunter2", 40), "secret_id has 280 bytes; a secret's ID has 1 to 255"},
		{"bad escape", "{}", `event=UPDATE_SECRET_SUCCESS&secret_id=hunter%zz`, none},
		{"semicolon", "{}", `event=UPDATE_SECRET_SUCCESS;secret_id=hunter2`, none},
		{"escaped, not UTF-8", "{}", `event=UPDATE_SECRET_SUCCESS&secret_id=%ff`, "secret_id is 1 times in the form, and has to be there once, in UTF-8"},
		{"long form", "{}", `event=UPDATE_SECRET_SUCCESS&secret_id=hunter2&` + strings.Repeat("a&", 600), none + " in UTF-8 of at most 1024 bytes"},
		{"JSON without event", "{}", `{"secret_id":"hunter2"}`, "/event is missing, not a string"},
		{"JSON without secret", "{}", `{"event":"hunter2"}`, "/secret_id is missing, not a string"},
	})
}

// FuzzPsono: the adapter reads the secret that net/url reads in a form.
func FuzzPsono(f *testing.F) {
	f.Add([]byte(`event=UPDATE_SECRET_SUCCESS&secret_id=abc`))
	f.Add([]byte(`event=UPDATE_SECRET_SUCCESS&secret_id=a%20b&x=1`))
	f.Add([]byte(`{"event":"UPDATE_SECRET_SUCCESS","secret_id":"abc"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := readNotices(t, "psono", "{}", body)
		if len(got) == 0 || strings.Contains(string(body), "{") {
			return
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(changes(form.Get("secret_id")), got); diff != "" || form.Get("event") != "UPDATE_SECRET_SUCCESS" {
			t.Fatalf("-net/url +adapter:\n%s", diff)
		}
	})
}
