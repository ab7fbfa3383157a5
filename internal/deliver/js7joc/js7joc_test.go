package js7joc_test

import (
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/js7joc"
	"github.com/sealrelay/sealrelay/internal/js7joc/expression"
	"github.com/sealrelay/sealrelay/internal/js7joc/joctest"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	resource = "/sealrelay/web"
	// canary is the account's password: no error has it.
	canary = "c4nary:p4ssword"
)

// site is a JOC Cockpit with two controllers and a Job Resource, and the folder of
// a configuration.
type site struct {
	*joctest.Server
	dir string
}

func newSite(t testing.TB) *site {
	t.Helper()
	s := &site{joctest.New("relay", canary, "c1", "c2"), t.TempDir()}
	t.Cleanup(s.Close)
	s.Put(resource, `{"TYPE":"JobResource","version":"1.8.0","title":"ours","arguments":{"other":"\"kept\"","toFile":"'x'"},"env":{"OTHER":"$other"},"documentationName":"d"}`)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(filepath.Join(s.dir, "ca.crt"), certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) open(config string) (deliver.Destination, error) {
	return js7joc.New(deliver.Settings{
		Decode:     func(into any) error { return yaml.Load([]byte(config), into, yaml.WithKnownFields()) },
		Path:       func(name string) string { return filepath.Join(s.dir, name) },
		ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte(canary)), nil },
	})
}

const account = "settle: 1ms\nuser: relay\npassword_file: password\nca_file: ca.crt\n"

func (s *site) destination(t testing.TB, more string) deliver.Destination {
	t.Helper()
	d, err := s.open("url: " + s.URL + "\n" + account + "controllers: [c1, c2]\njob_resource: " + resource + "\n" + more)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// value is the text of an argument, if it is one string.
func (s *site) value(argument, controller string) string {
	text, _ := expression.Unquote(s.Arguments(resource, controller)[argument])
	return text
}

func TestConformance(t *testing.T) {
	delivertest.Run(t, func(t *testing.T) delivertest.Target {
		s := newSite(t)
		return delivertest.Target{
			Destination: s.destination(t, ""),
			Read: func(secret string) ([]byte, string, error) {
				name := encoded(secret)
				envelope := s.value(name, "c2")
				if envelope == "" {
					return nil, s.value(name+"_statement", "c2"), nil
				}
				return []byte(envelope), s.value(name+"_statement", "c2"), nil
			},
			Stray: func() ([]string, error) {
				if n := s.Sessions(); n != 0 {
					return []string{fmt.Sprint(n, " sessions")}, nil
				}
				if s.Arguments(resource, "c1")["other"] != `"kept"` || s.Env(resource, "c1")["OTHER"] != "$other" {
					return []string{"what others had is gone"}, nil
				}
				return nil, nil
			},
		}
	})
}

// encoded is the documented name of an argument.
func encoded(secret string) string {
	var b strings.Builder
	for i, c := range []byte(secret) {
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || i > 0 && c >= '0' && c <= '9':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "_%02X", c)
		}
	}
	return b.String()
}

func sealed(t testing.TB, secret string, version int64, envelope string) outbox.Delivery {
	t.Helper()
	d := delivertest.Set(t, secret, version, 0)
	d.Envelope = []byte(envelope)
	return delivertest.InFormat(t, d, "js7")
}

// What the configuration names is written, and everything else stays as it was.
func TestNamedArgument(t *testing.T) {
	s := newSite(t)
	d := s.destination(t, "arguments: {prod/db: databasePassword}\nenv: {prod/db: DATABASE_PASSWORD}\ncomment: rotated\n")
	s.Set(func(k *joctest.Knobs) { k.ForceComment = true })
	deliverAll(t, d, sealed(t, "prod/db", 1, "enc:AAA= BBB= CCC="))
	for _, controller := range []string{"c1", "c2"} {
		if got := s.Arguments(resource, controller)["databasePassword"]; got != `"enc:AAA= BBB= CCC="` {
			t.Errorf("%s has %s", controller, got)
		}
		if got := s.Env(resource, controller)["DATABASE_PASSWORD"]; got != "$databasePassword" {
			t.Errorf("%s has %s", controller, got)
		}
	}
	for _, kept := range []string{`"title":"ours"`, `"documentationName":"d"`, `"version":"1.8.0"`, `"toFile":"'x'"`, `"OTHER":"$other"`} {
		if !strings.Contains(s.Configuration(resource), kept) {
			t.Errorf("%s is gone: %s", kept, s.Configuration(resource))
		}
	}
	deliverAll(t, d, delivertest.Delete(t, "prod/db", 2))
	if _, is := s.Arguments(resource, "c1")["databasePassword"]; is {
		t.Error("the argument is there after the delete")
	}
	if _, is := s.Env(resource, "c1")["DATABASE_PASSWORD"]; is {
		t.Error("the variable is there after the delete")
	}
}

