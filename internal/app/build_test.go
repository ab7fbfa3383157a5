package app

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

func servedSerial(t *testing.T, address string) int64 {
	t.Helper()
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestBuildTellsEverything has a mistake in each file that is named.
func TestBuildTellsEverything(t *testing.T) {
	const text = `signing_key_file: none.key
server: {cert_file: none.crt, key_file: none.key}
sources:
  a:
    verify: {beerer: {}}
    adapter: {push: {}}
    may_write: ["**"]
  b:
    verify: {bearer: {token_files: [none.token]}}
    adapter: {json: {secret: /n, valeu: /v}}
    may_write: ["**"]
    client_certificate: {ca_file: token}
agents:
  web:
    keys: {main: {file: web.pub, format: rot13}}
    destinations: {folder: {file: {dir: ""}}, other: {carrier-pigeon: {}}}
groups:
  all: {agents: [web], key: {file: web.pub, ca_file: none.ca}}
routes:
  - {secrets: ["**"], agents: [web]}
`
	_, err := Check(parse(t, text, folder(t)))
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"signing_key_file: ", "server certificate: ",
		`source a: there is no verify "beerer"; there are [`,
		"source b: verify bearer: ", `source b: adapter json: line 10: key "valeu" is not a setting here`,
		"source b: client_certificate: ca_file: token has no PEM certificate",
		`agent web: key main: unknown envelope format "rot13"; there are age, openpgp, jwe, cms, js7`,
		"agent web: destination folder: dir is missing", "agent web: destination other: unknown kind",
		"group all: key: ca_file: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}

// TestManualsExample builds the example of docs/configuration.md.
func TestManualsExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(page), "```yaml\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("the page has no example")
	}
	dir := folder(t)
	writeCertificate(t, dir, 1)
	for name, from := range map[string]string{
		"hook.secret": "", "script.token": "token", "agents/jobs.crt": "old.crt", "agents/ca.crt": "old.crt",
		"agents/batch.pub": "batch.pub", "agents/web.crt": "old.crt",
	} {
		data := []byte("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		if from != "" {
			if data, err = os.ReadFile(dir + "/" + from); err != nil {
				t.Fatal(err)
			}
		}
		write(t, dir, name, data)
	}
	built, err := Check(parse(t, text, dir))
	if err != nil {
		t.Fatal(err)
	}
	if built.Rules.Source("password-manager") == nil || len(built.Rules.Registry().Agents()) != 4 {
		t.Error("the example has other sources or agents")
	}
}

func TestAgentKeyReadsNothingElse(t *testing.T) {
	dir := folder(t)
	text := strings.Replace(withBatch, "token_files: [token]", "token_files: [unreadable]", 1)
	text = strings.Replace(text, "keys: {main: {file: web.pub}}", "keys: {main: {file: web.pub}, spare: {file: batch.pub}}", 1)
	text = strings.Replace(text, "{folder: {file: {dir: web}}}", "{folder: {key: main, file: {dir: web}}}", 1)
	cfg := parse(t, text, dir)
	public, err := os.ReadFile(dir + "/batch.pub")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := keys.ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ agent, key, want string }{
		{"batch", "", ""},
		{"web", "spare", ""},
		{"web", "", `name one of the keys of agent "web": ["main" "spare"]`},
		{"web", "none", "name one of the keys"},
		{"none", "", `there is no agent "none"; there are ["batch" "web"]`},
	} {
		key, err := AgentKey(cfg, tc.agent, tc.key)
		if tc.want == "" && (err != nil || key.ID != batch.ID()) {
			t.Errorf("%v: %v, %v", tc, key, err)
		}
		if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%v: %v", tc, err)
		}
	}
	registry, err := Registry(cfg)
	if err != nil || len(registry.Agents()) != 2 {
		t.Errorf("registry: %v", err)
	}
}

func TestKeysReport(t *testing.T) {
	text := strings.Replace(withBatch, "routes:\n", "groups:\n  all: {agents: [web, batch], key: {file: old.crt}}\nroutes:\n", 1)
	registry, err := Registry(parse(t, text, folder(t)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, report := range Keys(registry, time.Now()) {
		verdict := "passes"
		if report.Err != nil {
			verdict = "fails"
		}
		got = append(got, report.Owner+" "+report.Destination+" "+verdict)
	}
	if diff := cmp.Diff([]string{"agent/batch folder passes", "agent/web folder passes", "group/all  fails"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if err := usableKeys(registry, time.Now()); err != nil {
		t.Errorf("one bad key among good ones: %v", err)
	}
}
