package adapters_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
)

// noticeSample is an adapter of a product that sends no values, with a body
// from which it reads an event.
type noticeSample struct{ adapter, config, body string }

var noticeSamples = []noticeSample{
	{"akeyless", "{}", `{"Static Secret Updated":[{"name":"/prod/db","item_id":"17","payload":{"text":"PAD"}}]}`},
	{"bitwarden", "{}", `{"type_id":"2102","secret_id":"5f7a","cipher_id":"#CipherId#","at":"2026-01-01T00:00:00.0000000Z","delivery_id":"e1","more":"PAD"}`},
	{"delinea-platform", platformConfig, `{"eventType":"SECRET-CHANGED","secretId":17,"id":"e1","at":1767225600,"more":"PAD"}`},
	{"delinea-secretchanged", "{}", `{"secretId":"17","more":"PAD"}`},
	{"doppler", "{}", `{"type":"config.secrets.update","config":{"name":"prd","project":"jobs"},"workplace":{"name":"PAD"},"diff":{"added":[],"removed":[],"updated":["DB_PASSWORD"]}}`},
	{"infisical", "{}", `{"event":"secrets.modified","project":{"projectId":"p-1","projectName":"PAD","environment":"prod","secretPath":"/jobs"},"timestamp":1767225600000}`},
	{"keeper-alert", "{}", `{"type":"Record changed","key":"abc","ts":"1767225600","more":"PAD"}`},
	{"psono", "{}", `{"event":"UPDATE_SECRET_SUCCESS","secret_id":"5f7a","more":"PAD"}`},
}

func init() {
	for _, s := range noticeSamples {
		samples = append(samples, sample{adapter: s.adapter, config: s.config, body: s.body})
	}
}

// notices are the events that an adapter of Table reads.
func notices(t testing.TB, adapter, config, body string) ([]view, error) {
	t.Helper()
	constructed, err := adapters.Table[adapter](settings(config))
	if err != nil {
		t.Fatal(err)
	}
	message, err := constructed.Read(request(body), hooks.Verified{EventID: "msg_1"})
	var views []view
	for _, event := range message.Events {
		views = append(views, viewOf(t, event))
	}
	if message.Reply != nil || message.Exists != "" || err != nil && views != nil {
		t.Errorf("the message has more than events, or an error as well: %+v, %v", message, err)
	}
	return views, err
}

type noticeTest struct {
	name, config, body string
	want               []view
}

// changes is what is wanted for names without ID and time.
func changes(names ...string) []view {
	var views []view
	for _, name := range names {
		views = append(views, view{Secret: name, Operation: "changed"})
	}
	return views
}

func testNotices(t *testing.T, adapter string, tests []noticeTest) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := notices(t, adapter, test.config, test.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

type refusedNotice struct{ name, config, body, want string }

// testRefusedNotices holds each refusal to its text, of the class malformed, and
// to repeating nothing: every body that could be repeated has "hunter" in it.
func testRefusedNotices(t *testing.T, adapter string, tests []refusedNotice) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := notices(t, adapter, test.config, test.body)
			if !errors.Is(err, hooks.ErrMalformed) || err.Error() != "malformed request: "+test.want {
				t.Errorf("error is %v, want %s", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter") {
				t.Errorf("error repeats what was sent: %v", err)
			}
		})
	}
}

// TestNoticesOfOddBodies: what no product sends is refused by every adapter,
// each for its own reason.
func TestNoticesOfOddBodies(t *testing.T) {
	odd := []struct {
		name, body, want string
	}{
		{"nothing", "", ""},
		{"string", `"hunter2"`, ""},
		{"cut", `{"a":`, "JSON is not accepted at byte 5: a value should begin here"},
		{"same member twice", `{"a":"hunter2","a":1}`, "JSON is not accepted at byte 15: the object has this member name twice"},
		{"deep", strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), "JSON is not accepted at byte 160: nested too deeply"},
		{"not UTF-8", "{\"a\":\"\xff\"}", "JSON is not accepted at byte 6: not valid UTF-8"},
		{"byte order mark", "\ufeff{}", ""},
		{"two documents", `{}{}`, "JSON is not accepted at byte 2: data after the document"},
		{"huge", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, "the body has 1048584 bytes; the product sends at most 1048576"},
	}
	for _, s := range noticeSamples {
		for _, test := range odd {
			t.Run(s.adapter+"/"+test.name, func(t *testing.T) {
				_, err := notices(t, s.adapter, s.config, test.body)
				if !errors.Is(err, hooks.ErrMalformed) || test.want != "" && err.Error() != "malformed request: "+test.want {
					t.Errorf("error is %v, want %s", err, test.want)
				}
				if err != nil && strings.Contains(err.Error(), "hunter") {
					t.Errorf("error repeats what was sent: %v", err)
				}
			})
		}
	}
}