func TestDeleteEmpties(t *testing.T) {
	s := newSite(t)
	d := s.destination(t, "arguments: {prod/db: pw}\nenv: {prod/db: PW}\ndelete: empty\n")
	deliverAll(t, d, sealed(t, "prod/db", 1, "enc:A B C"), delivertest.Delete(t, "prod/db", 2))
	if got := s.Arguments(resource, "c1")["pw"]; got != `""` {
		t.Errorf("the argument is %s", got)
	}
	if got := s.Env(resource, "c1")["PW"]; got != "$pw" {
		t.Errorf("the variable is %s", got)
	}
}

// Nothing is stored or deployed where nothing has changed; what an earlier attempt
// stored and did not see deployed is deployed.
func TestNothingToDo(t *testing.T) {
	s := newSite(t)
	d := s.destination(t, "")
	first := sealed(t, "prod/db", 2, "enc:A B C")
	deliverAll(t, d, first)
	stores, deploys := s.Calls("inventory/store"), s.Calls("inventory/deployment/deploy")
	deliverAll(t, d, first, sealed(t, "prod/db", 1, "enc:X Y Z"))
	if s.Calls("inventory/store") != stores || s.Calls("inventory/deployment/deploy") != deploys {
		t.Error("stored or deployed again")
	}
	if stores != 1 || deploys != 1 {
		t.Errorf("%d stores and %d deployments", stores, deploys)
	}
}

// Secrets that come while the Job Resource is being written are written in one go.
func TestTogether(t *testing.T) {
	s := newSite(t)
	d := s.destination(t, "")
	s.Set(func(k *joctest.Knobs) { k.Delay = 50 * time.Millisecond })
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() { deliverAll(t, d, sealed(t, fmt.Sprint("prod/s", i), 1, fmt.Sprint("enc:A B ", i))) })
	}
	group.Wait()
	for i := range 40 {
		if got := s.value(encoded(fmt.Sprint("prod/s", i)), "c1"); got != fmt.Sprint("enc:A B ", i) {
			t.Errorf("secret %d is %q", i, got)
		}
	}
	if n := s.Calls("inventory/store"); n > 10 {
		t.Errorf("40 secrets were stored in %d goes", n)
	}
}

// An operator edits between reads and stores: no edit and no secret is lost but for
// what falls into the moment between the last look and the store.
func TestOthersEdit(t *testing.T) {
	s := newSite(t)
	d := s.destination(t, "")
	edits := 0
	s.Set(func(k *joctest.Knobs) {
		k.Concurrent = 2
		k.BeforeStore = func() {
			if edits++; edits <= 2 {
				s.Edit(resource, fmt.Sprint("edit", edits), `"theirs"`)
			}
		}
	})
	deliverAll(t, d, sealed(t, "prod/db", 1, "enc:A B C"))
	for _, argument := range []string{"edit1", "edit2", "other"} {
		if _, is := s.Arguments(resource, "c1")[argument]; !is {
			t.Errorf("%s is lost", argument)
		}
	}
	if got := s.value("prod_2Fdb", "c1"); got != "enc:A B C" {
		t.Errorf("the secret is %q", got)
	}
}

func deliverAll(t testing.TB, d deliver.Destination, deliveries ...outbox.Delivery) {
	t.Helper()
	for _, delivery := range deliveries {
		if _, err := d.Deliver(t.Context(), delivery); err != nil {
			t.Errorf("version %d of %s: %v", delivery.Version, delivery.Secret, err)
		}
	}
}

// Each refusal is told apart, says what to do, and when to try again.
func TestRefusals(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  func(*joctest.Knobs)
		more string
		want string
		// after says that it is left alone for a while, final that it is given up.
		after, final bool
		envelope     string
	}{
		{name: "second factor", set: func(k *joctest.Knobs) { k.SecondFactor = true }, want: "second factor", after: true},
		{name: "no permission", set: func(k *joctest.Knobs) { k.ReadOnly = true }, want: "lacks a permission (403)", after: true},
		{name: "no folder", set: func(k *joctest.Knobs) { k.Folders = []string{"/elsewhere"} }, want: "JOC-419", after: true},
		{name: "comment forced", set: func(k *joctest.Knobs) { k.ForceComment = true }, want: "set comment", after: true},
		{name: "four eyes", set: func(k *joctest.Knobs) { k.Approval = true }, want: "approval (433)", after: true},
		{name: "security level high", set: func(k *joctest.Knobs) { k.High = true }, want: "JOC-004", after: true},
		{name: "always concurrent", set: func(k *joctest.Knobs) { k.Concurrent = 100 }, want: "others changed the Job Resource"},
		{name: "session ends", set: func(k *joctest.Knobs) { k.SessionCalls = 2 }, want: "session has ended (440)"},
		{name: "controller refuses", set: func(k *joctest.Knobs) { k.Reject = true }, want: "refused the deployment", after: true},
		{name: "server error", set: func(k *joctest.Knobs) { k.Fail = 500 }, want: "answered 500"},
		{name: "no such resource", more: "job_resource: /sealrelay/none\n", want: "set create: true", after: true},
		{name: "in another folder", more: "job_resource: /elsewhere/web\n", want: "another folder", after: true},
		{name: "not text", envelope: "\xff\xfe", want: "not text", final: true},
		{name: "control characters", envelope: "a\tb", want: "control characters", final: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSite(t)
			more := tc.more
			if more == "" {
				more = "job_resource: " + resource + "\n"
			}
			d, err := s.open("url: " + s.URL + "\n" + account + "controllers: [c1]\n" + more)
			if err != nil {
				t.Fatal(err)
			}
			if tc.set != nil {
				s.Set(tc.set)
			}
			delivery := sealed(t, "prod/db", 1, "enc:A B C")
			if tc.envelope != "" {
				delivery.Envelope = []byte(tc.envelope)
			}
			_, err = d.Deliver(t.Context(), delivery)
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), canary) {
				t.Fatalf("error is %v", err)
			}
			if _, is := errors.AsType[*deliver.AfterError](err); is != tc.after {
				t.Errorf("is left alone: %t", is)
			}
			if _, is := errors.AsType[*deliver.FinalError](err); is != tc.final {
				t.Errorf("is final: %t", is)
			}
			if n := s.Sessions(); n != 0 {
				t.Errorf("%d sessions are left", n)
			}
		})
	}
}

