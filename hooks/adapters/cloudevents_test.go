package adapters_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

const (
	ceStructured = "application/cloudevents+json"
	ceBatched    = "application/cloudevents-batch+json; charset=utf-8"
)

// ceEvent is an event in JSON with the attributes that it has to have.
func ceEvent(rest string) string {
	return `{"specversion":"1.0","type":"com.example.rotated","source":"/vault/1","id":"A234-1234","time":"2026-01-01T00:00:00.5Z",` + rest + `}`
}

// ceRequest is an event in binary mode: change edits its header.
func ceRequest(media, body string, change func(http.Header)) *hooks.Request {
	header := http.Header{}
	for name, value := range map[string]string{
		"ce-specversion": "1.0", "ce-type": "com.example.rotated", "ce-source": "/vault/1", "ce-id": "A234-1234", "ce-time": "2026-01-01T00:00:00.5Z",
	} {
		header.Set(name, value)
	}
	if media != "" {
		header.Set("Content-Type", media)
	}
	change(header)
	return &hooks.Request{Method: http.MethodPost, Header: header, Body: []byte(body)}
}

func ceSubject(name string) func(http.Header) {
	return func(h http.Header) { h.Set("ce-subject", name) }
}

func ceJSON(media, body string) *hooks.Request {
	return &hooks.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {media}}, Body: []byte(body)}
}

func newCloudEvents(t testing.TB, settings adapters.CloudEvents) hooks.Adapter {
	t.Helper()
	adapter, err := adapters.NewCloudEvents(settings)
	if err != nil {
		t.Fatal(err)
	}
	return adapter
}

var (
	cePlaces = adapters.CloudEvents{
		SetTypes: []string{"com.example.rotated"}, DeleteTypes: []string{"com.example.removed"},
		Secret: "/name", SecretPrefix: "prod/", Fields: map[string]string{"user": "/login/user", "password": "/login/password"},
	}
	ceValue = adapters.CloudEvents{Secret: "/name", Value: "/value"}
	ceWhole = adapters.CloudEvents{SecretPrefix: "prod/"}
)

