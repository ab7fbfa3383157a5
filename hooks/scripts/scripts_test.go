package scripts_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/scripts"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// hostile are values that shells, pipes and parsers could lose.
var hostile = map[string]string{
	"words":        "correct horse  battery",
	"quotes":       `a"b'c` + "`d`",
	"substitution": `$(id) ${HOME} %PATH% !x`,
	"newlines":     "\nfirst\r\nlast\n\n",
	"emoji":        "pass 🔑 wörd",
	"dash":         "-rf --secret x",
	"long":         strings.Repeat("0123456789abcdef", 4096),
}

// given is what a product gives in a test.
type given struct {
	product  string
	settings map[string][]string
	prefix   string
	template string
	stdin    string
	args     []string
	env      map[string]string
	files    map[string]string
	programs map[string]string // command line to output
}

// input returns the input, and where prompts are written.
func (g given) input() (*scripts.Input, *strings.Builder) {
	prompts := &strings.Builder{}
	in := &scripts.Input{
		Stdin: strings.NewReader(g.stdin), Prompts: prompts,
		Env: func(name string) *hooks.Value {
			if text, found := g.env[name]; found {
				return secretbytes.Copy([]byte(text))
			}
			return nil
		},
		Open: func(path string) (io.ReadCloser, error) {
			if text, found := g.files[path]; found {
				return io.NopCloser(strings.NewReader(text)), nil
			}
			return nil, os.ErrNotExist
		},
		Run: func(_ context.Context, program string, args ...string) (*hooks.Value, error) {
			line := strings.Join(append([]string{program}, args...), " ")
			if output, found := g.programs[line]; found {
				return secretbytes.Copy([]byte(output)), nil
			}
			return nil, fmt.Errorf("no program %s", line)
		},
	}
	for _, arg := range g.args {
		in.Args = append(in.Args, secretbytes.Copy([]byte(arg)))
	}
	return in, prompts
}

// read reads what is given as the program does.
func (g given) read() ([]hooks.Event, error) {
	in, _ := g.input()
	return g.events(in)
}

