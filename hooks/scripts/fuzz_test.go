package scripts_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/scripts"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// check holds what any input gives: events that a server would take, or an
// error of a known class.
func check(t *testing.T, g given) []hooks.Event {
	t.Helper()
	events, err := g.read()
	if err != nil {
		if events != nil || !errors.Is(err, hooks.ErrMalformed) && !errors.Is(err, hooks.ErrNoValue) && !errors.Is(err, scripts.ErrUsage) {
			t.Fatalf("%d events, %v", len(events), err)
		}
		return nil
	}
	for _, event := range events {
		if err := hooks.CheckName(event.Secret); err != nil || event.Value.Len() == 0 {
			t.Fatalf("a value of %d bytes, %v", event.Value.Len(), err)
		}
	}
	return events
}

// FuzzStdin reads any text as each product that reads standard input.
func FuzzStdin(f *testing.F) {
	var products []string
	for name, give := range contracts {
		if g := give("dummy-new"); g.stdin != "" {
			products = append(products, name)
			f.Add(g.stdin)
		}
	}
	slices.Sort(products)
	f.Add(`{"key":"a","value":"x","value_base64":"eA=="}`)
	f.Fuzz(func(t *testing.T, text string) {
		for _, product := range products {
			check(t, with(product, func(g *given) { g.stdin = text }))
		}
	})
}

// FuzzKeeper reads what is behind Keeper's two layers of base64.
func FuzzKeeper(f *testing.F) {
	f.Add(`{"newPassword":"n","oldPassword":"o","userRecordUid":"u","user":"s"}`, `[{"uid":"u","title":"t"}]`, "{title}")
	f.Add(`{"newPassword":"n","userRecordUid":"u"}`, `[{"uid":"u","a":"l"}]`, "{label:a}")
	f.Add(`{"newPassword":1}`, `{}`, "{user}")
	f.Fuzz(func(t *testing.T, text, records, template string) {
		if cut, found := strings.CutSuffix(text, "}"); found && len(cut) > 1 {
			text = cut + `,"records":"` + b64(records) + `"}`
		}
		check(t, given{product: "keeper", template: template, stdin: b64(text)})
	})
}

// FuzzArguments reads any arguments. A value is the last of them, unchanged.
func FuzzArguments(f *testing.F) {
	f.Add("db", "db.example.com", "orders", "old", "new")
	f.Add("-x", "", "a/b", "", "--")
	f.Fuzz(func(t *testing.T, a, b, c, d, e string) {
		for product, args := range map[string][]string{"delinea": {a, b, e}, "manageengine": {a, b, c, d, e}} {
			for _, event := range check(t, given{product: product, args: args}) {
				if !event.Value.Equal(secretbytes.Copy([]byte(e))) {
					t.Fatal("the value is not the last argument")
				}
			}
		}
	})
}

// FuzzGit reads any list of files and any entry.
func FuzzGit(f *testing.F) {
	f.Add("db/orders.gpg\x00", "new\nuser: x\n")
	f.Add("db/orders.gpg\x00db/orders.age\x00.gpg\x00", "")
	f.Fuzz(func(t *testing.T, listed, entry string) {
		events := check(t, given{product: "git", settings: map[string][]string{"allow": {"db/orders"}}, programs: map[string]string{
			diffTree: listed, "pass show -- db/orders": entry,
		}})
		for _, event := range events {
			line, _, _ := bytes.Cut([]byte(entry), []byte("\n"))
			if event.Secret != "db/orders" || !event.Value.Equal(secretbytes.Copy(line)) {
				t.Fatalf("read %s, or another value than the first line", event.Secret)
			}
		}
	})
}

// FuzzTemplate: what is read as a template has its fields, and expands to
// nothing but a name.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{"", "a", "{key}", "a/{key}-{b}/c", "{a{b}", "}{"} {
		f.Add(text, "db", "x")
	}
	f.Fuzz(func(t *testing.T, text, key, other string) {
		template, err := scripts.ParseTemplate(text)
		if err != nil {
			if !errors.Is(err, scripts.ErrUsage) {
				t.Fatal(err)
			}
			return
		}
		if strings.Count(text, "{") != len(template.Fields()) {
			t.Fatalf("%q has the fields %q", text, template.Fields())
		}
		check(t, given{product: "env", settings: map[string][]string{"value-from": {"V"}}, template: text, env: map[string]string{"V": "dummy", "key": key, "a": other}})
	})
}
