package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/examples"
)

// hostile are values that shells, pipes and parsers could lose.
var hostile = map[string]string{
	"plain":        "correct-horse",
	"spaces":       "  correct  horse\t ",
	"quotes":       `a"b'c` + "`id`" + `\"d\`,
	"substitution": `$(touch /tmp/never) ${HOME} $x %PATH% !! *`,
	"newlines":     "\nfirst\nlast\n\n",
	"crlf":         "first\r\nlast\r\n",
	"emoji":        "pass 🔑 wörd",
	"dash":         "--secret=-x -rf",
	"long":         strings.Repeat("0123456789abcdef", 4096),
	"empty":        "",
}

// site is a machine on which the scripts of a product are set up, as
// `sealrelay hook install` fills them in, for a stand-in of the service.
type site struct {
	t      *testing.T
	server *standIn
	files  string // the scripts
	work   string
}

// newSite sets up a product. The places in scripts for Windows are replaced by
// the test: their paths would be no paths here.
func newSite(t *testing.T, product string) *site {
	t.Helper()
	s := &site{t: t, server: newStandIn(t), files: t.TempDir(), work: t.TempDir()}
	program := program(t)
	s.must(exec.Command(program, "hook", "install", product, "--url", s.server.URL, "--source", "test",
		"--program", program, "--dir", s.server.folder, "--out", s.files))
	windows := strings.NewReplacer(`C:\Program Files\sealrelay\sealrelay.exe`, program, `C:\ProgramData\sealrelay-hook\`, s.server.folder+"/")
	for _, file := range s.list() {
		data, err := os.ReadFile(file)
		if err == nil && !strings.HasSuffix(file, ".md") {
			err = os.WriteFile(file, []byte(windows.Replace(string(data))), 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *site) list() []string {
	files, err := filepath.Glob(filepath.Join(s.files, "*"))
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

func (s *site) file(name string) string { return filepath.Join(s.files, name) }

// put writes a file for a test and returns its path.
func (s *site) put(name, content string, mode os.FileMode) string {
	at := filepath.Join(s.work, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(content), mode); err != nil {
		s.t.Fatal(err)
	}
	return at
}

func (s *site) env(more ...string) []string {
	return append(os.Environ(), append(more, "SEALRELAY_CA_FILE="+filepath.Join(s.server.folder, "ca.pem"), "HOME="+s.work)...)
}

// shell runs a line as a product does.
func (s *site) shell(line string, env ...string) *exec.Cmd {
	command := exec.CommandContext(s.t.Context(), "sh", "-c", line)
	command.Dir, command.Env = s.work, s.env(env...)
	return command
}

func (s *site) must(command *exec.Cmd) {
	s.t.Helper()
	if out, err := command.CombinedOutput(); err != nil {
		s.t.Fatalf("%v: %v\n%s", command.Args, err, out)
	}
}

// quoted is a word for a POSIX shell.
func quoted(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

func base64Of(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func object(t *testing.T, members map[string]any) string {
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// contract is how a product calls its script.
type contract struct {
	needs []string // programs
	// call has the product call the script with a value for prod/db/orders.
	call func(s *site, value string) *exec.Cmd
	// oneLine: the product's contract has no values of several lines.
	oneLine bool
	// plain: the value goes to the service unsealed.
	plain bool
	// ignored: the product does not heed the exit code.
	ignored bool
}

// callPowerShell has a line of PowerShell call a script; the value is in
// $value, which is how the products have it.
func callPowerShell(line string) contract {
	return contract{needs: []string{"pwsh"}, call: func(s *site, value string) *exec.Cmd {
		text := "$value = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('" + base64Of(value) + "'))\nSet-Location '" + s.files + "'\n" + line
		command := exec.CommandContext(s.t.Context(), "pwsh", "-NoProfile", "-File", s.put("call.ps1", text, 0o600))
		command.Env = s.env()
		return command
	}}
}

func keeperLine(t *testing.T, value string) string {
	records := base64Of(`[{"uid":"usr1","title":"db/orders"}]`)
	return base64Of(object(t, map[string]any{"providerRecordUid": "prov1", "resourceRecordUid": "res1", "userRecordUid": "usr1",
		"newPassword": value, "oldPassword": "dummy-old", "user": "svc_batch", "records": records}))
}

var contracts = map[string]contract{
	"keeper/sealrelay.sh": {needs: []string{"bash"}, call: func(s *site, value string) *exec.Cmd {
		line := `history -c && echo "` + keeperLine(s.t, value) + `" | ` + quoted(s.file("sealrelay.sh"))
		command := exec.CommandContext(s.t.Context(), "bash", s.put("gateway", line, 0o600))
		command.Env = s.env()
		return command
	}},
	"keeper/sealrelay.ps1": {needs: []string{"pwsh"}, call: func(s *site, value string) *exec.Cmd {
		return callPowerShell(`"`+keeperLine(s.t, value)+`" | .\sealrelay.ps1; exit $LASTEXITCODE`).call(s, value)
	}},
	"delinea/sealrelay.ps1":       callPowerShell(`& .\sealrelay.ps1 'db/orders' 'svc' $value`),
	"passwordstate/sealrelay.ps1": callPowerShell(`& .\sealrelay.ps1 -Key 'db/orders' -HostName 'h' -UserName 'svc' -NewPassword $value`),
	"netwrix/sealrelay.ps1": callPowerShell(`. .\sealrelay.ps1
		if ((RunScript -HostName 'db' -UserName 'orders' -NewPassword $value) -ne 'true') { exit 1 }`),
	"manageengine/sealrelay.sh": {call: func(s *site, value string) *exec.Cmd {
		command := exec.CommandContext(s.t.Context(), s.file("sealrelay.sh"), "db", "db.example.com", "orders", "dummy-old", value)
		command.Env = s.env()
		return command
	}},
	"cyberark-tpc/sealrelay_tpc.py": {needs: []string{"python3"}, oneLine: true, call: func(s *site, value string) *exec.Cmd {
		command := exec.CommandContext(s.t.Context(), "python3", "-u", s.file("sealrelay_tpc.py"))
		command.Env = s.env()
		command.Stdin = strings.NewReader("db/orders\r\nsvc\r\n" + value + "\r\n")
		return command
	}},
	"file/vault-agent.hcl": {call: func(s *site, value string) *exec.Cmd {
		rendered := filepath.Join(s.server.folder, "orders")
		if err := os.WriteFile(rendered, []byte(value), 0o600); err != nil {
			s.t.Fatal(err)
		}
		var words []string
		for _, word := range agentCommand(s.t, s.file("vault-agent.hcl")) {
			words = append(words, quoted(word))
		}
		return s.shell(strings.Join(words, " "))
	}},
	"git/post-commit": {needs: []string{"git"}, oneLine: true, ignored: true, call: func(s *site, value string) *exec.Cmd {
		s.put("bin/pass", "#!/bin/sh\nprintf '%s\\n' \"$*\" >>\"$HOME/asked\"\nexec cat \"$HOME/store/$3.gpg\"\n", 0o700)
		s.put("store/db/orders.gpg", value+"\nuser: svc\n", 0o600)
		s.put("store/db/private.gpg", "private "+value, 0o600)
		return s.shell("cd store && git init -q && mkdir -p .git/hooks && cp " + quoted(s.file("post-commit")) + " .git/hooks/ && git add . && " +
			"PATH=$HOME/bin:$PATH git -c user.name=x -c user.email=x -c commit.gpgsign=false commit -q -m 'change $(id) `id`'")
	}},
	"json/sealrelay.sh": {call: func(s *site, value string) *exec.Cmd {
		at := s.put("input", object(s.t, map[string]any{"key": "db/orders", "value": value, "old": "dummy-old", "at": 1}), 0o600)
		return s.shell("cat " + quoted(at) + " | " + quoted(s.file("sealrelay.sh")))
	}},
	"env/sealrelay.sh": {call: func(s *site, value string) *exec.Cmd {
		return s.shell(quoted(s.file("sealrelay.sh")), "NEW_PASSWORD="+value)
	}},
	"keeper-saas/sealrelay_push.py": {needs: []string{"python3"}, plain: true, call: func(s *site, value string) *exec.Cmd {
		return callPlugin(s, "new_password", value, "db/orders")
	}},
}

// agentCommand is the command of the agent's configuration.
func agentCommand(t *testing.T, file string) (words []string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?s)command = (\[.*?\])`).FindSubmatch(data)
	if err := json.Unmarshal(found[1], &words); err != nil {
		t.Fatal(err)
	}
	return words
}

