package kinds_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/jobs"
)

func TestAdd(t *testing.T) {
	store, _ := folder(t)
	dir := t.TempDir()
	first, second := storetest.NewPair(t, "ec-p256", "first"), storetest.NewPair(t, "ec-p256", "second")
	p12, err := keys.SendPKCS12(first.Private, first.Certificates, "web", []byte("canary"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "web.p12", p12)
	write(t, dir, "password", []byte("canary\n"))
	write(t, dir, "wrong", []byte("wrong\n"))
	private, err := keys.MarshalPrivate(second.Private, nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "web.pem", slices.Concat(private, second.Certificates))
	in := func(file, rest string) string {
		return "{store: s, alias: web.pem, file: '" + filepath.Join(dir, file) + "'" + rest + "}"
	}
	password := ", password_file: '" + filepath.Join(dir, "password") + "'"

	report, lines, err := with(store).run(t, "add", in("web.p12", password))
	wants(t, report, err, jobs.Report{Message: "web.pem: added", Changed: "s"})
	if len(lines) != 1 || lines[0]["alias"] != "web.pem" || lines[0]["did"] != "added" {
		t.Errorf("put out %v", lines)
	}
	report, lines, err = with(store).run(t, "add", in("web.p12", password))
	wants(t, report, err, jobs.Report{Message: "web.pem: unchanged"})
	if len(lines) != 1 || lines[0]["did"] != "unchanged" {
		t.Errorf("put out %v", lines)
	}
	report, lines, err = with(store).run(t, "add", in("web.pem", ""))
	wants(t, report, err, jobs.Report{Warning: true, Message: "web.pem: already there, not replaced"})
	if len(lines) != 0 {
		t.Errorf("put out %v", lines)
	}
	report, _, err = with(store).run(t, "add", in("web.pem", ", overwrite: true"))
	wants(t, report, err, jobs.Report{Message: "web.pem: replaced", Changed: "s"})
	report, _, err = with(store).run(t, "add", in("web.pem", ", overwrite: true, no_private_key: true"))
	wants(t, report, err, jobs.Report{Message: "web.pem: replaced", Changed: "s"})
	entry, err := store.Lookup(t.Context(), "web.pem")
	if err != nil || entry.Private != stores.PrivateNone || entry.Key.Certificate.Subject.CommonName != "second" || len(entry.Key.Intermediates) != 1 {
		t.Errorf("the entry is %+v, %v", entry, err)
	}
	if err := os.Truncate(filepath.Join(dir, "password"), 0); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"no file":           {in("none.pem", ""), "none.pem: "},
		"no password file":  {in("web.p12", ", password_file: /no/such/file"), "password_file: "},
		"no password":       {in("web.p12", ""), "web.p12: encrypted key"},
		"an empty password": {in("web.p12", password), "web.p12: encrypted key"},
		"a wrong password":  {in("web.p12", ", password_file: '"+filepath.Join(dir, "wrong")+"'"), "web.p12: encrypted key"},
		"tags":              {in("web.pem", ", tags: {a: b}"), "a folder has no tags"},
	} {
		report, lines, err := with(store).run(t, "add", test.text)
		fails(t, err, test.want)
		if err != nil && strings.Contains(err.Error(), "canary") || report.Changed != "" || len(lines) > 0 {
			t.Errorf("%s: %+v, %v, %v", name, report, lines, err)
		}
	}
	_, _, err = with(&fake{}).run(t, "add", in("web.pem", ""))
	fails(t, err, "nothing can be put into a store")
}

// TestAddPassesOn: a store that fails is told, and what it says besides.
func TestAddPassesOn(t *testing.T) {
	dir := t.TempDir()
	ca := newAuthority(t, "authority")
	write(t, dir, "a.pem", pemOf(ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "a"}}, newKey(t).Public())))
	text := "{store: s, alias: a, file: '" + filepath.Join(dir, "a.pem") + "', no_private_key: true}"
	store := &writable{notes: []string{"look at it"}}
	report, lines, err := with(store).run(t, "add", text)
	wants(t, report, err, jobs.Report{Message: "a: added; look at it", Changed: "s"})
	if len(lines) != 1 || lines[0]["version"] != "7" || len(lines[0]["notes"].([]any)) != 1 {
		t.Errorf("put out %v", lines)
	}
	for _, problem := range []error{errDown, stores.ErrDeleted, stores.ErrDenied} {
		store.addErr = func(string) error { return problem }
		if report, _, err := with(store).run(t, "add", text); !errors.Is(err, problem) || report.Changed != "" {
			t.Errorf("%v: %+v, %v", problem, report, err)
		}
	}
	// With overwrite, that it is there is no usual answer.
	store.addErr = func(string) error { return stores.ErrExists }
	_, _, err = with(store).run(t, "add", strings.Replace(text, "no_private", "overwrite: true, no_private", 1))
	fails(t, err, "already in the store")
}
