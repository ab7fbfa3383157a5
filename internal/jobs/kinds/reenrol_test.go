package kinds_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/keystore"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/jobs"
)

const web = "{store: s, alias: web.pem, subject: 'CN=web,O=Example', names: [web.example, 192.0.2.1], key: ec-p256"

// lasts checks that the report says that there is a new certificate.
func lasts(t *testing.T, report jobs.Report, err error, begin string) {
	t.Helper()
	if err != nil || report.Warning || report.Changed != "s" || !strings.HasPrefix(report.Message, begin) || !strings.Contains(report.Message, "the new certificate lasts until 2") {
		t.Errorf("report %+v, %v", report, err)
	}
}

// TestReEnrol: the key is made here for a store that makes none, and only a certificate
// that is about to expire is replaced.
func TestReEnrol(t *testing.T) {
	store, dir := folder(t)
	ca := newAuthority(t, "authority")
	j := with(store)
	j.sign = ca.sign
	report, lines, err := j.run(t, "re-enrol", web+"}")
	lasts(t, report, err, "web.pem: added; ")
	if len(lines) != 1 || lines[0]["did"] != "added" {
		t.Errorf("put out %v", lines)
	}
	first, err := store.Lookup(t.Context(), "web.pem")
	if err != nil {
		t.Fatal(err)
	}
	certificate := first.Key.Certificate
	if first.Private != stores.PrivateExportable || first.Key.Kind() != "EC P-256" || certificate.Subject.String() != "CN=web,O=Example" ||
		!cmp.Equal(certificate.DNSNames, []string{"web.example"}) || len(certificate.IPAddresses) != 1 || len(first.Key.Intermediates) != 1 {
		t.Errorf("the entry is %+v", certificate)
	}
	report, _, err = j.run(t, "re-enrol", web+", renew_before: 30m}")
	wants(t, report, err, jobs.Report{Message: "web.pem: lasts until " + certificate.NotAfter.Format(time.RFC3339) + ", nothing to do"})
	if ca.signed != 1 {
		t.Errorf("%d were signed", ca.signed)
	}
	report, _, err = j.run(t, "re-enrol", web+", renew_before: 2h}")
	lasts(t, report, err, "web.pem: replaced; ")
	second, err := store.Lookup(t.Context(), "web.pem")
	if err != nil || second.Key.ID() == first.Key.ID() {
		t.Errorf("the second is for the same key, %v", err)
	}
	// What cannot be read is not replaced, and what cannot be stored not issued.
	if err := os.WriteFile(filepath.Join(dir, "bad.pem"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err = j.run(t, "re-enrol", strings.Replace(web, "web.pem", "bad.pem", 1)+"}")
	fails(t, err, "store s: bad.pem: cannot be read")
	_, _, err = j.run(t, "re-enrol", web+", tags: {a: b}}")
	fails(t, err, "a folder has no tags")
	_, _, err = with(&fake{}).run(t, "re-enrol", web+"}")
	fails(t, err, "nothing can be put into a store")
	if ca.signed != 2 {
		t.Errorf("%d were signed", ca.signed)
	}
}

// TestReEnrolInKeystore: other entries stay.
func TestReEnrolInKeystore(t *testing.T) {
	dir := t.TempDir()
	password := filepath.Join(dir, "password")
	if err := os.WriteFile(password, []byte("changeit\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := keystore.New(keystore.Config{File: filepath.Join(dir, "store.jks"), PasswordFile: password}, keystore.JKS)
	if err != nil {
		t.Fatal(err)
	}
	j := with(store)
	j.sign = newAuthority(t, "authority").sign
	if _, _, err := j.run(t, "create", "{store: s}"); err != nil {
		t.Fatal(err)
	}
	put(t, store, "other")
	report, _, err := j.run(t, "re-enrol", strings.Replace(web, "web.pem", "web", 1)+"}")
	lasts(t, report, err, "web: added; ")
	report, _, err = j.run(t, "inventory", "{store: s}")
	wants(t, report, err, jobs.Report{Message: "2 entries"})
}

// TestWhatIsIssued: nothing but a certificate for the key, valid now, of the chain that
// comes with it, gets into a store.
func TestWhatIsIssued(t *testing.T) {
	store, _ := folder(t)
	ca, other := newAuthority(t, "authority"), newAuthority(t, "authority")
	j := with(store)
	j.sign = ca.sign
	if _, _, err := j.run(t, "re-enrol", web+"}"); err != nil {
		t.Fatal(err)
	}
	before, err := store.Lookup(t.Context(), "web.pem")
	if err != nil {
		t.Fatal(err)
	}
	late, early := newAuthority(t, "late"), newAuthority(t, "early")
	late.from, late.until = -2*time.Hour, -time.Hour
	early.from, early.until = time.Hour, 2*time.Hour
	stranger, _ := ca.server()
	for name, test := range map[string]struct {
		sign func(context.Context, []byte) ([]byte, error)
		want string
	}{
		"refused":       {func(context.Context, []byte) ([]byte, error) { return nil, errors.New("not for you") }, "not for you"},
		"nothing":       {func(context.Context, []byte) ([]byte, error) { return nil, nil }, "what the authority issued: "},
		"a key":         {func(context.Context, []byte) ([]byte, error) { return keys.MarshalPublic(newKey(t).Public()) }, "there is no certificate"},
		"another key's": {func(context.Context, []byte) ([]byte, error) { return pemOf(stranger, ca.cert), nil }, "another key than the request"},
		"expired":       {late.sign, "which is not now"},
		"not yet valid": {early.sign, "which is not now"},
		"of another authority": {func(ctx context.Context, csr []byte) ([]byte, error) {
			signed, err := ca.sign(ctx, csr)
			block, _ := pem.Decode(signed)
			return append(pem.EncodeToMemory(block), pemOf(other.cert)...), err
		}, "is not signed by CN=authority"},
		"out of order": {func(ctx context.Context, csr []byte) ([]byte, error) {
			signed, err := ca.sign(ctx, csr)
			block, _ := pem.Decode(signed)
			return append(pem.EncodeToMemory(block), pemOf(late.cert)...), err
		}, "is not who issued it"},
	} {
		j.sign = test.sign
		report, _, err := j.run(t, "re-enrol", web+"}")
		if err == nil || !strings.Contains(err.Error(), test.want) || report.Changed != "" || report.Message != "web.pem: the certificate in use stays" {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
	after, err := store.Lookup(t.Context(), "web.pem")
	if err != nil || !stores.SameChain(before.Key, after.Key) {
		t.Errorf("the entry has changed, %v", err)
	}
}

// enroller is a store that makes keys, one at a time.
type enroller struct {
	fake
	t         *testing.T
	csr       []byte
	requests  int
	enrolment stores.Enrolment
	finishErr error
	finished  []byte
}

func (e *enroller) Request(_ context.Context, enrolment stores.Enrolment) ([]byte, stores.Outcome, error) {
	if e.csr != nil {
		return e.csr, stores.Outcome{Did: stores.DidNothing, Notes: []string{"a request was under way already"}}, nil
	}
	e.requests++
	e.enrolment = enrolment
	csr, err := enrolment.Template.Request(newKey(e.t))
	e.csr = csr
	return csr, stores.Outcome{Did: stores.DidRequest}, err
}

func (e *enroller) Finish(_ context.Context, alias string, certificates []byte, _ bool) (stores.Outcome, error) {
	if e.finishErr != nil {
		return stores.Outcome{}, e.finishErr
	}
	public, err := keys.ParsePublic(certificates)
	if err != nil {
		return stores.Outcome{}, err
	}
	e.entries = []stores.Entry{{Alias: alias, Key: public, Private: stores.PrivateKept}}
	e.csr, e.finished = nil, certificates
	return stores.Outcome{Did: stores.DidFinish, Version: "9"}, nil
}

// TestReEnrolInStore: a failure after the request leaves the certificate in use, and the
// next run finishes the same request.
func TestReEnrolInStore(t *testing.T) {
	ca := newAuthority(t, "authority")
	store := &enroller{t: t}
	j := with(store)
	j.sign = func(context.Context, []byte) ([]byte, error) { return nil, errors.New("the authority is away") }
	const text = web + ", tags: {team: a}, not_exportable: true}"
	undone := jobs.Report{Message: "web.pem: a request is under way, which the next run finishes; the certificate in use stays", Changed: "s"}
	check := func(step string, report jobs.Report, err error, want string) {
		t.Helper()
		fails(t, err, want)
		if diff := cmp.Diff(undone, report); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step, diff)
		}
	}
	report, _, err := j.run(t, "re-enrol", text)
	check("not signed", report, err, "the authority is away")
	first := store.csr
	j.sign, store.finishErr = ca.sign, errDown
	report, _, err = j.run(t, "re-enrol", text)
	check("not finished", report, err, "the certificate was issued, but could not be put in place: cannot be read")
	late := newAuthority(t, "late")
	late.from, late.until = -2*time.Hour, -time.Hour
	j.sign, store.finishErr = late.sign, nil
	report, _, err = j.run(t, "re-enrol", text)
	check("expired", report, err, "which is not now")
	if !bytes.Equal(first, store.csr) {
		t.Error("there is another request")
	}
	j.sign = ca.sign
	report, lines, err := j.run(t, "re-enrol", text)
	lasts(t, report, err, "web.pem: finished; a request was under way already; ")
	if store.requests != 1 || len(lines) != 1 || lines[0]["version"] != "9" {
		t.Errorf("%d requests, put out %v", store.requests, lines)
	}
	want := stores.Enrolment{Alias: "web.pem", Kind: "ec-p256", Tags: map[string]string{"team": "a"}, NotExportable: true}
	got := store.enrolment
	if got.Template.Subject.String() != "CN=web,O=Example" || !cmp.Equal(got.Template.Names, []string{"DNS:web.example", "IP:192.0.2.1"}) {
		t.Errorf("asked for %+v", got.Template)
	}
	got.Template = keys.Template{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	if _, err := x509.ParseCertificate(store.entries[0].Key.CertificateDER); err != nil {
		t.Error(err)
	}
	report, _, err = j.run(t, "re-enrol", web+", renew_before: 10m}")
	if err != nil || !strings.Contains(report.Message, "nothing to do") {
		t.Errorf("again: %+v, %v", report, err)
	}
	// A disabled certificate is of no use, however long it lasts.
	store.entries[0].Disabled = true
	report, _, err = j.run(t, "re-enrol", web+", renew_before: 10m}")
	lasts(t, report, err, "web.pem: finished; ")
	store.entries, store.broken = nil, errDown
	_, _, err = j.run(t, "re-enrol", text)
	fails(t, err, "the store is down")
}