func (g given) events(in *scripts.Input) ([]hooks.Event, error) {
	product := scripts.Table[g.product]
	script, err := product.New(func(name string) []string {
		if set, found := g.settings[name]; found {
			return set
		}
		for _, setting := range product.Settings {
			if setting.Name == name && setting.Default != "" {
				return []string{setting.Default}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	naming, err := product.Naming(g.prefix, g.template)
	if err != nil {
		return nil, err
	}
	return scripts.Events(context.Background(), script, in, naming)
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// object is a JSON object of strings: names and values in turn.
func object(members ...string) string {
	fields := map[string]string{}
	for i := 0; i < len(members); i += 2 {
		fields[members[i]] = members[i+1]
	}
	text, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return string(text)
}

const diffTree = "git diff-tree --no-commit-id --root --no-renames --diff-filter=d --name-only -r -z HEAD"

// contracts is, for each product, what it gives for a value; the secret is
// prod/db/orders.
var contracts = map[string]func(value string) given{
	"keeper": func(value string) given {
		records := b64(`[{"uid":"other","title":"x","password":"p"},{"uid":"usr1","title":"orders","sealrelay":"by-label","number":1}]`)
		line := b64(object("providerRecordUid", "prov1", "resourceRecordUid", "res1", "userRecordUid", "usr1",
			"newPassword", value, "oldPassword", "dummy-old", "user", "svc_batch", "records", records))
		return given{product: "keeper", prefix: "prod/db/", template: "{title}", stdin: line + "\r\n"}
	},
	"delinea": func(value string) given {
		return given{product: "delinea", prefix: "prod/", stdin: "\ufeff" + object("key", "db/orders", "username", "svc", "value", value) + "\r\n"}
	},
	"delinea arguments": func(value string) given {
		return given{product: "delinea", args: []string{"prod/db/orders", "svc", value}}
	},
	"manageengine": func(value string) given {
		return given{product: "manageengine", prefix: "prod/", args: []string{"db", "db.example.com", "orders", "dummy-old", value}}
	},
	"passwordstate": func(value string) given {
		return given{product: "passwordstate", stdin: object("key", "prod/db/orders", "value_base64", b64(value))}
	},
	"netwrix": func(value string) given {
		return given{product: "netwrix", prefix: "prod/", stdin: object("host", "db", "username", "orders", "value_base64", b64(value))}
	},
	"cyberark-tpc": func(value string) given {
		return given{product: "cyberark-tpc", stdin: "prod/db/orders\r\nsvc\n" + value + "\r\nnot read"}
	},
	"file": func(value string) given {
		return given{product: "file", settings: map[string][]string{"path": {"/run/orders"}}, prefix: "prod/db/", template: "{base}", files: map[string]string{"/run/orders": value}}
	},
	"git": func(value string) given {
		return given{product: "git", settings: map[string][]string{"allow": {"db/orders", "db/unchanged"}}, prefix: "prod/", programs: map[string]string{
			diffTree:                  ".gpg-id\x00db/orders.gpg\x00db/private.gpg\x00",
			"pass show -- db/orders":  value + "\nuser: svc\n",
			"pass show -- db/private": "must not be shown",
		}}
	},
	"gopass": func(value string) given {
		return given{product: "git", settings: map[string][]string{"allow": {"db/orders"}, "store": {"gopass"}}, prefix: "prod/", programs: map[string]string{
			diffTree: "db/orders.age\x00", "gopass show -o -- db/orders": value,
		}}
	},
	"json": func(value string) given {
		return given{product: "json", stdin: object("key", "prod/db/orders", "value", value, "other", "x")}
	},
	"env": func(value string) given {
		return given{product: "env", settings: map[string][]string{"value-from": {"NEW"}}, template: "prod/{WHERE}/orders", env: map[string]string{"NEW": value, "WHERE": "db"}}
	},
}

// oneLine are the contracts that give one line, as the products' own do.
var oneLine = []string{"cyberark-tpc", "git", "gopass"}

func TestContracts(t *testing.T) {
	for contract, give := range contracts {
		for name, value := range hostile {
			if slices.Contains(oneLine, contract) && strings.Contains(value, "\n") {
				continue
			}
			t.Run(contract+" "+name, func(t *testing.T) {
				in, _ := give(value).input()
				in.Stdin = iotest.HalfReader(in.Stdin)
				events, err := give(value).events(in)
				if err != nil {
					t.Fatal(err)
				}
				if len(events) != 1 || events[0].Secret != "prod/db/orders" || events[0].Operation != hooks.Set {
					t.Fatalf("read %+v", events)
				}
				if !events[0].Value.Equal(secretbytes.Copy([]byte(value))) {
					t.Errorf("the value has %d bytes, want %d, or is another", events[0].Value.Len(), len(value))
				}
				for i, arg := range in.Args {
					if arg != nil && !errors.Is(arg.Expose(func([]byte) error { return nil }), secretbytes.ErrWiped) {
						t.Errorf("argument %d is not wiped", i)
					}
				}
			})
		}
	}
}

// TestTable: each product has a contract above, and each of them refuses an
// empty value.
func TestTable(t *testing.T) {
	var tested []string
	for name, give := range contracts {
		tested = append(tested, give("x").product)
		if events, err := give("").read(); !errors.Is(err, hooks.ErrNoValue) || events != nil {
			t.Errorf("%s: an empty value gives %v, %v", name, events, err)
		}
	}
	slices.Sort(tested)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(scripts.Table)), slices.Compact(tested)); diff != "" {
		t.Errorf("-products +tested:\n%s", diff)
	}
}

func TestConversation(t *testing.T) {
	in, prompts := contracts["cyberark-tpc"]("x").input()
	if _, err := contracts["cyberark-tpc"]("x").events(in); err != nil {
		t.Fatal(err)
	}
	if want := "Key: Username: Value: "; prompts.String() != want {
		t.Errorf("prompts are %q, want %q", prompts, want)
	}
	if rest, _ := io.ReadAll(in.Stdin); string(rest) != "not read" {
		t.Errorf("left %q", rest)
	}
	if scripts.Result(0) != "RESULT OK\n" || scripts.Result(5) != "RESULT ERR 5\n" {
		t.Error("another result than documented")
	}
}

// with is a contract's input with changes.
func with(contract string, change func(*given)) given {
	g := contracts[contract]("dummy-new")
	change(&g)
	return g
}

func TestRefused(t *testing.T) {
	stdin := func(contract, text string) given { return with(contract, func(g *given) { g.stdin = text }) }
	keeper := func(template string, members ...string) given {
		return with("keeper", func(g *given) { g.template, g.stdin = template, b64(object(members...)) })
	}
	for _, test := range []struct {
		name  string
		given given
		want  error
	}{
		{"nothing", stdin("keeper", ""), hooks.ErrNoValue},
		{"white space", stdin("json", "\r\n "), hooks.ErrNoValue},
		{"too much", stdin("json", strings.Repeat(" ", scripts.MaxInput+1)), hooks.ErrMalformed},
		{"no base64", stdin("keeper", "{}"), hooks.ErrMalformed},
		{"base64 with bits left", stdin("keeper", "e31="), hooks.ErrMalformed},
		{"base64 on two lines", stdin("keeper", "e30\n="), hooks.ErrMalformed},
		{"no JSON", stdin("keeper", b64("newPassword")), hooks.ErrMalformed},
		{"array", stdin("json", "[]"), hooks.ErrMalformed},
		{"behind the object", stdin("json", `{"key":"a","value":"x"}{}`), hooks.ErrMalformed},
		{"member twice", stdin("json", `{"key":"a","value":"x","value":"y"}`), hooks.ErrMalformed},
		{"no value", stdin("json", `{"key":"a"}`), hooks.ErrNoValue},
		{"null value", stdin("delinea", `{"key":"a","value":null}`), hooks.ErrNoValue},
		{"number as value", stdin("json", `{"key":"a","value":1}`), hooks.ErrMalformed},
		{"both values", stdin("json", `{"key":"a","value":"x","value_base64":"eA=="}`), hooks.ErrMalformed},
		{"bad base64 value", stdin("json", `{"key":"a","value_base64":"eA"}`), hooks.ErrMalformed},
		{"number as base64 value", stdin("json", `{"key":"a","value_base64":1}`), hooks.ErrMalformed},
		{"no key", stdin("json", `{"value":"x"}`), hooks.ErrMalformed},
		{"number as key", stdin("json", `{"key":1,"value":"x"}`), hooks.ErrMalformed},
		{"value as key", stdin("json", `{"key":"x","value":"x"}`), hooks.ErrMalformed},
		{"key is no name", stdin("json", `{"key":"../a","value":"x"}`), hooks.ErrMalformed},
		{"name from the value", with("json", func(g *given) { g.template = "{value}" }), hooks.ErrMalformed},
		{"name from the base64 value", with("json", func(g *given) { g.template = "{value_base64}" }), hooks.ErrMalformed},
		{"name from the value's variable", with("env", func(g *given) { g.template = "{NEW}" }), hooks.ErrMalformed},
		{"no new password", keeper("{user}", "user", "a", "oldPassword", "o"), hooks.ErrNoValue},
		{"no records", keeper("{title}", "user", "a", "newPassword", "n"), hooks.ErrMalformed},
		{"records no base64", keeper("{title}", "newPassword", "n", "records", "[]"), hooks.ErrMalformed},
		{"records no JSON", keeper("{title}", "newPassword", "n", "records", b64("[")), hooks.ErrMalformed},
		{"no record of the user", keeper("{title}", "userRecordUid", "u", "newPassword", "n", "records", b64(`[{"uid":"v","title":"t"}]`)), hooks.ErrMalformed},
		{"label that is a number", with("keeper", func(g *given) { g.template = "{label:number}" }), hooks.ErrMalformed},
		{"unknown label", with("keeper", func(g *given) { g.template = "{label:x}" }), hooks.ErrMalformed},
		{"label with the new password", keeper("{label:p}", "userRecordUid", "u", "newPassword", "n", "records", b64(`[{"uid":"u","p":"n"}]`)), hooks.ErrMalformed},
		{"label with the old password", keeper("{label:p}", "userRecordUid", "u", "newPassword", "n", "oldPassword", "o", "records", b64(`[{"uid":"u","p":"o"}]`)), hooks.ErrMalformed},
		{"two arguments", with("delinea arguments", func(g *given) { g.args = g.args[:2] }), hooks.ErrMalformed},
		{"four arguments", with("manageengine", func(g *given) { g.args = g.args[:4] }), hooks.ErrMalformed},
		{"slash in a field", with("manageengine", func(g *given) { g.args[0] = "a/b" }), hooks.ErrMalformed},
		{"backslash in a field", with("manageengine", func(g *given) { g.args[0] = `a\b` }), hooks.ErrMalformed},
		{"long field", with("manageengine", func(g *given) { g.args[0] = strings.Repeat("a", 256) }), hooks.ErrMalformed},
		{"empty field", with("manageengine", func(g *given) { g.args[2] = "" }), hooks.ErrMalformed},
		{"missing file", with("file", func(g *given) { g.files = nil }), os.ErrNotExist},
		{"no path", with("file", func(g *given) { g.settings = nil }), scripts.ErrUsage},
		{"large file", with("file", func(g *given) { g.files["/run/orders"] = strings.Repeat("x", scripts.MaxInput+1) }), hooks.ErrMalformed},
		{"other store", with("git", func(g *given) { g.settings["store"] = []string{"git"} }), scripts.ErrUsage},
		{"nothing allowed", with("git", func(g *given) { g.settings["allow"] = nil }), scripts.ErrUsage},
		{"no variable named", with("env", func(g *given) { g.settings = nil }), scripts.ErrUsage},
		{"variable not set", with("env", func(g *given) { delete(g.env, "NEW") }), hooks.ErrNoValue},
		{"no member named", with("json", func(g *given) { g.settings = map[string][]string{"value-from": {""}} }), scripts.ErrUsage},
		{"no name", with("env", func(g *given) { g.template = "" }), scripts.ErrUsage},
		{"unknown field", with("keeper", func(g *given) { g.template = "{newPassword}" }), scripts.ErrUsage},
		{"label without a name", with("keeper", func(g *given) { g.template = "{label:}" }), scripts.ErrUsage},
		{"open brace", with("json", func(g *given) { g.template = "a{key" }), scripts.ErrUsage},
		{"closing brace", with("json", func(g *given) { g.template = "a}{key}" }), scripts.ErrUsage},
		{"brace in braces", with("json", func(g *given) { g.template = "{a{key}}" }), scripts.ErrUsage},
		{"no field in braces", with("json", func(g *given) { g.template = "{}" }), scripts.ErrUsage},
		{"two of one name", with("git", func(g *given) {
			g.template, g.settings["allow"] = "fixed", []string{"db/orders", "db/private"}
		}), scripts.ErrUsage},
	} {
		t.Run(test.name, func(t *testing.T) {
			events, err := test.given.read()
			if !errors.Is(err, test.want) || events != nil {
				t.Fatalf("read %v, error is %v, want one of %v", events, err, test.want)
			}
			for _, secret := range []string{"dummy-new", "dummy-old", "must not be shown"} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("the error repeats a value: %v", err)
				}
			}
		})
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct{ contract, template, want string }{
		{"keeper", "", "usr1"},
		{"keeper", "{user}", "svc_batch"},
		{"keeper", "{label:sealrelay}", "by-label"},
		{"keeper", "a/{resourceRecordUid}-{title}/b", "a/res1-orders/b"},
		{"manageengine", "", "db/orders"},
		{"manageengine", "{dns}", "db.example.com"},
		{"netwrix", "", "db/orders"},
		{"delinea", "fixed/name", "fixed/name"},
		{"json", "{other}", "x"},
		{"git", "", "db/orders"},
	} {
		events, err := with(test.contract, func(g *given) { g.prefix, g.template = "", test.template }).read()
		if err != nil || events[0].Secret != test.want {
			t.Errorf("%s %q: %v, %v, want %s", test.contract, test.template, events, err, test.want)
		}
	}
}

// TestCommitOfOthers: a commit without an allowed entry is nothing to send.
func TestCommitOfOthers(t *testing.T) {
	events, err := with("git", func(g *given) { g.settings["allow"] = []string{"db/unchanged"} }).read()
	if err != nil || len(events) != 0 {
		t.Errorf("read %v, %v", events, err)
	}
}
