package config_test

import (
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/agent/agenttest"
	"github.com/sealrelay/sealrelay/internal/agent/config"
)

const least = "name: web\nidentities: [{file: agent.key}]\nservice_key_files: [service.pub]\n"

func TestParseRefuses(t *testing.T) {
	const mailbox = "mailbox: {url: 'https://x'}\n"
	const receive = "receive: {listen: 'x:1', cert_file: c, key_file: k, "
	const pin = "'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'"
	for text, says := range map[string]string{
		"":                           "configuration is empty",
		"name: [":                    "not YAML",
		least + "stat_dir: x":        "line 4: key \"stat_dir\" is not a setting here",
		"identities: [{file: a}]":    "name is missing",
		"name: x":                    "identities is missing",
		"name: y":                    "service_key_files is missing",
		least + "log: {level: loud}": "none of debug",
		"name: w\nidentities: [{}]":  "entry 1: needs either file or dir",
		least + "mailbox: {}":        "mailbox: url is missing",
		least + "mailbox: {url: 'https://x', cert_file: c}":                                         "go together",
		least + "jobs: {kinds: [inventory]}":                                                        "jobs: needs mailbox",
		least + mailbox + "jobs: {}":                                                                "jobs: kinds is missing",
		least + mailbox + "jobs: {kinds: [shell]}":                                                  "entry 1 is none of ",
		least + mailbox + "jobs: {kinds: [inventory], stores: {s: {}}}":                             "needs exactly one entry",
		least + mailbox + "jobs: {kinds: [custom], commands: {c: {run: [ls]}}}":                     "absolute path",
		least + mailbox + "jobs: {kinds: [custom], folders: ['']}":                                  "folders: entry 1 is missing",
		least + mailbox + "jobs: {kinds: [custom], together: 17}":                                   "together must be 1 to 16",
		least + mailbox + "jobs: {kinds: [custom], together: -1}":                                   "together must be 1 to 16",
		least + mailbox + "jobs: {kinds: [custom], shell: true}":                                    "\"shell\" is not a setting here",
		least + mailbox + "jobs: {kinds: [custom], commands: {c: {run: [/bin/ls], shell: canary}}}": "\"shell\" is not a setting here",
		least + "receive: {}":                   "listen is not host:port",
		least + "receive: {listen: 'x:1'}":      "cert_file is missing",
		least + receive + "}":                   "anybody could connect",
		least + receive + "client_pins: [abc]}": "entry 1 is not sha256",
		least + receive + "client_pins: [" + strings.Repeat(pin+",", 9) + "]}":   "more than 8",
		least + receive + "client_pins: [" + pin + "], client_names: [relay]}":   "client_names goes with client_ca_file",
		least + "actions: [{secrets: ['**']}]":                                   "does nothing",
		least + "actions: [{touch: x}]":                                          "secrets is missing",
		least + "actions: [{secrets: ['[']}]":                                    "is not a glob",
		least + "actions: [{secrets: ['*'], run: ['']}]":                         "run: the command is missing",
		least + "actions: [{secrets: ['*'], lay_out: {}}]":                       "lay_out: dir is missing",
		least + "actions: [{secrets: ['*'], render: [{}]}]":                      "entry 1: template is missing",
		least + "actions: [{secrets: ['*'], signal: {}}]":                        "pid_file is missing",
		least + "actions: [{secrets: ['*'], signal: {pid_file: x, name: KILL}}]": "name is none of",
		least + "actions: [{secrets: ['*'], touch: x, debounce: 2m}]":            "debounce must be",
		least + "actions: [{secrets: ['*'], touch: x, debounce: -1s}]":           "debounce must be",
		least + "actions: [{secrets: ['*'], touch: x, timeout: 10ms}]":           "timeout must be",
		least + "actions: [{secrets: ['*'], touch: x, debounce: canary}]":        "line 4",
	} {
		_, err := config.Parse([]byte(text), t.TempDir())
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s\ngives %v, want %q", text, err, says)
		}
	}
}

