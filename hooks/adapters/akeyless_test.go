package adapters_test

import (
	"strings"
	"testing"
)

func TestAkeylessReads(t *testing.T) {
	const mapped = "{events: /list, secret: /item/name, type: /kind, event_id: /id, time: /at, changed_types: [static-secret-updated]}"
	testNotices(t, "akeyless", []noticeTest{
		{"as documented", "{}", `{"Static Secret Updated":[{"name":"/prod/db","item_id":"17"},{"name":"api"}],"Certificate Expired":[{}]}`, changes("prod/db", "api")},
		{"within a member", "{}", `{"Akeyless Events":{"rotated-secret-success":[{"name":"/prod/db"}]}}`, changes("prod/db")},
		{"other types", "{}", `{"Rotated Secret Failure":[{"name":"/prod/db"}],"Request Access":[]}`, nil},
		{"chosen types", "{changed_types: [secret-sync]}", `{"Secret Sync":[{"name":"/a"}],"Static Secret Updated":[{"name":"/b"}]}`, changes("a")},
		{"one item twice", "{}", `{"Static Secret Updated":[{"name":"/a"}],"Rotated Secret Success":[{"name":"/a"}]}`, changes("a")},
		{
			"mapped", mapped, `{"list":[{"kind":"usage"},{"kind":"static-secret-updated","id":"e1","at":"2026-01-01T00:00:00Z","item":{"name":"/a"}}]}`,
			[]view{{ID: "e1", Secret: "a", Operation: "changed", OccurredAt: "2026-01-01T00:00:00Z"}},
		},
		{"mapped array", "{secret: /n, type: /t}", `[{"t":"rotated-secret-success","n":"/a"},{"t":"rotated-secret-success","n":"b"}]`, changes("a", "b")},
		{"mapped event", "{secret: /n, type: /t}", `{"t":"rotated-secret-success","n":"/a"}`, changes("a")},
		{"empty array", "{secret: /n, type: /t}", `[]`, nil},
	})
}

func TestAkeylessRefuses(t *testing.T) {
	testRefusedNotices(t, "akeyless", []refusedNotice{
		{"another form", "{}", `{"event_type":"static-secret-updated","item_name":"hunter2"}`, "a member is a string, not an array of events; set secret and type if this is not how your messages are built"},
		{"array", "{}", `[{"name":"hunter2"}]`, "the body is an array, not a JSON object"},
		{"no name", "{}", `{"Static Secret Updated":[{"item":"hunter2"}]}`, "an event's name is missing; a secret's name is a string"},
		{"slash as name", "{}", `{"Static Secret Updated":[{"name":"/"}]}`, "an event's name is only a slash"},
		{"string as event", "{}", `{"Static Secret Updated":["hunter2"]}`, "an event's name is missing; a secret's name is a string"},
		{"many", "{}", `{"Static Secret Updated":[` + strings.TrimSuffix(manyNames(5001), ",") + `]}`, "the body tells of more than 5000 secrets"},
		{"mapped, no type", "{secret: /n, type: /t}", `{"n":"hunter2"}`, "/t is missing, not a string"},
		{"mapped, no list", "{secret: /n, type: /t, events: /e}", `{"n":"hunter2"}`, "/e is missing, not an array"},
	})
}

// manyNames are n events with names of their own, each with a comma behind it.
func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`{"name":"` + strings.Repeat("n", i%50+1) + strings.Repeat("m", i/50+1) + `"},`)
	}
	return b.String()
}

// FuzzAkeyless: the adapter reads the names that encoding/json reads.
func FuzzAkeyless(f *testing.F) {
	fuzzNotices(f, "akeyless", "{}", func(body map[string]any) []string {
		if inner, found := body["Akeyless Events"]; found {
			body, _ = inner.(map[string]any)
		}
		var told []string
		for kind, events := range body {
			letters := strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(kind))
			if letters != "staticsecretupdated" && letters != "rotatedsecretsuccess" {
				continue
			}
			for _, event := range events.([]any) {
				name, isText := event.(map[string]any)["name"].(string)
				if !isText {
					return anything
				}
				told = append(told, strings.TrimPrefix(name, "/"))
			}
		}
		return told
	}, `{"Akeyless Events":{"Rotated Secret Success":[{"name":"/a"},{"name":"b"}]}}`, `{"a":1}`)
}
