package adapters_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/template"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

func newESOPush(t testing.TB, settings adapters.ESOPush) hooks.Adapter {
	t.Helper()
	adapter, err := adapters.NewESOPush(settings)
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

// esoRequest is what the provider sends: it says a Content-Type only where the
// store's headers do.
func esoRequest(method, query, media, body string) *hooks.Request {
	r := &hooks.Request{Method: method, URL: &url.URL{RawQuery: query}, Header: http.Header{}, Body: []byte(body)}
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return r
}

const asJSON = "application/json"

func TestESOPushReads(t *testing.T) {
	tests := []struct {
		name                       string
		body                       string
		method, query, media, sent string
		want                       view
	}{
		{
			"the template", "", "POST", "secret=db%2Forders", asJSON,
			`{"source":"eso","key":"db/orders","value":"ti\"ger\n","delivery_id":"3e9c0cbe","ts":1767225600}`,
			view{"", "prod/db/orders", "set", "ti\"ger\n", nil, "2026-01-01T00:00:00Z"},
		},
		{
			"the name in the body alone", "template", "POST", "", asJSON, `{"key":"a","value":"x"}`,
			view{"", "prod/a", "set", "x", nil, ""},
		},
		{
			"bytes", "", "POST", "secret=a", asJSON, `{"key":"a","value_base64":"/wD+"}`,
			view{"", "prod/a", "set", "\xff\x00\xfe", nil, ""},
		},
		{
			"a whole Secret as fields", "", "POST", "secret=a", asJSON, `{"key":"a","fields":{"user":"scott","password":"tiger"}}`,
			view{"", "prod/a", "set", `{"password":"tiger","user":"scott"}`, []string{"password", "user"}, ""},
		},
		{
			"the value alone", "value", "POST", "secret=db%2Forders", "", "{{ti\"ger}}\xff\n",
			view{"", "prod/db/orders", "set", "{{ti\"ger}}\xff\n", nil, ""},
		},
		{
			"the value alone, with a type", "value", "POST", "secret=a", "text/plain; charset=latin1", "x",
			view{"", "prod/a", "set", "x", nil, ""},
		},
		{
			"a whole Secret alone", "fields", "POST", "secret=a", "", `{"user":"scott","password":"tiger"}`,
			view{"", "prod/a", "set", `{"password":"tiger","user":"scott"}`, []string{"password", "user"}, ""},
		},
		{
			"a name that the provider does not escape", "", "DELETE", "secret=db/orders", "", "",
			view{"", "prod/db/orders", "delete", "", nil, ""},
		},
		{
			"a deletion beside a token", "value", "DELETE", "code=1&secret=a", "", "",
			view{"", "prod/a", "delete", "", nil, ""},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			adapter := newESOPush(t, adapters.ESOPush{SecretPrefix: "prod/", Body: test.body})
			event, err := one(adapter.Read(esoRequest(test.method, test.query, test.media, test.sent), hooks.Verified{EventID: "x"}))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, viewOf(t, event)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestESOPushAsks(t *testing.T) {
	adapter := newESOPush(t, adapters.ESOPush{SecretPrefix: "prod/"})
	message, err := adapter.Read(esoRequest("GET", "secret=db%2Forders", asJSON, ""), hooks.Verified{})
	if diff := cmp.Diff(hooks.Message{Exists: "prod/db/orders"}, message); err != nil || diff != "" {
		t.Errorf("error is %v, -want +got:\n%s", err, diff)
	}
	methods := adapter.(hooks.MethodTaker).Methods()
	if diff := cmp.Diff([]string{"GET", "POST", "DELETE"}, methods); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestESOPushRefuses(t *testing.T) {
	const (
		noName  = "malformed request: the URL has no query parameter secret; the store's url ends in ?secret={{ or .remoteRef.remoteKey .remoteRef.key }}"
		badName = "malformed request: the URL's query parameter secret is not one name of 1 to 255 bytes"
	)
	tests := []struct {
		name                       string
		body                       string
		method, query, media, sent string
		want                       string
	}{
		{"question without a name", "", "GET", "", "", "", noName},
		{"deletion without a name", "", "DELETE", "key=a", "", "", noName},
		{"deletion of two", "", "DELETE", "secret=a&secret=b", "", "", badName},
		{"deletion of an empty name", "", "DELETE", "secret=", "", "", badName},
		{"deletion of a long name", "", "DELETE", "secret=" + strings.Repeat("x", 256), "", "", badName},
		{"semicolon in the query", "", "DELETE", "secret=a;b", "", "", "malformed request: the URL's query is not valid"},
		{"bad escape in the query", "", "GET", "secret=%zz", "", "", "malformed request: the URL's query is not valid"},
		{"no type", "", "POST", "secret=a", "", `{"key":"a","value":"hunter2"}`, "unsupported media type: 0 headers Content-Type; send one, with application/json"},
		{"not JSON", "", "POST", "secret=a", asJSON, `hunter2`, "malformed request: JSON is not accepted at byte 0: a value should begin here"},
		{"same member twice", "", "POST", "", asJSON, `{"value":"hunter2","value":"x"}`, "malformed request: JSON is not accepted at byte 19: the object has this member name twice"},
		{"unknown member", "", "POST", "", asJSON, `{"key":"a","hunter2":1}`, "malformed request: the body has an unknown member; known are source, key, value, value_base64, fields, ts and delivery_id"},
		{"no key", "", "POST", "secret=a", asJSON, `{"value":"hunter2"}`, "malformed request: key is missing; a secret's name is a string"},
		{"other key than in the URL", "", "POST", "secret=b", asJSON, `{"key":"a","value":"hunter2"}`, "malformed request: the URL's query parameter secret and the body's key are not the same name"},
		{"time in words", "", "POST", "", asJSON, `{"key":"a","value":"hunter2","ts":"now"}`, "malformed request: ts is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"no value", "", "POST", "", asJSON, `{"key":"a"}`, "no value in the event: give value, value_base64 or fields"},
		{"empty value", "", "POST", "", asJSON, `{"key":"a","value":""}`, "no value in the event: value is empty"},
		{"two values", "", "POST", "", asJSON, `{"key":"a","value":"hunter2","fields":{}}`, "malformed request: more than one of value, value_base64 and fields; give one"},
		{"value without a name", "value", "POST", "", "", "hunter2", noName},
		{"empty body", "value", "POST", "secret=a", "", "", "no value in the event: the body is empty"},
		{"value of a deletion's form", "fields", "POST", "secret=a", "", "", "no value in the event: the body is empty"},
		{"fields of no object", "fields", "POST", "secret=a", "", `"hunter2"`, "malformed request: the body is a string, not the JSON object of a whole Secret; leave secretKey out of the PushSecret"},
		{"fields of no JSON", "fields", "POST", "secret=a", "", `hunter2`, "malformed request: JSON is not accepted at byte 0: a value should begin here"},
		{"fields with an empty one", "fields", "POST", "secret=a", "", `{"user":""}`, "no value in the event: field user is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := esoRequest(test.method, test.query, test.media, test.sent)
			event, err := one(newESOPush(t, adapters.ESOPush{Body: test.body}).Read(r, hooks.Verified{}))
			checkRefused(t, event, err, test.want)
		})
	}
	for _, body := range []string{"value", "fields"} {
		r := esoRequest("POST", "secret=a", asJSON, `{"a":"hunter2"}`)
		r.Header.Set("Content-Encoding", "gzip")
		event, err := one(newESOPush(t, adapters.ESOPush{Body: body}).Read(r, hooks.Verified{}))
		checkRefused(t, event, err, "unsupported media type: the body has a Content-Encoding; send it as it is")
	}
	if _, err := adapters.NewESOPush(adapters.ESOPush{Body: "raw"}); err == nil || err.Error() != "body is not one of template, value, fields" {
		t.Errorf("settings are accepted, or refused with %v", err)
	}
}

// TestESOTemplates runs the templates in the manual as the provider does: with
// text/template, the key and value escaped in the URL of a push, the key under
// another name in a question, and neither escaped in a deletion
// (providers/v1/webhook of External Secrets Operator).
func TestESOTemplates(t *testing.T) {
	var store struct {
		Spec struct {
			Provider struct {
				Webhook struct {
					URL, Body string
					Headers   map[string]string
				}
			}
		}
	}
	manual, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(manual), "\n## Adapter `eso-push`\n")
	text := regexp.MustCompile("(?s)```yaml\n(apiVersion.*?)```").FindStringSubmatch(section)
	if text == nil {
		t.Fatal("the manual has no store")
	}
	if err := yaml.Load([]byte(text[1]), &store); err != nil {
		t.Fatal(err)
	}
	webhook := store.Spec.Provider.Webhook
	run := func(text string, ref map[string]string) string {
		t.Helper()
		functions := template.FuncMap{
			"toJson":    func(v any) (string, error) { b, err := json.Marshal(v); return string(b), err },
			"now":       func() int64 { return 1767225600 },
			"unixEpoch": func(at int64) int64 { return at },
		}
		var out strings.Builder
		if err := template.Must(template.New("").Funcs(functions).Parse(text)).Execute(&out, map[string]map[string]string{"remoteRef": ref}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const key, value, whole = "db/or ders", "ti\"ger\n<&>{{é", `{"user":"scott","password":"<t>"}`
	escaped := url.QueryEscape(key)
	send := func(method string, address, body map[string]string) hooks.Message {
		t.Helper()
		at, err := url.Parse(run(webhook.URL, address))
		if err != nil {
			t.Fatal(err)
		}
		r := esoRequest(method, at.RawQuery, webhook.Headers["Content-Type"], run(webhook.Body, body))
		if method != "POST" && len(r.Body) > 0 {
			t.Errorf("%s has a body", method)
		}
		message, err := newESOPush(t, adapters.ESOPush{}).Read(r, hooks.Verified{})
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		return message
	}

	pushed := send("POST", map[string]string{"remoteKey": escaped, "secretKey": "p", escaped: ""}, map[string]string{"remoteKey": key, "secretKey": "p", key: value})
	if diff := cmp.Diff(view{"", key, "set", value, nil, "2026-01-01T00:00:00Z"}, viewOf(t, pushed.Events[0])); diff != "" {
		t.Errorf("push: -want +got:\n%s", diff)
	}
	pushed = send("POST", map[string]string{"remoteKey": escaped}, map[string]string{"remoteKey": key, key: whole})
	if diff := cmp.Diff(view{"", key, "set", `{"password":"<t>","user":"scott"}`, []string{"password", "user"}, "2026-01-01T00:00:00Z"}, viewOf(t, pushed.Events[0])); diff != "" {
		t.Errorf("push of a whole Secret: -want +got:\n%s", diff)
	}
	if asked := send("GET", map[string]string{"key": escaped, "version": "", "property": ""}, map[string]string{"key": key, "version": "", "property": ""}); asked.Exists != key {
		t.Errorf("question is for %q", asked.Exists)
	}
	deleted := send("DELETE", map[string]string{"remoteKey": key}, nil)
	if diff := cmp.Diff(view{"", key, "delete", "", nil, ""}, viewOf(t, deleted.Events[0])); diff != "" {
		t.Errorf("deletion: -want +got:\n%s", diff)
	}
}

// FuzzESOPush: whatever the URL and the body, the adapter reads what net/url
// and encoding/json read, or refuses with an error of a class.
func FuzzESOPush(f *testing.F) {
	f.Add(0, "secret=db%2Forders", []byte(`{"source":"eso","key":"db/orders","value":"tiger","delivery_id":"x","ts":1767225600}`))
	f.Add(0, "", []byte(`{"key":"a","fields":{"user":"scott"}}`))
	f.Add(1, "secret=a", []byte("tiger"))
	f.Add(2, "secret=a", []byte(`{"user":"scott"}`))
	f.Add(3, "secret=a&x", []byte{})
	f.Add(4, "secret=db/orders", []byte{})
	kinds := []struct{ method, body string }{{"POST", "template"}, {"POST", "value"}, {"POST", "fields"}, {"GET", ""}, {"DELETE", ""}}
	f.Fuzz(func(t *testing.T, kind int, query string, body []byte) {
		is := kinds[uint(kind)%uint(len(kinds))]
		r := esoRequest(is.method, query, asJSON, string(body))
		message, err := newESOPush(t, adapters.ESOPush{Body: is.body}).Read(r, hooks.Verified{})
		if err != nil {
			event, _ := one(message, nil)
			checkClass(t, event, err)
			return
		}
		name := r.URL.Query().Get("secret")
		if is.method == "GET" {
			if message.Exists != name || name == "" || len(message.Events) > 0 {
				t.Fatalf("question %q is read as %q", name, message.Exists)
			}
			return
		}
		got := viewOf(t, message.Events[0])
		switch is.body {
		case "template":
			var doc struct{ Key, Value string }
			if err := json.Unmarshal(body, &doc); err != nil {
				t.Fatal(err)
			}
			if got.Secret != doc.Key || doc.Value != "" && got.Value != doc.Value {
				t.Fatalf("read %q", got.Secret)
			}
		case "value":
			if got.Secret != name || got.Value != string(body) {
				t.Fatalf("read %q", got.Secret)
			}
		case "fields":
			var fields map[string]string
			if err := json.Unmarshal(body, &fields); err != nil || len(fields) != len(got.Fields) {
				t.Fatalf("read %d fields of %d: %v", len(got.Fields), len(fields), err)
			}
		}
		if (got.Operation == "set") != (got.Value != "") {
			t.Fatalf("an event to %s has a value of %d bytes", got.Operation, len(got.Value))
		}
	})
}