func TestParse(t *testing.T) {
	c, err := config.Parse([]byte(least+"actions: [{secrets: ['*'], touch: /x, run: [a]}]\n"), "/etc/agent")
	if err != nil {
		t.Fatal(err)
	}
	if c.StateDir != "state" || c.Log.Level != "info" || c.Actions[0].Debounce.String() != "1s" || c.Actions[0].Timeout.String() != "30s" {
		t.Errorf("defaults are %+v", c)
	}
	if runtime.GOOS != "windows" && (c.Path("a") != "/etc/agent/a" || c.Path("/a") != "/a" || c.Path("") != "") {
		t.Errorf("paths are %s, %s, %q", c.Path("a"), c.Path("/a"), c.Path(""))
	}
}

// TestKeys: all that is missing or does not fit is refused, by the name of the file.
func TestKeys(t *testing.T) {
	for _, tc := range []struct {
		name, says string
		spoil      func(a *agenttest.Agent) error
	}{
		{"no key", "identity agent.key", func(a *agenttest.Agent) error { return os.Remove(a.Path("agent.key")) }},
		{"no private key", "identity agent.key", func(a *agenttest.Agent) error { a.Write("agent.key", "canary"); return nil }},
		{"no service key", "service key", func(a *agenttest.Agent) error { return os.Remove(a.Path("service.pub")) }},
		{"a private service key", "service key service.pub", func(a *agenttest.Agent) error { return copyOf(a, "signing.key", "service.pub") }},
		{"no signing key", "signing key", func(a *agenttest.Agent) error { return os.Remove(a.Path("signing.key")) }},
		{"another key that signs", "signing key signing.key", func(a *agenttest.Agent) error { return copyOf(a, "agent.key", "signing.key") }},
	} {
		a := agenttest.New(t, t.TempDir(), agenttest.NewService(t), "web", "age", "")
		if err := tc.spoil(a); err != nil {
			t.Fatal(err)
		}
		_, err := a.Config().Trust()
		if _, signing := a.Config().SigningKey(); err == nil {
			err = signing
		}
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	c, err := config.Parse([]byte(least), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.SigningKey(); err == nil || !strings.Contains(err.Error(), "keys generate ed25519") {
		t.Errorf("without a signing key: %v", err)
	}
}

func copyOf(a *agenttest.Agent, from, to string) error {
	data, err := os.ReadFile(a.Path(from))
	a.Write(to, string(data))
	return err
}

// TestManual: docs/agent.md has each setting in the words of its comment's subject.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile("../../../docs/agent.md")
	if err != nil {
		t.Fatal(err)
	}
	settings := 0
	for _, of := range []any{config.Config{}, config.Identity{}, config.Receive{}, config.Mailbox{}, config.Vault{}, config.Action{}, config.LayOut{}, config.Render{}, config.Signal{}, config.Log{}, config.Jobs{}} {
		for field := range reflect.TypeOf(of).Fields() {
			name := field.Tag.Get("yaml")
			if name == "" {
				continue
			}
			settings++
			if !strings.Contains(string(manual), "`"+name+"`") {
				t.Errorf("docs/agent.md does not have %s.%s", reflect.TypeOf(of).Name(), name)
			}
		}
	}
	if settings < 30 {
		t.Errorf("%d settings only", settings)
	}
}

// FuzzParse: whatever a configuration holds, it is taken with what run needs, or
// refused without a repetition of it.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		least, "", "name: [", "a: &a [*a]", least + "receive: {listen: 'x:1', cert_file: c, key_file: k, client_ca_file: a}",
		least + "actions: [{secrets: ['**'], signal: {pid_file: p}, run: [a, b], render: [{template: t, to: o}]}]", "- CANARY", least + "mailbox: {url: 'https://x'}\njobs: {kinds: [custom], stores: {s: {directory: {dir: CANARY}}}, commands: {c: {run: [/bin/ls], parameters: {p: {type: CANARY}}}}, folders: [/x]}", "? {CANARY: x}", "name: !!binary CANARY",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse(text, "/")
		if err == nil && (c.Name == "" || len(c.Identities) == 0 || len(c.ServiceKeyFiles) == 0) {
			t.Errorf("taken: %+v", c)
		}
		// Names of settings are repeated, and have no capital letters.
		if err != nil && strings.Contains(err.Error(), "CANARY") {
			t.Errorf("the error repeats the text: %v", err)
		}
	})
}
