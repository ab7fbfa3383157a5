package adapters_test

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func request(body string) *hooks.Request {
	return &hooks.Request{Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
}

func text(s string) *hooks.Value { return secretbytes.Copy([]byte(s)) }

// plain is a Value's text, for tests only; "" for none.
func plain(t testing.TB, value *hooks.Value) string {
	t.Helper()
	if value == nil {
		return ""
	}
	var text string
	err := value.Expose(func(b []byte) error {
		text = string(b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// view is an Event that cmp can compare.
type view struct {
	ID, Secret, Operation, Value string
	Fields                       []string
	OccurredAt                   string
}

func viewOf(t testing.TB, event hooks.Event) view {
	t.Helper()
	v := view{ID: event.ID, Secret: event.Secret, Operation: string(event.Operation), Value: plain(t, event.Value), Fields: event.Fields}
	if !event.OccurredAt.IsZero() {
		v.OccurredAt = event.OccurredAt.UTC().Format("2006-01-02T15:04:05.999Z")
	}
	return v
}

// checkRefused holds a refusal to its text, and to telling nothing else.
func checkRefused(t *testing.T, event hooks.Event, err error, want string) {
	t.Helper()
	if err == nil || err.Error() != want {
		t.Errorf("error is %v, want %s", err, want)
	}
	if !errors.Is(err, hooks.ErrMalformed) && !errors.Is(err, hooks.ErrNoValue) && !errors.Is(err, hooks.ErrMediaType) {
		t.Errorf("error %v is of no class", err)
	}
	if diff := cmp.Diff(view{}, viewOf(t, event)); diff != "" {
		t.Errorf("a refused request has an event:\n%s", diff)
	}
}

func settings(config string) hooks.Settings {
	return hooks.Settings{Decode: func(into any) error {
		return yaml.Load([]byte(config), into, yaml.WithKnownFields())
	}}
}

// smallest has the settings that each adapter cannot do without.
var smallest = map[string]string{
	"akeyless":              "{}",
	"aws-secrets-manager":   "{}",
	"azure-event-grid":      "{}",
	"bitwarden":             "{}",
	"cloudevents":           "{}",
	"delinea-platform":      "secret: /s\ntype: /t\nchanged_types: [x]",
	"delinea-secretchanged": "{}",
	"doppler":               "{}",
	"eso-push":              "{}",
	"gcp-pubsub":            "{}",
	"infisical":             "{}",
	"json":                  "secret_name: a\nfields: {user: /u, password: /p}",
	"keeper-alert":          "{}",
	"psono":                 "{}",
	"push":                  "{}",
	"set-push":              setConfig,
}

func TestTable(t *testing.T) {
	if diff := cmp.Diff(slices.Sorted(maps.Keys(smallest)), slices.Sorted(maps.Keys(adapters.Table))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for name, config := range smallest {
		if _, err := adapters.Table[name](setSettings(t, config)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := adapters.Table[name](settings("unknown: 1")); err == nil || !strings.Contains(err.Error(), "unknown") {
			t.Errorf("%s with an unknown key: error is %v", name, err)
		}
	}
}

func TestMediaType(t *testing.T) {
	const (
		notJSON = "unsupported media type: Content-Type is not application/json"
		encoded = "unsupported media type: the body has a Content-Encoding; send it as it is"
		charset = "unsupported media type: charset is not utf-8"
	)
	tests := []struct {
		name   string
		header http.Header
		want   string
	}{
		{"json", http.Header{"Content-Type": {"application/json"}}, ""},
		{"utf-8", http.Header{"Content-Type": {"Application/JSON; charset=UTF-8"}}, ""},
		{"suffix", http.Header{"Content-Type": {"application/vnd.example.v1+json"}}, ""},
		{"identity", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"Identity"}}, ""},
		{"none", http.Header{}, "unsupported media type: 0 headers Content-Type; send one, with application/json"},
		{"two", http.Header{"Content-Type": {"application/json", "text/plain"}}, "unsupported media type: 2 headers Content-Type; send one, with application/json"},
		{"text", http.Header{"Content-Type": {"text/json"}}, notJSON},
		{"form", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, notJSON},
		{"invalid", http.Header{"Content-Type": {"application/json; charset"}}, notJSON},
		{"latin-1", http.Header{"Content-Type": {"application/json; charset=iso-8859-1"}}, charset},
		{"utf-16", http.Header{"Content-Type": {"application/json; charset=utf-16"}}, charset},
		{"gzip", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}, encoded},
		{"gzip behind identity", http.Header{"Content-Type": {"application/json"}, "Content-Encoding": {"identity", "br"}}, encoded},
	}
	fixed, err := adapters.NewJSON(adapters.JSON{SecretName: "a", Value: "/value"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		for name, adapter := range map[string]hooks.Adapter{"json": fixed, "push": adapters.Push{}} {
			t.Run(test.name+"/"+name, func(t *testing.T) {
				r := request(`{"secret":"a","value":"x"}`)
				r.Header = test.header
				event, err := one(adapter.Read(r, hooks.Verified{}))
				if test.want != "" {
					checkRefused(t, event, err, test.want)
				} else if err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// one is the event of a message that has no other.
func one(message hooks.Message, err error) (hooks.Event, error) {
	if len(message.Events) != 1 {
		return hooks.Event{}, err
	}
	return message.Events[0], err
}

func TestJoinFields(t *testing.T) {
	value, names, err := adapters.JoinFields(map[string]*hooks.Value{
		"user": text("scott"), "password": text("ti\"g\\er\n\x01é"), "URL": text(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := plain(t, value), `{"URL":"","password":"ti\"g\\er\n\u0001é","user":"scott"}`; got != want {
		t.Errorf("object is %s, want %s", got, want)
	}
	if diff := cmp.Diff([]string{"URL", "password", "user"}, names); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}

	wiped := text("x")
	wiped.Wipe()
	many := map[string]*hooks.Value{}
	for i := range 65 {
		many[strings.Repeat("x", i%64+1)+strings.Repeat("y", i/64)] = text("v")
	}
	for name, bad := range map[string]map[string]*hooks.Value{
		"none": {}, "many": many, "empty name": {"": text("v")}, "long name": {strings.Repeat("x", 65): text("v")},
		"space": {"a b": text("v")}, "accent": {"é": text("v")}, "not UTF-8": {"a": text("\xff")}, "wiped": {"a": wiped},
	} {
		if value, names, err := adapters.JoinFields(bad); err == nil || value != nil || names != nil {
			t.Errorf("%s: fields are accepted, error is %v", name, err)
		}
	}
}