// TestHookExamples feeds each script what its product documents, through the
// shell that the product uses, and compares what arrives at the service.
func TestHookExamples(t *testing.T) {
	for script, contract := range contracts {
		t.Run(script, func(t *testing.T) {
			for _, program := range append(contract.needs, "sh") {
				if _, err := exec.LookPath(program); err != nil {
					t.Skip(program + " is not installed")
				}
			}
			product, _, _ := strings.Cut(script, "/")
			s := newSite(t, product)
			for name, value := range hostile {
				if contract.oneLine && strings.Contains(value, "\n") {
					continue
				}
				s.t = t
				callExample(s, contract, name, value)
			}
		})
	}
}

func callExample(s *site, contract contract, name, value string) {
	command := contract.call(s, value)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	err := command.Run()
	want := []sent{{"prod/db/orders", value, !contract.plain}}
	if value == "" {
		want = nil
		if err == nil && !contract.ignored {
			s.t.Errorf("%s: an empty value was a success; output is %s", name, &output)
		}
	} else if err != nil {
		s.t.Errorf("%s: %v, output is %s", name, err, &output)
	}
	if got := s.server.arrived(); !slices.Equal(got, want) {
		s.t.Errorf("%s: %d values arrived, output is %s, -want +got:\n%s", name, len(got), &output, shortDiff(want, got))
	}
	for _, secret := range []string{value, base64Of(value), "dummy-old", strings.TrimPrefix(credential, "whsec_")} {
		if secret != "" && bytes.Contains(output.Bytes(), []byte(secret)) {
			s.t.Errorf("%s: the output has a secret: %s", name, &output)
		}
	}
}