func TestWrongPassword(t *testing.T) {
	s := newSite(t)
	d, err := s.open("url: " + s.URL + "\nuser: somebody\npassword_file: password\nca_file: ca.crt\ncontrollers: [c1]\njob_resource: " + resource)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Deliver(t.Context(), sealed(t, "prod/db", 1, "enc:A B C"))
	if _, is := errors.AsType[*deliver.AfterError](err); !is || !strings.Contains(err.Error(), "refused the login (401)") {
		t.Errorf("error is %v", err)
	}
	if n := s.Calls("authentication/login"); n != 1 {
		t.Errorf("logged in %d times", n)
	}
}

func TestCreates(t *testing.T) {
	s := newSite(t)
	d, err := s.open("url: " + s.URL + "\n" + account + "controllers: [c1]\njob_resource: /new/one\ncreate: true\n")
	if err != nil {
		t.Fatal(err)
	}
	deliverAll(t, d, sealed(t, "prod/db", 1, "enc:A B C"))
	if got := s.Arguments("/new/one", "c1")["prod_2Fdb"]; got != `"enc:A B C"` {
		t.Errorf("the argument is %s", got)
	}
}

func TestConfigRefuses(t *testing.T) {
	s := newSite(t)
	base := "url: https://joc:7443\ncontrollers: [c1]\njob_resource: /a/b\n"
	for config, want := range map[string]string{
		"url: http://joc\n" + account + "controllers: [c1]\njob_resource: /a\n":      "https://",
		"url: https://u:p@joc\n" + account + "controllers: [c1]\njob_resource: /a\n": "without a user",
		"url: https://joc\n" + account + "job_resource: /a\n":                        "controllers",
		"url: https://joc\n" + account + "controllers: [c1]\njob_resource: a\n":      "job_resource",
		base:                                    "to log in with",
		base + "user: x\n":                      "go together",
		base + "cert_file: x\n":                 "go together",
		base + account + "delete: no\n":         "neither remove nor empty",
		base + account + "arguments: {a: 1x}\n": "no name",
		base + account + "arguments: {a: x_statement}\n":                         "ends with _statement",
		base + account + "arguments: {a: x, b: x}\n":                             "same name",
		base + account + "env: {a: X-Y}\n":                                       "no name",
		base + account + "comment: " + strings.Repeat("x", 256) + "\n":           "255",
		"settle: 2m\n" + base + strings.Replace(account, "settle: 1ms\n", "", 1): "settle",
		base + account + "unknown: x\n":                                          "unknown",
	} {
		if _, err := s.open(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives %v, want %q", config, err, want)
		}
	}
	d := s.destination(t, "arguments: {other: prod_2Fdb}\n")
	if _, err := d.Deliver(t.Context(), sealed(t, "prod/db", 1, "enc:A B C")); err == nil || !strings.Contains(err.Error(), "that of another secret") {
		t.Errorf("a name that is taken gives %v", err)
	}
}

// A refused login is not repeated at once: the JOC Cockpit lets each one wait longer,
// and those of everybody else with it.
func TestRefusedLoginIsNotRepeated(t *testing.T) {
	s := newSite(t)
	s.Set(func(k *joctest.Knobs) { k.LoginPause = 20 * time.Millisecond })
	d, err := js7joc.New(deliver.Settings{
		Decode: func(into any) error {
			return yaml.Load([]byte("url: "+s.URL+"\n"+account+"controllers: [c1]\njob_resource: "+resource+"\n"), into, yaml.WithKnownFields())
		},
		Path:       func(name string) string { return filepath.Join(s.dir, name) },
		ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("wrong")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		_, err := d.Deliver(t.Context(), delivertest.Set(t, "prod/db", int64(i+1), 10))
		if after, ok := errors.AsType[*deliver.AfterError](err); !ok || time.Until(after.At) < 10*time.Minute || !strings.Contains(err.Error(), "refused the login (401)") {
			t.Errorf("error %v", err)
		}
		if calls := s.Calls("authentication/login"); calls != i+1 {
			t.Errorf("%d logins for %d deliveries", calls, i+1)
		}
	}
}
