package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// tools stand in for the commands of products that have no hook: what each is
// called with, and how it gives the value, which is in the file value.
var tools = map[string]struct{ called, gives string }{
	"op":            {"read --no-newline op://Prod/orders/password", `cat "$HOME/value"`},
	"bw":            {"get password orders", `cat "$HOME/value"`},
	"bws":           {"secret get be8e0ad8-d545-4017-a55a-b02f014d4158 --output json", `cat "$HOME/value.json"`},
	"pass":          {"show db/orders", `cat "$HOME/value"; printf '\nuser: svc\nurl: x\n'`},
	"gopass":        {"show -o db/orders", `cat "$HOME/value"; echo`},
	"keepassxc-cli": {"show -q -a Password vault.kdbx db/orders", `cat "$HOME/value"; echo`},
	"doppler":       {"run -- ", `shift 2; ` + runs},
	"infisical":     {"run --env=prod -- ", `shift 3; ` + runs},
}

// runs runs a program with the value in its environment. A command substitution
// takes newlines from the end, so there is a letter behind it.
const runs = `DB_PASSWORD=$(cat "$HOME/value"; echo x); export DB_PASSWORD="${DB_PASSWORD%x}"; exec "$@"`

// severalLines are the tools that give a value of several lines as it is.
var severalLines = []string{"op", "bw", "bws", "doppler", "infisical"}

// TestHookPipes runs each line of shell that the manual has for a product without
// a hook, with a stand-in for the product's command.
func TestHookPipes(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no sh")
	}
	server := newStandIn(t)
	home, bin := t.TempDir(), t.TempDir()
	for tool, is := range tools {
		script := "#!/bin/sh\ncase \"$*\" in '" + is.called + "'*) ;; *) echo \"not called like this: $*\" >&2; exit 9;; esac\n" + is.gives + "\n"
		write(t, filepath.Join(bin, tool), script, 0o700)
	}
	lines := documentedPipes(t)
	var tested []string
	for _, line := range lines {
		tool, _, _ := strings.Cut(line, " ")
		tested = append(tested, tool)
		for name, value := range hostile {
			if strings.Contains(value, "\n") && !slices.Contains(severalLines, tool) {
				continue
			}
			write(t, filepath.Join(home, "value"), value, 0o600)
			text, err := json.Marshal(map[string]any{"object": "secret", "key": "ORDERS", "value": value, "projectId": nil})
			if err != nil {
				t.Fatal(err)
			}
			write(t, filepath.Join(home, "value.json"), string(text), 0o600)
			command := exec.CommandContext(t.Context(), "sh", "-c", line)
			command.Env = append(os.Environ(), "HOME="+home, "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"),
				"SEALRELAY_URL="+server.URL+"/v1/hooks/test", "SEALRELAY_SECRET_FILE="+filepath.Join(server.folder, "hook.secret"),
				"SEALRELAY_SERVICE_KEY="+filepath.Join(server.folder, "service.pub"), "SEALRELAY_CA_FILE="+filepath.Join(server.folder, "ca.pem"))
			out, err := command.CombinedOutput()
			want := []sent{{"prod/db/orders", value, true}}
			if value == "" {
				want = nil
			}
			if got := server.arrived(); !slices.Equal(got, want) || (err == nil) != (value != "") {
				t.Errorf("%s, %s: %v, output is %s, -want +got:\n%s", tool, name, err, out, shortDiff(want, got))
			}
			if value != "" && strings.Contains(string(out), value) {
				t.Errorf("%s, %s: the output has the value", tool, name)
			}
		}
	}
	for tool := range tools {
		if !slices.Contains(tested, tool) {
			t.Errorf("the manual has no line for %s", tool)
		}
	}
	if len(lines) != len(tools) {
		t.Errorf("the manual has %d lines, and %d are known here", len(lines), len(tools))
	}
}

// documentedPipes are the lines of the manual's section.
func documentedPipes(t *testing.T) (lines []string) {
	data, err := os.ReadFile(filepath.Join(repository, "docs", "hook-scripts.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(data), "\n## Products without a hook\n")
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)\n```").FindAllStringSubmatch(section, -1) {
		lines = append(lines, strings.Split(block[1], "\n")...)
	}
	return lines
}

func write(t *testing.T, file, content string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}