func TestCloudEventsRead(t *testing.T) {
	const id, at = "/vault/1|A234-1234", "2026-01-01T00:00:00.5Z"
	const login = `{"name":"db","login":{"user":"scott","password":"tiger"}}`
	fields := view{id, "prod/db", "set", `{"password":"tiger","user":"scott"}`, []string{"password", "user"}, at}
	whole := view{id, "prod/db", "set", "ti\"ger", nil, at}
	encode := func(data string) string {
		return `"data_base64":"` + base64.StdEncoding.EncodeToString([]byte(data)) + `"`
	}
	tests := []struct {
		name     string
		settings adapters.CloudEvents
		request  *hooks.Request
		want     []view
	}{
		{"structured", cePlaces, ceJSON(ceStructured, ceEvent(`"data":`+login)), []view{fields}},
		{"structured, with a type and a null", cePlaces, ceJSON(ceStructured+"; charset=UTF-8", ceEvent(`"subject":null,"datacontenttype":"application/json","more":5,"data":`+login)), []view{fields}},
		{"structured, in base64", cePlaces, ceJSON(ceStructured, ceEvent(`"datacontenttype":"application/vnd.example+json; charset=utf-8",`+encode(login))), []view{fields}},
		{"structured, in base64 without a type", cePlaces, ceJSON(ceStructured, ceEvent(encode(login))), []view{fields}},
		{"structured, the data itself", ceWhole, ceJSON(ceStructured, ceEvent(`"subject":"db","data":"ti\"ger"`)), []view{whole}},
		{"structured, a text", ceWhole, ceJSON(ceStructured, ceEvent(`"subject":"db","datacontenttype":"text/plain","data":"ti\"ger"`)), []view{whole}},
		{"structured, bytes", ceWhole, ceJSON(ceStructured, ceEvent(`"subject":"db","data_base64":"/wD+"`)), []view{{id, "prod/db", "set", "\xff\x00\xfe", nil, at}}},
		{"structured, a JSON string in base64", ceWhole, ceJSON(ceStructured, ceEvent(`"subject":"db","datacontenttype":"application/json",`+encode(`"ti\"ger"`))), []view{whole}},
		{"structured, a fixed name", adapters.CloudEvents{SecretName: "prod/db"}, ceJSON(ceStructured, ceEvent(`"subject":"other","data":"ti\"ger"`)), []view{whole}},
		{"deletion, whose value is not read", cePlaces, ceJSON(ceStructured, strings.Replace(ceEvent(`"data":{"name":"db","login":17}`), "rotated", "removed", 1)), []view{{id, "prod/db", "delete", "", nil, at}}},
		{"deletion without data", adapters.CloudEvents{DeleteTypes: []string{"com.example.rotated"}}, ceJSON(ceStructured, ceEvent(`"subject":"db"`)), []view{{id, "db", "delete", "", nil, at}}},
		{"another type", cePlaces, ceJSON(ceStructured, strings.Replace(ceEvent(`"data":17`), "rotated", "read", 1)), nil},
		{"without time", ceValue, ceJSON(ceStructured, strings.Replace(ceEvent(`"data":{"name":"db","value":"x"}`), `"time":"2026-01-01T00:00:00.5Z",`, "", 1)), []view{{id, "db", "set", "x", nil, ""}}},

		{"batched", ceValue, ceJSON(ceBatched, "["+ceEvent(`"data":{"name":"a","value":"x"}`)+","+strings.Replace(ceEvent(`"data":{"name":"b","value":"y"}`), "A234", "B234", 1)+"]"), []view{
			{id, "a", "set", "x", nil, at}, {"/vault/1|B234-1234", "b", "set", "y", nil, at},
		}},
		{"an empty batch", ceValue, ceJSON(ceBatched, "[]"), nil},

		{"binary", cePlaces, ceRequest("application/json; charset=utf-8", login, func(http.Header) {}), []view{fields}},
		{"binary, the data itself", ceWhole, ceRequest("text/plain", `ti"ger`, ceSubject("db")), []view{whole}},
		{"binary, a JSON string", ceWhole, ceRequest("application/json", `"ti\"ger"`, ceSubject("db")), []view{whole}},
		{"binary, bytes without a type", ceWhole, ceRequest("", "\xff\x00\xfe", ceSubject("db")), []view{{id, "prod/db", "set", "\xff\x00\xfe", nil, at}}},
		{"binary, a deletion", adapters.CloudEvents{DeleteTypes: []string{"com.example.rotated"}}, ceRequest("", "", ceSubject("db%20x")), []view{{id, "db x", "delete", "", nil, at}}},
		// The example of the HTTP Protocol Binding, section 3.1.3.2.
		{"binary, percent-encoded", ceWhole, ceRequest("text/plain", "x", ceSubject("Euro%20%E2%82%AC%20%f0%9f%98%80")), []view{{id, "prod/Euro € 😀", "set", "x", nil, at}}},
		{"binary, quoted", ceWhole, ceRequest("text/plain", "x", ceSubject(`"a \"b\" \\ %25"`)), []view{{id, `prod/a "b" \ %`, "set", "x", nil, at}}},
		{"binary, encoded without need", ceWhole, ceRequest("text/plain", "x", ceSubject("%64%62")), []view{{id, "prod/db", "set", "x", nil, at}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message, err := newCloudEvents(t, test.settings).Read(test.request, hooks.Verified{EventID: "x"})
			if err != nil {
				t.Fatal(err)
			}
			var got []view
			for _, event := range message.Events {
				got = append(got, viewOf(t, event))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestCloudEventsRefuse(t *testing.T) {
	const (
		mal, media, none = "malformed request: ", "unsupported media type: ", "no value in the event: "
		good             = `"data":{"name":"a","value":"hunter2"}`
	)
	with := func(old, replacement string) *hooks.Request {
		return ceJSON(ceStructured, strings.Replace(ceEvent(good), old, replacement, 1))
	}
	binary := func(change func(http.Header)) *hooks.Request {
		return ceRequest("application/json", `{"name":"a","value":"hunter2"}`, change)
	}
	tests := []struct {
		name     string
		settings adapters.CloudEvents
		request  *hooks.Request
		want     string
	}{
		{"no type at all", ceValue, ceJSON("", ""), media + "Content-Type is not one media type"},
		{"plain JSON", ceValue, ceJSON("application/json", ceEvent(good)), media + "Content-Type is not application/cloudevents+json, and the header has no ce-specversion"},
		{"another format", ceValue, ceJSON("application/cloudevents+avro", ceEvent(good)), media + "Content-Type is neither application/cloudevents+json nor application/cloudevents-batch+json"},
		{"latin-1", ceValue, ceJSON(ceStructured+"; charset=latin1", ceEvent(good)), media + "charset is not utf-8"},
		{"an array as one", ceValue, ceJSON(ceStructured, "["+ceEvent(good)+"]"), mal + "the body is an array, not a JSON object"},
		{"one as a batch", ceValue, ceJSON(ceBatched, ceEvent(good)), mal + "the body is an object, not an array of events"},
		{"a bad one in a batch", ceValue, ceJSON(ceBatched, "["+ceEvent(good)+`,{"hunter":2}]`), mal + "the attribute specversion is not 1.0"},
		{"one without a value in a batch", ceValue, ceJSON(ceBatched, "["+ceEvent(good)+","+ceEvent(`"data":{"name":"b"}`)+"]"), none + "/value is missing"},
		{"another version", ceValue, with(`"1.0"`, `"0.3"`), mal + "the attribute specversion is not 1.0"},
		{"no version", ceValue, with("specversion", "hunter"), mal + "the attribute specversion is not 1.0"},
		{"number as version", ceValue, with(`"1.0"`, "1.0"), mal + "the attribute specversion is a number, not a string"},
		{"capital letters", ceValue, with(`"type"`, `"Type"`), mal + "the event has to have type, source and id"},
		{"empty ID", ceValue, with("A234-1234", ""), mal + "the event has to have type, source and id"},
		{"space in the ID", ceValue, with("A234-1234", "hunter 2"), mal + "source|id is not 1 to 256 printable ASCII characters without space"},
		{"long ID", ceValue, with("A234-1234", strings.Repeat("x", 256)), mal + "source|id is not 1 to 256 printable ASCII characters without space"},
		{"no URI as source", ceValue, with("/vault/1", "hunter|2"), mal + "the attribute source is not a URI reference"},
		{"bad time", ceValue, with("2026-01-01T", "hunter"), mal + "the attribute time is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{"bad type of data", ceValue, ceJSON(ceStructured, ceEvent(`"datacontenttype":"hunter 2",`+good)), mal + "the attribute datacontenttype is not a media type"},
		{"no subject", ceWhole, ceJSON(ceStructured, ceEvent(`"data":"hunter2"`)), mal + "the attribute subject has 0 bytes; a secret's name has 1 to 255"},
		{"no name", ceValue, ceJSON(ceStructured, ceEvent(`"subject":"a","data":{"value":"hunter2"}`)), mal + "/name is missing; a secret's name is a string"},
		{"no value", ceValue, ceJSON(ceStructured, ceEvent(`"data":{"name":"a"}`)), none + "/value is missing"},
		{"no data", ceWhole, ceJSON(ceStructured, ceEvent(`"subject":"a"`)), none + "the event's data is empty"},
		{"null as data", ceWhole, ceJSON(ceStructured, ceEvent(`"subject":"a","data":null`)), none + "the data is null"},
		{"object as data itself", ceWhole, ceJSON(ceStructured, ceEvent(`"subject":"a","data":{"hunter":2}`)), mal + "the data is an object; a value is a string"},
		{"data twice", ceValue, ceJSON(ceStructured, ceEvent(good+`,"data_base64":"e30="`)), mal + "the event has both data and data_base64"},
		{"no base64", ceValue, ceJSON(ceStructured, ceEvent(`"data_base64":"hunter2"`)), mal + "data_base64 is not padded base64"},
		{"number as base64", ceValue, ceJSON(ceStructured, ceEvent(`"data_base64":17`)), mal + "data_base64 is a number, not a string"},
		{"no JSON in base64", ceValue, ceJSON(ceStructured, ceEvent(`"data_base64":"aHVudGVyMg=="`)), mal + "JSON is not accepted at byte 0: a value should begin here"},
		{"places in a text", ceValue, ceJSON(ceStructured, ceEvent(`"datacontenttype":"text/plain","data_base64":"e30="`)), media + "the event's data are not JSON, and the settings name places in them"},

		{"binary, places in a text", ceValue, ceRequest("text/plain", "hunter2", func(http.Header) {}), media + "the event's data are not JSON, and the settings name places in them"},
		{"binary, no data", ceWhole, ceRequest("text/plain", "", ceSubject("a")), none + "the event's data is empty"},
		{"binary, no JSON", ceWhole, ceRequest("application/json", "", ceSubject("a")), none + "the data is missing"},
		{"binary, latin-1", ceValue, ceRequest("application/json; charset=latin1", `{"hunter":2}`, func(http.Header) {}), media + "charset is not utf-8"},
		{"binary, gzip", ceWhole, ceRequest("text/plain", "hunter2", func(h http.Header) { h.Set("Content-Encoding", "gzip") }), media + "the body has a Content-Encoding; send it as it is"},
		{"binary, version twice", ceValue, binary(func(h http.Header) { h.Add("ce-specversion", "1.0") }), mal + "the header has ce-specversion 2 times"},
		{"binary, no ID", ceValue, binary(func(h http.Header) { h.Del("ce-id") }), mal + "the event has to have type, source and id"},
		{"binary, type of the data twice", ceValue, binary(func(h http.Header) { h.Set("ce-datacontenttype", "application/json") }), mal + "the header has ce-datacontenttype; Content-Type stands for it"},
		// The example of the HTTP Protocol Binding, section 3.1.3.2.
		{"binary, overlong UTF-8", ceWhole, binary(ceSubject("%C0%A0")), mal + "ce-subject is not percent-encoded UTF-8"},
		{"binary, bad encoding", ceWhole, binary(ceSubject("100%")), mal + "ce-subject is not percent-encoded UTF-8"},
		{"binary, open quote", ceWhole, binary(ceSubject(`"a`)), mal + "ce-subject is not percent-encoded UTF-8"},
		{"binary, quote inside", ceWhole, binary(ceSubject(`a"b`)), mal + "ce-subject is not percent-encoded UTF-8"},
		{"binary, text behind the quote", ceWhole, binary(ceSubject(`"a"b`)), mal + "ce-subject is not percent-encoded UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			message, err := newCloudEvents(t, test.settings).Read(test.request, hooks.Verified{})
			event, _ := one(message, nil)
			checkRefused(t, event, err, test.want)
			if len(message.Events) > 0 || strings.Contains(err.Error(), "hunter") {
				t.Errorf("%d events, error is %v", len(message.Events), err)
			}
		})
	}
}

func TestNewCloudEventsRefuses(t *testing.T) {
	tests := []struct {
		name     string
		settings adapters.CloudEvents
		want     string
	}{
		{"both names", adapters.CloudEvents{Secret: "/a", SecretName: "a"}, "set either secret, where the name is, or secret_name, the name itself"},
		{"prefix of a fixed name", adapters.CloudEvents{SecretName: "a", SecretPrefix: "prod/"}, "secret_prefix goes before what the event says; write secret_name in full"},
		{"bad fixed name", adapters.CloudEvents{SecretName: "../a"}, "secret_name: malformed request: a segment of a secret name begins or ends with a dot or a space"},
		{"both values", adapters.CloudEvents{Value: "/v", Fields: map[string]string{"a": "/a"}}, "set value or fields, not both"},
		{"type in both lists", adapters.CloudEvents{SetTypes: []string{"x"}, DeleteTypes: []string{"x"}}, "set_types and delete_types have the same type"},
		{"bad pointers and field", adapters.CloudEvents{Secret: "a", Fields: map[string]string{"a": ""}}, "fields: a has no pointer\nsecret: JSON Pointer \"a\" does not begin with a slash"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := adapters.NewCloudEvents(test.settings); err == nil || err.Error() != test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
}

// TestCloudEventsModes: an event says the same in structured mode, in base64,
// batched and in binary mode.
func TestCloudEventsModes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(1, 50, -1).Draw(t, "value")
		data, err := json.Marshal(map[string]string{"name": "db", "value": value})
		if err != nil {
			t.Fatal(err)
		}
		encoded := ceEvent(`"datacontenttype":"application/json","data_base64":"` + base64.StdEncoding.EncodeToString(data) + `"`)
		structured := ceEvent(`"data":` + string(data))
		adapter, err := adapters.NewCloudEvents(ceValue)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []*hooks.Request{
			ceJSON(ceStructured, structured), ceJSON(ceStructured, encoded), ceJSON(ceBatched, "["+structured+"]"),
			ceRequest("application/json", string(data), func(http.Header) {}),
		} {
			event, err := one(adapter.Read(r, hooks.Verified{}))
			if err != nil || event.ID != "/vault/1|A234-1234" || event.Secret != "db" || !event.Value.Equal(text(value)) {
				t.Fatalf("read %s %s: %v", event.ID, event.Secret, err)
			}
		}
	})
}

// FuzzCloudEvents: whatever the header and the body, the adapter refuses with an
// error of a class, or reads events that are whole.
func FuzzCloudEvents(f *testing.F) {
	f.Add("text/plain", "prod%2Fdb", []byte("tiger"))
	f.Add("application/json", "db", []byte(`{"name":"db","value":"tiger"}`))
	f.Add("application/json", `"d\"b"`, []byte(`"tiger"`))
	f.Add(ceStructured, "", []byte(ceEvent(`"subject":"db","data":"tiger"`)))
	f.Add(ceStructured, "", []byte(ceEvent(`"datacontenttype":"application/json","data_base64":"eyJuYW1lIjoiZGIiLCJ2YWx1ZSI6InRpZ2VyIn0="`)))
	f.Add(ceBatched, "", []byte("["+ceEvent(`"data":{"name":"db","value":"tiger"}`)+"]"))
	f.Fuzz(func(t *testing.T, media, subject string, body []byte) {
		for _, settings := range []adapters.CloudEvents{ceWhole, ceValue, cePlaces} {
			message, err := newCloudEvents(t, settings).Read(ceRequest(media, string(body), ceSubject(subject)), hooks.Verified{})
			if err != nil {
				if len(message.Events) > 0 || !errors.Is(err, hooks.ErrMalformed) && !errors.Is(err, hooks.ErrNoValue) && !errors.Is(err, hooks.ErrMediaType) {
					t.Fatalf("%d events with error %v", len(message.Events), err)
				}
				continue
			}
			for _, event := range message.Events {
				got := viewOf(t, event)
				if (got.Operation == "set") != (got.Value != "") || got.Secret == "" || !strings.Contains(got.ID, "|") {
					t.Fatalf("an event to %s has a value of %d bytes", got.Operation, len(got.Value))
				}
				if settings.Value == "" && settings.Fields == nil && media == "text/plain" && got.Value != string(body) {
					t.Fatal("a text is read as another one")
				}
			}
			message.Wipe()
		}
	})
}
