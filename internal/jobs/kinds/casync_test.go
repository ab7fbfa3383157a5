package kinds_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/jobs"
)

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func alias(certificate *x509.Certificate) string { return "ca-" + digest(certificate)[:16] }

// issued are certificates that an authority issued.
func issued(t *testing.T, names ...string) []*x509.Certificate {
	t.Helper()
	ca := newAuthority(t, "authority")
	var out []*x509.Certificate
	for _, name := range names {
		out = append(out, ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: name}}, newKey(t).Public()))
	}
	return out
}

func aliases(t *testing.T, store stores.Store) []string {
	t.Helper()
	var out []string
	for alias := range storetest.All(t, store) {
		out = append(out, alias)
	}
	slices.Sort(out)
	return out
}

// TestFollowFolder follows what an authority issued, from a folder into a folder.
func TestFollowFolder(t *testing.T) {
	store, _ := folder(t)
	dir := t.TempDir()
	text := "{store: s, directory: '" + dir + "', remove: true}"
	j := with(store)
	certificates := issued(t, "a", "b", "c")
	a, b, c := certificates[0], certificates[1], certificates[2]
	_, _, err := j.run(t, "ca-sync", text)
	fails(t, err, "the authority has no certificate that can be read")

	private, err := keys.MarshalPrivate(newKey(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.pem", slices.Concat([]byte("text\n"), pemOf(a), private))
	write(t, dir, "b.der", b.Raw)
	write(t, dir, "twice.CRT", pemOf(a, b))
	write(t, dir, "serial", []byte("01"))
	write(t, dir, ".hidden.pem", pemOf(c))
	report, lines, err := j.run(t, "ca-sync", text)
	wants(t, report, err, jobs.Report{Message: "2 added, 0 removed, 0 unchanged", Changed: "s"})
	if len(lines) != 2 || lines[0]["alias"] != alias(a)+".pem" || lines[0]["did"] != "added" || lines[0]["subject"] != "CN=a" || lines[0]["fingerprint"] != "sha256:"+digest(a) {
		t.Errorf("put out %v", lines)
	}
	entry, err := store.Lookup(t.Context(), alias(a)+".pem")
	if err != nil || entry.Private != stores.PrivateNone || !entry.Key.Certificate.Equal(a) {
		t.Errorf("the entry is %+v, %v", entry, err)
	}
	report, lines, err = j.run(t, "ca-sync", text)
	wants(t, report, err, jobs.Report{Message: "0 added, 0 removed, 2 unchanged"})
	if len(lines) != 0 {
		t.Errorf("put out %v", lines)
	}

	// One goes, one comes; what others have put there stays.
	put(t, store, "ca-mine.pem")
	write(t, dir, "b.der", c.Raw)
	write(t, dir, "twice.CRT", pemOf(a))
	report, lines, err = j.run(t, "ca-sync", text)
	wants(t, report, err, jobs.Report{Message: "1 added, 1 removed, 1 unchanged", Changed: "s"})
	if len(lines) != 2 || lines[1]["alias"] != alias(b)+".pem" || lines[1]["did"] != "removed" {
		t.Errorf("put out %v", lines)
	}
	want := []string{alias(a) + ".pem", alias(c) + ".pem", "ca-mine.pem"}
	slices.Sort(want)
	if got := aliases(t, store); !slices.Equal(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}

	// Without remove nothing goes.
	write(t, dir, "b.der", b.Raw)
	report, _, err = j.run(t, "ca-sync", "{store: s, directory: '"+dir+"'}")
	wants(t, report, err, jobs.Report{Message: "1 added, 0 removed, 1 unchanged", Changed: "s"})

	// A source that cannot be read whole takes nothing out, nor does an empty one.
	write(t, dir, "bad.crt", []byte("hello"))
	report, lines, err = j.run(t, "ca-sync", text)
	if err != nil || !report.Warning || report.Changed != "" || !strings.HasPrefix(report.Message, `0 added, 0 removed, 2 unchanged; 1 with a problem: "bad.crt": `) || !strings.Contains(report.Message, "nothing was taken out") || len(lines) != 1 {
		t.Errorf("%+v, %v, %v", report, lines, err)
	}
	for _, name := range []string{"a.pem", "b.der", "twice.CRT"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = j.run(t, "ca-sync", text)
	fails(t, err, `nothing was done; "bad.crt": `)
	if got := aliases(t, store); len(got) != 4 {
		t.Errorf("there are %v", got)
	}
	_, _, err = j.run(t, "ca-sync", "{store: s, directory: '"+dir+"/none', remove: true}")
	fails(t, err, "directory: ")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := j.runIn(t, ended, "ca-sync", text); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestNeverAllAtOnce: if an authority has none of what was there, that stays for one run.
func TestNeverAllAtOnce(t *testing.T) {
	store, _ := folder(t)
	dir := t.TempDir()
	text := "{store: s, directory: '" + dir + "', remove: true}"
	certificates := issued(t, "old", "new")
	write(t, dir, "a.pem", pemOf(certificates[0]))
	if _, _, err := with(store).run(t, "ca-sync", text); err != nil {
		t.Fatal(err)
	}
	write(t, dir, "a.pem", pemOf(certificates[1]))
	report, _, err := with(store).run(t, "ca-sync", text)
	wants(t, report, err, jobs.Report{
		Warning: true, Changed: "s", Message: "1 added, 0 removed, 0 unchanged; the authority has none of the 1 that were there; they stay until the next run",
	})
	report, _, err = with(store).run(t, "ca-sync", text)
	wants(t, report, err, jobs.Report{Message: "0 added, 1 removed, 1 unchanged", Changed: "s"})
	if got := aliases(t, store); !slices.Equal(got, []string{alias(certificates[1]) + ".pem"}) {
		t.Errorf("there are %v", got)
	}
}

// TestFolderIsNotLeft: a link is not followed, and a file that breaks off is none.
func TestFolderIsNotLeft(t *testing.T) {
	store, _ := folder(t)
	dir, outside := t.TempDir(), t.TempDir()
	certificates := issued(t, "a", "b")
	write(t, outside, "b.pem", pemOf(certificates[1]))
	write(t, dir, "a.pem", pemOf(certificates[0]))
	if err := os.Symlink(filepath.Join(outside, "b.pem"), filepath.Join(dir, "b.pem")); err != nil {
		t.Skip("there are no links")
	}
	if err := os.Symlink("a.pem", filepath.Join(dir, "c.pem")); err != nil {
		t.Fatal(err)
	}
	text := "{store: s, directory: '" + dir + "'}"
	report, _, err := with(store).run(t, "ca-sync", text)
	wants(t, report, err, jobs.Report{Message: "1 added, 0 removed, 0 unchanged", Changed: "s"})
	whole := pemOf(certificates...)
	write(t, dir, "broken.pem", whole[:len(whole)-40])
	write(t, dir, "large.pem", make([]byte, 1<<20+1))
	write(t, dir, "key.pem", []byte("-----BEGIN X-----\nAAAA\n-----END X-----\n"))
	report, lines, err := with(store).run(t, "ca-sync", text)
	if err != nil || !report.Warning || len(lines) != 3 {
		t.Errorf("%+v, %v, %v", report, lines, err)
	}
	for i, want := range []string{"breaks off", "there is no certificate", "bytes"} {
		if problem, _ := lines[i]["problem"].(string); !strings.Contains(problem, want) {
			t.Errorf("problem %q, want %q", problem, want)
		}
	}
}

func TestFollowTellsExpired(t *testing.T) {
	ca := newAuthority(t, "authority")
	ca.from, ca.until = -2*time.Hour, -time.Hour
	dir := t.TempDir()
	write(t, dir, "a.pem", pemOf(ca.issue(&x509.Certificate{Subject: pkix.Name{CommonName: "old"}}, newKey(t).Public())))
	store, _ := folder(t)
	for _, want := range []jobs.Report{
		{Message: "1 added, 0 removed, 0 unchanged, 1 expired", Changed: "s"},
		{Message: "0 added, 0 removed, 1 unchanged, 1 expired"},
	} {
		report, lines, err := with(store).run(t, "ca-sync", "{store: s, directory: '"+dir+"'}")
		wants(t, report, err, want)
		if len(lines) != 1 || lines[0]["expired"] != true {
			t.Errorf("put out %v", lines)
		}
	}
}

// TestFollowIntoFailures: what was done is told, and nothing is taken out after a failure.
func TestFollowIntoFailures(t *testing.T) {
	dir := t.TempDir()
	certificates := issued(t, "a", "b", "old")
	write(t, dir, "a.pem", pemOf(certificates[:2]...))
	text := "{store: s, directory: '" + dir + "', remove: true}"
	public := func(certificate *x509.Certificate) *keys.Public {
		read, err := keys.ParsePublic(pemOf(certificate))
		if err != nil {
			t.Fatal(err)
		}
		return read
	}
	old := stores.Entry{Alias: alias(certificates[2]), Key: public(certificates[2]), Private: stores.PrivateNone}
	only := func(certificate *x509.Certificate, problem error) func(string) error {
		return func(a string) error {
			if a == alias(certificate) {
				return problem
			}
			return nil
		}
	}
	for name, test := range map[string]struct {
		store   *writable
		report  jobs.Report
		err     string
		removed int
	}{
		"the list breaks off": {&writable{fake: fake{entries: []stores.Entry{old}, broken: errDown}}, jobs.Report{}, "the list broke off, so that nothing was done", 0},
		"the store goes away": {
			&writable{fake: fake{entries: []stores.Entry{old}}, addErr: only(certificates[1], errDown)},
			jobs.Report{Message: "1 added, 0 removed, 0 unchanged", Changed: "s"}, "store s: " + alias(certificates[1]) + ": cannot be read", 0,
		},
		"one is not taken": {
			&writable{fake: fake{entries: []stores.Entry{old}}, addErr: only(certificates[0], stores.ErrInvalid)},
			jobs.Report{
				Warning: true, Changed: "s",
				Message: "1 added, 0 removed, 0 unchanged; 1 with a problem: " + alias(certificates[0]) + ": not possible in this store; nothing was taken out, as not everything could be read or put in place",
			}, "", 0,
		},
		"none is taken": {
			&writable{addErr: func(string) error { return stores.ErrInvalid }},
			jobs.Report{
				Warning: true,
				Message: "0 added, 0 removed, 0 unchanged; 2 with a problem: " + alias(certificates[0]) + ": not possible in this store; " + alias(certificates[1]) + ": not possible in this store",
			}, "none of the certificates could be put there", 0,
		},
		"another is there": {
			&writable{fake: fake{entries: []stores.Entry{{Alias: alias(certificates[0]), Key: public(certificates[1])}}}},
			jobs.Report{
				Warning: true, Changed: "s",
				Message: "1 added, 0 removed, 0 unchanged; 1 with a problem: " + alias(certificates[0]) + ": what is there is another certificate, or cannot be read; it was not replaced",
			}, "", 0,
		},
		"one with a private key": {
			&writable{fake: fake{entries: []stores.Entry{
				{Alias: alias(certificates[0]), Key: public(certificates[0])}, {Alias: old.Alias, Key: old.Key, Private: stores.PrivateKept},
			}}},
			jobs.Report{
				Warning: true, Changed: "s",
				Message: "1 added, 0 removed, 1 unchanged; 1 with a problem: " + old.Alias + ": it has a private key or cannot be read, so that it is not of this job; it was not taken out",
			}, "", 0,
		},
		"it cannot be removed": {
			&writable{fake: fake{entries: []stores.Entry{{Alias: alias(certificates[0]), Key: public(certificates[0])}, old}}, removeErr: errDown},
			jobs.Report{Message: "1 added, 0 removed, 1 unchanged", Changed: "s"}, "store s: " + old.Alias + ": cannot be read", 0,
		},
		"it has gone": {
			&writable{fake: fake{entries: []stores.Entry{{Alias: alias(certificates[0]), Key: public(certificates[0])}, old}}, removeErr: stores.ErrNotFound},
			jobs.Report{Message: "1 added, 0 removed, 1 unchanged", Changed: "s"}, "", 0,
		},
		"all is well": {
			&writable{fake: fake{entries: []stores.Entry{{Alias: alias(certificates[0]), Key: public(certificates[0])}, old}}},
			jobs.Report{Message: "1 added, 1 removed, 1 unchanged", Changed: "s"}, "", 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			report, _, err := with(test.store).run(t, "ca-sync", text)
			if test.err != "" {
				fails(t, err, test.err)
				err = nil
			}
			wants(t, report, err, test.report)
			if len(test.store.removed) != test.removed {
				t.Errorf("%v were removed", test.store.removed)
			}
		})
	}
	_, _, err := with(&fake{}).run(t, "ca-sync", text)
	fails(t, err, "nothing can be put into a store")
}

// TestFollowEnds between two certificates.
func TestFollowEnds(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.pem", pemOf(issued(t, "a", "b", "c")...))
	ctx, cancel := context.WithCancel(t.Context())
	store := &writable{}
	store.addErr = func(string) error {
		if len(store.added) == 1 {
			cancel()
		}
		return nil
	}
	report, lines, err := with(store).runIn(t, ctx, "ca-sync", "{store: s, directory: '"+dir+"'}")
	if !errors.Is(err, context.Canceled) || len(lines) != 2 {
		t.Errorf("error %v, put out %v", err, lines)
	}
	wants(t, report, nil, jobs.Report{Message: "2 added, 0 removed, 0 unchanged", Changed: "s"})
}

// answers is an authority's server, which answers with what is asked of it.
func answers(t *testing.T, ca *authority, answer http.HandlerFunc) string {
	t.Helper()
	certificate, key := ca.server()
	server := httptest.NewUnstartedServer(answer)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL + "/roots"
}

// stepCA is the answer of step-ca.
func stepCA(t *testing.T, certificates ...*x509.Certificate) []byte {
	t.Helper()
	var answer struct {
		Certificates []string `json:"crts"`
	}
	for _, certificate := range certificates {
		answer.Certificates = append(answer.Certificates, string(pemOf(certificate)))
	}
	data, err := json.Marshal(answer)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestFollowRoots(t *testing.T) {
	ca, next, stranger := newAuthority(t, "root 1"), newAuthority(t, "root 2"), newAuthority(t, "stranger")
	trust := t.TempDir()
	write(t, trust, "trust.pem", pemOf(ca.cert))
	write(t, trust, "none.pem", []byte("hello"))
	good := stepCA(t, ca.cert, next.cert)
	say := func(status int, data []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write(data)
		}
	}
	trusted, pinned := "trust: '"+filepath.Join(trust, "trust.pem")+"'", "fingerprint: sha256:"+digest(ca.cert)
	for name, test := range map[string]struct {
		signer *authority
		how    string
		answer http.HandlerFunc
		err    string
	}{
		"step-ca, trusted":             {ca, trusted, say(http.StatusCreated, good), ""},
		"step-ca, pinned":              {ca, pinned, say(http.StatusCreated, good), ""},
		"PEM":                          {ca, trusted, say(http.StatusOK, pemOf(ca.cert, next.cert)), ""},
		"PEM, pinned":                  {ca, pinned, say(http.StatusOK, pemOf(next.cert, ca.cert)), ""},
		"untrusted":                    {stranger, trusted, say(http.StatusOK, good), "certificate signed by unknown authority"},
		"pinned, and another's server": {stranger, pinned, say(http.StatusOK, good), "no certificate of the root with the fingerprint"},
		"pinned, and not there":        {ca, "fingerprint: sha256:" + digest(stranger.cert), say(http.StatusOK, good), "is not among those"},
		"no trust":                     {ca, "trust: '" + filepath.Join(trust, "none.pem") + "'", say(http.StatusOK, good), "trust: there is no certificate"},
		"trust that is not there":      {ca, "trust: '" + filepath.Join(trust, "x.pem") + "'", say(http.StatusOK, good), "trust: "},
		"refused":                      {ca, trusted, say(http.StatusForbidden, good), "the answer is 403"},
		"redirected": {ca, trusted, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1/roots", http.StatusFound)
		}, "the answer is 302"},
		"too large": {ca, trusted, say(http.StatusOK, make([]byte, 4<<20+1)), "more than"},
		"broken off": {ca, trusted, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = w.Write(pemOf(ca.cert, next.cert))
		}, "broke off"},
		"a certificate that breaks off": {ca, trusted, say(http.StatusOK, pemOf(ca.cert, next.cert)[:len(pemOf(ca.cert, next.cert))-30]), "breaks off"},
		"no roots":                      {ca, trusted, say(http.StatusOK, stepCA(t)), "no crts"},
		"nothing":                       {ca, trusted, say(http.StatusOK, nil), "neither PEM nor JSON"},
		"a page":                        {ca, trusted, say(http.StatusOK, []byte("<html>")), "neither PEM nor JSON"},
		"other JSON":                    {ca, trusted, say(http.StatusOK, []byte(`{"crts":[1]}`)), "no JSON as step-ca has it"},
	} {
		t.Run(name, func(t *testing.T) {
			store, _ := folder(t)
			report, _, err := with(store).run(t, "ca-sync", "{store: s, remove: true, roots: '"+answers(t, test.signer, test.answer)+"', "+test.how+"}")
			if test.err != "" {
				fails(t, err, test.err)
				if got := aliases(t, store); len(got) > 0 || report.Changed != "" {
					t.Errorf("there are %v, %+v", got, report)
				}
				return
			}
			wants(t, report, err, jobs.Report{Message: "2 added, 0 removed, 0 unchanged", Changed: "s"})
			want := []string{alias(ca.cert) + ".pem", alias(next.cert) + ".pem"}
			slices.Sort(want)
			if got := aliases(t, store); !slices.Equal(got, want) {
				t.Errorf("there are %v", got)
			}
		})
	}
}

// TestFollowRootsEnds: a server that does not answer is left when the job is to end.
func TestFollowRootsEnds(t *testing.T) {
	ca := newAuthority(t, "root")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	at := answers(t, ca, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	store, _ := folder(t)
	_, _, err := with(store).runIn(t, ctx, "ca-sync", "{store: s, roots: '"+at+"', fingerprint: sha256:"+digest(ca.cert)+"}")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