// TestNoticesOfOtherMedia: only JSON is taken, and what is called JSON; nothing
// is decompressed.
func TestNoticesOfOtherMedia(t *testing.T) {
	for _, s := range noticeSamples {
		constructed, err := adapters.Table[s.adapter](settings(s.config))
		if err != nil {
			t.Fatal(err)
		}
		for header, value := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": "gzip"} {
			r := request(s.body)
			r.Header.Set(header, value)
			if message, err := constructed.Read(r, hooks.Verified{}); !errors.Is(err, hooks.ErrMediaType) || len(message.Events) > 0 {
				t.Errorf("%s with %s: error is %v", s.adapter, header, err)
			}
		}
	}
}

// TestForms: only psono takes a form that is called JSON.
func TestForms(t *testing.T) {
	for _, s := range noticeSamples {
		got, err := notices(t, s.adapter, s.config, `event=UPDATE_SECRET_SUCCESS&secret_id=5f7a`)
		if s.adapter == "psono" {
			if diff := cmp.Diff(changes("5f7a"), got); diff != "" || err != nil {
				t.Errorf("psono: %v\n%s", err, diff)
			}
		} else if !errors.Is(err, hooks.ErrMalformed) {
			t.Errorf("%s: error is %v", s.adapter, err)
		}
	}
}

// TestNames: the two settings are the same for every adapter.
func TestNames(t *testing.T) {
	for _, s := range noticeSamples {
		t.Run(s.adapter, func(t *testing.T) {
			plain, err := notices(t, s.adapter, s.config, s.body)
			if err != nil || len(plain) != 1 {
				t.Fatalf("%d events, error is %v", len(plain), err)
			}
			told := plain[0].Secret
			with := func(names string) string {
				return strings.TrimSuffix(s.config, "}") + map[bool]string{true: ", ", false: ""}[s.config != "{}"] + names + "}"
			}
			got, err := notices(t, s.adapter, with("secret_prefix: prod/"), s.body)
			if err != nil || len(got) != 1 || got[0].Secret != "prod/"+told {
				t.Errorf("with a prefix: %v, %v", got, err)
			}
			got, err = notices(t, s.adapter, with("secret_prefix: prod/, secret_names: {"+told+": [a/b, c]}"), s.body)
			if err != nil || len(got) != 2 || got[0].Secret != "a/b" || got[1].Secret != "c" {
				t.Errorf("with names: %v, %v", got, err)
			}
			if plain[0].ID != "" && (got[0].ID != plain[0].ID+"/0" || got[1].ID != plain[0].ID+"/1") {
				t.Errorf("IDs of two secrets: %v", got)
			}
			if _, err := adapters.Table[s.adapter](settings(with("secret_names: {x: [../hunter2]}"))); err == nil || strings.Contains(err.Error(), "hunter") {
				t.Errorf("a bad name: error is %v", err)
			}
		})
	}
}

// TestNoticesBoundMemory: neither a body of the largest size that the receiver
// takes nor the largest that is parsed makes an adapter allocate much.
func TestNoticesBoundMemory(t *testing.T) {
	var members strings.Builder
	members.WriteString(`{"type":"x","event":"x"`)
	for i := 0; members.Len() < 1<<20-32; i++ {
		fmt.Fprintf(&members, `,"%d":0`, i)
	}
	members.WriteString("}")
	bodies := map[string][]byte{
		"16 MiB":           []byte(`{"a":"` + strings.Repeat("x", 16<<20) + `"}`),
		"members of 1 MiB": []byte(members.String()),
		"elements":         []byte("[" + strings.Repeat("{},", 300_000) + "{}]"),
	}
	for _, s := range noticeSamples {
		constructed, err := adapters.Table[s.adapter](settings(s.config))
		if err != nil {
			t.Fatal(err)
		}
		for name, body := range bodies {
			r := request("")
			r.Body = body
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _ = constructed.Read(r, hooks.Verified{})
			runtime.ReadMemStats(&after)
			if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 32<<20 {
				t.Errorf("%s allocates %d bytes for %s", s.adapter, allocated, name)
			}
		}
	}
}