// shortDiff leaves out what is too long to read.
func shortDiff(want, got []sent) string {
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sent{})); len(diff) < 4096 {
		return diff
	}
	return "(long)"
}

// TestHookExamplesAreTested: each file that a user copies has its contract above.
func TestHookExamplesAreTested(t *testing.T) {
	for _, pattern := range []string{"*/*.sh", "*/*.ps1", "*/*.py", "*/*.hcl", "git/*"} {
		files, err := filepath.Glob(filepath.Join(repository, "examples", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			product := filepath.Base(filepath.Dir(file))
			// Scripts of testdata, agentkeys/stores/script and internal/jobs/command run these.
			if slices.Contains([]string{"js7", "stores", "jobs"}, product) {
				continue
			}
			name := product + "/" + filepath.Base(file)
			if _, found := contracts[name]; !found && !strings.HasSuffix(name, ".md") {
				t.Errorf("nothing tests examples/%s", name)
			}
			if _, err := examples.Files.Open(name); err != nil {
				t.Errorf("the program does not have it built in: %v", err)
			}
		}
	}
}

// TestHookProducts: each folder that is built in is a product's.
func TestHookProducts(t *testing.T) {
	entries, err := examples.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		found := false
		for name := range contracts {
			found = found || strings.HasPrefix(name, entry.Name()+"/")
		}
		if !found {
			t.Errorf("%s is built in, and no script of it is a hook", entry.Name())
		}
	}
}

// TestHookGitShowsAllowedOnly: the store is asked for nothing but what may be
// sent.
func TestHookGitShowsAllowedOnly(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	s := newSite(t, "git")
	s.must(contracts["git/post-commit"].call(s, "dummy-new"))
	asked, err := os.ReadFile(filepath.Join(s.work, "asked"))
	if err != nil || string(asked) != "show -- db/orders\n" {
		t.Errorf("the store was asked for %q (%v)", asked, err)
	}
}

// TestHookServiceAway: a change waits in the spool, which the product takes for
// success, holds no value, and is sent with the next change.
func TestHookServiceAway(t *testing.T) {
	const value = "dummy-while-away"
	s := newSite(t, "json")
	script, err := os.ReadFile(s.file("sealrelay.sh"))
	if err != nil {
		t.Fatal(err)
	}
	once := s.put("once.sh", strings.Replace(string(script), "hook json ", "hook json --tries 1 ", 1), 0o700)
	hook := func(key string) *exec.Cmd {
		command := s.shell("cat | " + quoted(once))
		command.Stdin = strings.NewReader(object(t, map[string]any{"key": key, "value": value}))
		return command
	}
	// The recipients of the one secret are known from here on, the other's are not.
	s.must(hook("db/orders"))
	s.server.arrived()
	s.server.setAway(true)
	out, err := hook("db/orders").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "is in the spool") {
		t.Errorf("%v, output is %s", err, out)
	}
	if out, err := hook("db/other").CombinedOutput(); err == nil {
		t.Errorf("a secret with unknown recipients was a success; output is %s", out)
	}
	err = filepath.WalkDir(s.server.folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(value)) || bytes.Contains(data, []byte(base64Of(value))) {
			t.Errorf("%s has the value", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.server.setAway(false)
	s.must(hook("db/new"))
	var got []string
	for _, arrived := range s.server.arrived() {
		got = append(got, arrived.secret)
	}
	slices.Sort(got)
	if want := []string{"prod/db/new", "prod/db/orders"}; !slices.Equal(got, want) {
		t.Errorf("%q arrived, want %q", got, want)
	}
}

// TestHookSource: the source that every script needs is one that the service
// takes, and a script's source as `sealrelay hook install` names it as well.
func TestHookSource(t *testing.T) {
	s := newSite(t, "keeper")
	text, err := os.ReadFile(s.file("README-all.md"))
	if err != nil {
		t.Fatal(err)
	}
	source := regexp.MustCompile("(?s)```yaml\nsources:\n(.*?)```").FindSubmatch(text)
	if source == nil || !bytes.HasPrefix(source[1], []byte("  test:\n")) {
		t.Fatalf("no source of that name in %s", text)
	}
	kept := filepath.Join(s.work, "kept")
	s.must(exec.Command(program(t), "demo", "--keep", kept))
	file := filepath.Join(kept, "sealrelay.yaml")
	config, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, after, found := strings.Cut(string(config), "\nsources:\n")
	if !found {
		t.Fatalf("the demo's configuration has no sources: %s", config)
	}
	s.put("kept/sealrelay.yaml", before+"\nsources:\n"+string(source[1])+after, 0o600)
	s.must(exec.Command(program(t), "config", "check", "--config", file))
}
