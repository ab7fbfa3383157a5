package kinds_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/jobs/command"
	"github.com/sealrelay/sealrelay/internal/jobs/kinds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings reads YAML settings of a kind.
func settings(kind, text string) (json.RawMessage, error) {
	return kinds.Settings(kind, func(into any) error {
		if text == "" {
			return nil
		}
		return config.Strict([]byte(text), into)
	}, func(path string) string { return filepath.Join("/base", path) })
}

// absolute leaves paths as they are.
func absolute(t *testing.T, kind, text string) json.RawMessage {
	t.Helper()
	read, err := kinds.Settings(kind, func(into any) error {
		if text == "" {
			return nil
		}
		return config.Strict([]byte(text), into)
	}, func(path string) string { return path })
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// job is a job that is run in tests.
type job struct {
	env  kinds.Env
	sign func(ctx context.Context, csr []byte) ([]byte, error)
}

// with is a job on one store, which has the name s.
func with(store stores.Store) job {
	return job{env: kinds.Env{Store: func(name string) (stores.Store, error) {
		if name != "s" {
			return nil, errors.New("there is no such store")
		}
		return store, nil
	}}}
}

// run runs a job of YAML settings, and returns what it put out by lines.
func (j job) run(t *testing.T, kind, text string) (jobs.Report, []map[string]any, error) {
	t.Helper()
	return j.runIn(t, t.Context(), kind, text)
}

func (j job) runIn(t *testing.T, ctx context.Context, kind, text string) (jobs.Report, []map[string]any, error) { //nolint:revive // The test comes first.
	t.Helper()
	var output bytes.Buffer
	report, err := kinds.New(j.env)[kind](ctx, jobs.Task{ID: "r1", Job: "job", Settings: absolute(t, kind, text), Output: &output, Sign: j.sign})
	var lines []map[string]any
	for text := range strings.Lines(output.String()) {
		line := map[string]any{}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		lines = append(lines, line)
	}
	return report, lines, err
}

// wants checks a report.
func wants(t *testing.T, report jobs.Report, err error, want jobs.Report) {
	t.Helper()
	if err != nil {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(want, report); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// fails checks the text of an error.
func fails(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
}

func folder(t *testing.T) (*directory.Store, string) {
	t.Helper()
	dir := t.TempDir()
	store, err := directory.New(directory.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return store, dir
}

var errDown = fmt.Errorf("%w: the store is down", stores.ErrUnreadable)

// fake is a store that can be read and no more. It breaks off at the end with broken.
type fake struct {
	entries []stores.Entry
	broken  error
}

func (f *fake) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return func(yield func(stores.Entry, error) bool) {
		for _, entry := range f.entries {
			if ctx.Err() != nil {
				yield(stores.Entry{}, ctx.Err())
				return
			}
			if !yield(entry, nil) {
				return
			}
		}
		if f.broken != nil {
			yield(stores.Entry{}, f.broken)
		}
	}
}

func (f *fake) Lookup(_ context.Context, alias string) (stores.Entry, error) {
	for _, entry := range f.entries {
		if entry.Alias == alias {
			return entry, nil
		}
	}
	if f.broken != nil {
		return stores.Entry{}, f.broken
	}
	return stores.Entry{}, stores.ErrNotFound
}

// writable is a fake that is written to, until it fails.
type writable struct {
	fake
	added, removed []string
	addErr         func(alias string) error
	removeErr      error
	notes          []string
}

func (w *writable) Add(ctx context.Context, addition stores.Addition) (stores.Outcome, error) {
	if err := ctx.Err(); err != nil {
		return stores.Outcome{}, err
	}
	if w.addErr != nil {
		if err := w.addErr(addition.Alias); err != nil {
			return stores.Outcome{}, err
		}
	}
	if !addition.DryRun {
		w.added = append(w.added, addition.Alias)
	}
	return stores.Outcome{Did: stores.DidAdd, Version: "7", Notes: w.notes}, nil
}

func (w *writable) Remove(_ context.Context, removal stores.Removal) (stores.Outcome, error) {
	if w.removeErr != nil {
		return stores.Outcome{}, w.removeErr
	}
	w.removed = append(w.removed, removal.Alias)
	return stores.Outcome{Did: stores.DidRemove}, nil
}

func TestSettings(t *testing.T) {
	for kind, texts := range map[string]map[string]string{
		"inventory": {"": "store is required", "{store: s}": "", "{stor: s}": "stor"},
		"add":       {"{store: s, alias: a}": "file is required", "{store: s, file: f}": "alias is required", "{store: s, alias: a, file: f, tags: {a: b}, keep_tags: true}": ""},
		"remove":    {"{store: s}": "alias is required", "{alias: a}": "store is required", "{store: s, alias: a, purge: true}": ""},
		"create":    {"": "store is required", "{store: s}": ""},
		"re-enrol": {
			"{store: s, alias: a}": "subject is required", "{store: s, alias: a, subject: web}": "subject", "{store: s, alias: a, subject: CN=a, key: age}": "key",
			"{store: s, alias: a, subject: CN=a, renew_before: -1h}": "negative", "{store: s, alias: a, subject: CN=a, names: ['a b']}": "names",
			"{store: s, alias: a, subject: CN=a, names: [a.example, 192.0.2.1], renew_before: 720h, tags: {a: b}}": "",
		},
		"discover": {
			"": "one of files and azure-key-vault", "{azure-key-vault: {}}": "", "{azure-key-vault: {tenant: x}}": "tenant", "{files: {}}": "no folder",
			"{files: {folders: [a]}, azure-key-vault: {}}": "one of files and azure-key-vault", "{files: {folders: [a], depth: 500}}": "depth", "{files: {folders: [a, b], depth: 0, max_files: 10}}": "",
		},
		"tls-scan":   {"": "no host", "{targets: [192.0.2.0/8]}": "more than", "{targets: [a], rate: 2000}": "connections a second", "{targets: [a], ports: [0]}": "port", "{targets: [192.0.2.0/24], timeout: 2s}": ""},
		"ssh-scan":   {"{targets: [a]}": "known_hosts is required", "{targets: [a], known_hosts: k}": ""},
		"fetch-logs": {"": "", "{since: 1h}": "since"},
		"custom": {
			"": "command is required", "{command: c, parameters: {a: [1]}}": "parameters", "{command: c, parameters: {a: 1.5}}": "parameters", "{command: c, parameters: {a: 2026-01-31T10:00:00Z}}": "no date",
			"{command: c, parameters: {a: 1, b: x, c: true, d: 2026-01-31}}": "",
		},
		"ca-sync": {
			"{store: s}": "one of directory and roots", "{store: s, directory: d, roots: 'https://a'}": "one of directory and roots", "{directory: d}": "store is required",
			"{store: s, directory: d, trust: t}": "for roots only", "{store: s, roots: 'https://a'}": "one of trust and fingerprint", "{store: s, roots: 'http://a', trust: t}": "https",
			"{store: s, roots: 'https://u:p@a', trust: t}": "without a user", "{store: s, roots: 'https://a', fingerprint: abc}": "fingerprint", "{store: s, directory: d, alias_prefix: CA}": "alias_prefix",
			"{store: s, directory: d, alias_prefix: ../}": "alias_prefix", "{store: s, directory: d, remove: true}": "",
		},
	} {
		for text, want := range texts {
			read, err := settings(kind, text)
			if want != "" {
				fails(t, err, want)
				continue
			}
			if err != nil {
				t.Errorf("%s %s: %v", kind, text, err)
			}
			if !json.Valid(read) {
				t.Errorf("%s %s: %s", kind, text, read)
			}
		}
	}
	_, err := settings("invntory", "{store: s}")
	fails(t, err, "inventory, re-enrol")
	for kind, want := range map[string]string{
		"add {store: s, alias: a, file: f, password_file: p}": `{"store":"s","alias":"a","file":"/base/f","password_file":"/base/p"}`,
		"ssh-scan {targets: [a], known_hosts: k}":             `"known_hosts":"/base/k"`,
		"ca-sync {store: s, roots: 'https://a', trust: t}":    `"trust":"/base/t","store":"s","alias_prefix":"ca-"`,
		"ca-sync {store: s, directory: d}":                    `{"directory":"/base/d"`,
		"custom {command: c, parameters: {d: 2026-01-31}}":    `{"d":"2026-01-31"}`,
		"tls-scan {targets: [a]}":                             `{"targets":["a"],"ports":[443],"timeout":10000000000,"together":32,"rate":100}`,
		"discover {files: {folders: [a]}}":                    `{"files":{"folders":["/base/a"],"depth":32,"max_files":1000000}}`,
		"discover {azure-key-vault: {tenants: [a]}}":          `{"azure-key-vault":{"tenants":["a"]}}`,
	} {
		name, text, _ := strings.Cut(kind, " ")
		if read, err := settings(name, text); err != nil || !strings.Contains(string(read), want) {
			t.Errorf("%s: %s, %v", kind, read, err)
		}
	}
}

// TestSettingsOfTasks: what comes over the network is read strictly and checked again.
func TestSettingsOfTasks(t *testing.T) {
	store, _ := folder(t)
	all := kinds.New(with(store).env)
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		for _, text := range []string{`{"unknown": 1}`, `[]`, `{} {}`, `{`, `{"store": 1}`, ``} {
			if kind == "fetch-logs" && text == "" {
				continue
			}
			_, err := all[kind](t.Context(), jobs.Task{Settings: json.RawMessage(text), Output: io.Discard})
			if err == nil || !strings.HasPrefix(err.Error(), "the settings of the job: ") {
				t.Errorf("%s with %q: %v", kind, text, err)
			}
		}
	}
}

// TestPathsOfTasks: nothing here says what a path could be relative to.
func TestPathsOfTasks(t *testing.T) {
	store, _ := folder(t)
	all := kinds.New(with(store).env)
	for kind, text := range map[string]string{
		"add": `{"store":"s","alias":"a","file":"f"}`, "ssh-scan": `{"targets":["a"],"known_hosts":"k"}`,
		"ca-sync": `{"store":"s","directory":"d"}`, "discover": `{"files":{"folders":["/","d"]}}`,
	} {
		_, err := all[kind](t.Context(), jobs.Task{Settings: json.RawMessage(text), Output: io.Discard})
		fails(t, err, "is no absolute path")
	}
}

func TestCustom(t *testing.T) {
	j := job{env: kinds.Env{Command: func(name string) (command.Command, bool) {
		return command.Command{
			Run:        []string{"/bin/sh", "-c", "cat; echo said >&2; exit 4"},
			Parameters: map[string]command.Parameter{"days": {Type: "int", Required: true}, "day": {Type: "date"}},
		}, name == "c"
	}}}
	report, lines, err := j.run(t, "custom", "{command: c, parameters: {days: 9007199254740993, day: 2026-01-31}}")
	wants(t, report, err, jobs.Report{Warning: true, Message: "said"})
	if want := []map[string]any{{"job": "job", "run": "r1", "parameters": map[string]any{"days": 9007199254740993.0, "day": "2026-01-31"}}}; !cmp.Equal(lines, want) {
		t.Errorf("it reads %v", lines)
	}
	_, _, err = j.run(t, "custom", "{command: c, parameters: {hours: 1}}")
	fails(t, err, "there is no parameter \"hours\"; there are day, days\nparameter days is required")
	_, _, err = j.run(t, "custom", "{command: d}")
	fails(t, err, `there is no command "d" here`)
}

func TestCustomPutsOutMuch(t *testing.T) {
	j := job{env: kinds.Env{Command: func(string) (command.Command, bool) {
		return command.Command{Run: []string{"/bin/sh", "-c", fmt.Sprintf("head -c %d /dev/zero", jobs.MaxCommandOutput+1)}}, true
	}}}
	var output bytes.Buffer
	report, err := kinds.New(j.env)["custom"](t.Context(), jobs.Task{Settings: absolute(t, "custom", "{command: c}"), Output: &output})
	if err != nil || !report.Warning || !strings.Contains(report.Message, "left out") || output.Len() != jobs.MaxCommandOutput {
		t.Errorf("%+v, %d bytes, %v", report, output.Len(), err)
	}
}

func TestFetchLogs(t *testing.T) {
	var j job
	_, _, err := j.run(t, "fetch-logs", "")
	fails(t, err, "no log lines are kept here")
	j.env.Logs = func(w io.Writer) error {
		_, err := io.WriteString(w, "{\"message\":\"a\"}\n{\"message\":\"b\"}\n")
		return err
	}
	report, lines, err := j.run(t, "fetch-logs", "")
	wants(t, report, err, jobs.Report{Message: "2 log lines"})
	if len(lines) != 2 {
		t.Errorf("it puts out %v", lines)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := j.runIn(t, ended, "fetch-logs", ""); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

func TestDiscoverFiles(t *testing.T) {
	store, dir := folder(t)
	put(t, store, "a.pem")
	var j job
	text := "{files: {folders: ['" + dir + "']}}"
	report, lines, err := j.run(t, "discover", text)
	if err != nil || report.Warning || !strings.HasSuffix(report.Message, "; found 1 directory") || len(lines) != 1 || lines[0]["kind"] != "directory" || lines[0]["path"] != dir {
		t.Errorf("%+v, %v, %v", report, lines, err)
	}
	report, lines, err = j.run(t, "discover", "{files: {folders: ['"+filepath.Join(dir, "none")+"']}}")
	if err != nil || !report.Warning || len(lines) != 1 || lines[0]["problem"] == nil {
		t.Errorf("%+v, %v, %v", report, lines, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if report, _, err := j.runIn(t, ended, "discover", text); !errors.Is(err, context.Canceled) || !strings.Contains(report.Message, "looked at") {
		t.Errorf("after the end: %+v, %v", report, err)
	}
}

type found []stores.Found

func (f found) Discover(context.Context) iter.Seq2[stores.Found, error] {
	return func(yield func(stores.Found, error) bool) {
		for _, one := range f {
			if one.Kind == "" {
				yield(stores.Found{}, one.Problem)
				return
			}
			if !yield(one, nil) {
				return
			}
		}
	}
}

func TestDiscover(t *testing.T) {
	var j job
	const text = "{azure-key-vault: {tenants: [a]}}"
	_, _, err := j.run(t, "discover", text)
	fails(t, err, "azure-key-vault cannot be searched for here")
	var asked string
	finds := found{{Kind: "azure-key-vault", Path: "https://a", About: map[string]string{"location": "b"}}}
	j.env.Discover = map[string]func(json.RawMessage) (stores.Discoverer, error){"azure-key-vault": func(settings json.RawMessage) (stores.Discoverer, error) {
		asked = string(settings)
		return finds, nil
	}}
	report, lines, err := j.run(t, "discover", text)
	wants(t, report, err, jobs.Report{Message: "found 1 azure-key-vault"})
	if asked != `{"tenants":["a"]}` || len(lines) != 1 || lines[0]["path"] != "https://a" {
		t.Errorf("asked for %s, put out %v", asked, lines)
	}
	finds = append(finds, stores.Found{Kind: "azure-key-vault", Path: "/subscriptions/x", Problem: stores.ErrDenied})
	report, lines, err = j.run(t, "discover", text)
	wants(t, report, err, jobs.Report{Warning: true, Message: `found 1 azure-key-vault; 1 with a problem: "/subscriptions/x"`})
	if len(lines) != 2 || lines[1]["problem"] != "permission denied" {
		t.Errorf("put out %v", lines)
	}
	finds = append(finds, stores.Found{Problem: errDown})
	_, lines, err = j.run(t, "discover", text)
	fails(t, err, "broke off after 1 were found: cannot be read")
	if len(lines) != 2 {
		t.Errorf("put out %v", lines)
	}
	finds = nil
	report, _, err = j.run(t, "discover", text)
	wants(t, report, err, jobs.Report{Message: "nothing found"})
}

// TestManual: the manual's jobs and commands are such.
func TestManual(t *testing.T) {
	data, err := os.ReadFile("../../../docs/jobs.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, part := range strings.Split(string(data), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(part, "```")
		var c config.Config
		if err := config.Strict([]byte(text), &c); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for name, job := range c.Jobs {
			kind, read, err := job.Work()
			if err == nil {
				_, err = kinds.Settings(kind, read.Decode, func(path string) string { return path })
			}
			if err != nil {
				t.Errorf("job %s: %v", name, err)
			}
			seen++
		}
		for name, command := range c.Commands {
			if err := command.Check(); err != nil {
				t.Errorf("command %s: %v", name, err)
			}
		}
	}
	if seen < 4 {
		t.Errorf("%d jobs only", seen)
	}
}
