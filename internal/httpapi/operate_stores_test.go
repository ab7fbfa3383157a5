package httpapi_test

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/agentkeys/stores/keystore"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/storechange"
)

// bundlePassword is the password of every file that is added; like the keys in them it
// must stay where it is sent.
const bundlePassword = "c4nary-p4ssword"

// changing is the admin API over real stores and a real outbox.
type changing struct {
	operated
	t    *testing.T
	kept map[string]stores.Store
	log  *lockedBuffer
	// audit fails with these errors if they are set.
	probe, record error
	reread        []string
	// shown is all that was answered.
	shown bytes.Buffer
}

// lockedBuffer is written to by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Probe implements storechange.Log.
func (c *changing) Probe(ctx context.Context) error {
	if c.probe != nil {
		return c.probe
	}
	return c.store.Probe(ctx)
}

// Record implements storechange.Log.
func (c *changing) Record(ctx context.Context, entry audit.Entry) error {
	if c.record != nil {
		return c.record
	}
	return c.store.Record(ctx, entry)
}

func newChanging(t *testing.T, kept map[string]stores.Store) *changing {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c := &changing{t: t, kept: kept, log: &lockedBuffer{}}
	c.store = store
	log := zerolog.New(c.log)
	open := func(name string) (stores.Store, bool) { store, ok := c.kept[name]; return store, ok }
	tokens := []httpapi.Token{
		tokenOf(t, "dashboard", httpapi.Viewer, viewerToken), tokenOf(t, "on-call", httpapi.Operator, operatorToken),
	}
	c.Handler = httpapi.NewAdmin(httpapi.AdminOptions{
		Tokens: func() []httpapi.Token { return tokens }, Outbox: store, Store: open, Metrics: http.NotFoundHandler(), Log: log,
		Changes: &storechange.Desk{
			Store: open, Audit: c, Log: log,
			Reread: func(_ context.Context, store string) { c.reread = append(c.reread, store) },
		},
	})
	return c
}

// change is what an operator's change is answered with.
type change struct {
	Alias, Did, Version, CSR string
	DryRun                   bool `json:"dry_run"`
	Notes                    []string
}

// post sends a body of these members.
func (c *changing) post(target string, body map[string]any) *httptest.ResponseRecorder {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	w := c.do(c.t, operatorToken, http.MethodPost, target, string(text))
	c.shown.Write(w.Body.Bytes())
	return w
}

// does is a change that comes to what is wanted.
func (c *changing) does(target string, body map[string]any, want stores.Did) (answer change) {
	c.t.Helper()
	w := c.post(target, body)
	if w.Code != http.StatusOK {
		c.t.Fatalf("%s: %d %s", target, w.Code, w.Body)
	}
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&answer); err != nil {
		c.t.Fatal(err)
	}
	dryRun, _ := body["dry_run"].(bool)
	alias, _ := body["alias"].(string)
	if answer.Did != string(want) || answer.DryRun != dryRun || answer.Alias != alias {
		c.t.Fatalf("%s: %+v, want %s", target, answer, want)
	}
	return answer
}

// has looks the entry up; want is the pair whose certificate it must be.
func (c *changing) has(store, alias string, want storetest.Pair) stores.Entry {
	c.t.Helper()
	entry, err := c.kept[store].Lookup(c.t.Context(), alias)
	if err != nil || entry.Key == nil || entry.Key.ID() != idOf(c.t, want) {
		c.t.Fatalf("%s in %s is %+v, %v", alias, store, entry, err)
	}
	return entry
}

func idOf(t *testing.T, pair storetest.Pair) string {
	t.Helper()
	public, err := keys.ParsePublic(pair.Certificates)
	if err != nil {
		t.Fatal(err)
	}
	return public.ID()
}

// pfx is the pair as an operator has it.
func pfx(t *testing.T, pair storetest.Pair) string {
	t.Helper()
	data, err := keys.SendPKCS12(pair.Private, pair.Certificates, "web", []byte(bundlePassword))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(data)
}

// pemOf is the pair as PEM, which nothing protects.
func pemOf(t *testing.T, pair storetest.Pair) []byte {
	t.Helper()
	private, err := keys.MarshalPrivate(pair.Private, nil)
	if err != nil {
		t.Fatal(err)
	}
	return append(private, pair.Certificates...)
}

func with(body map[string]any, more ...any) map[string]any {
	out := map[string]any{}
	for name, value := range body {
		out[name] = value
	}
	for i := 0; i < len(more); i += 2 {
		out[more[i].(string)] = more[i+1]
	}
	return out
}

// wantRows compares the audit rows, each as kind, store, alias and detail.
func (c *changing) wantRows(want ...string) {
	c.t.Helper()
	var got []string
	err := c.store.Audit(c.t.Context(), 1, func(row audit.Row) error {
		var entry audit.Entry
		if err := json.Unmarshal(row.Entry, &entry); err != nil {
			return err
		}
		if entry.Actor != "token/on-call" {
			c.t.Errorf("actor of %s", row.Entry)
		}
		detail, _, _ := strings.Cut(entry.Detail, ", version ")
		got = append(got, strings.Join([]string{string(entry.Kind), entry.Store, entry.Alias, detail}, " "))
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		c.t.Errorf("audit rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(c.reread) != len(want) {
		c.t.Errorf("the keys were read anew %d times for %d changes", len(c.reread), len(want))
	}
}

// leakless looks for what was sent in the log, the audit rows, and the answers.
func (c *changing) leakless(pairs ...storetest.Pair) {
	c.t.Helper()
	var rows strings.Builder
	if err := c.store.Audit(c.t.Context(), 1, func(row audit.Row) error { rows.Write(row.Entry); return nil }); err != nil {
		c.t.Fatal(err)
	}
	secret := []string{bundlePassword, base64.StdEncoding.EncodeToString([]byte(bundlePassword)), "PRIVATE KEY"}
	for _, pair := range pairs {
		// Any part of the key in either encoding: 24 characters of the middle.
		text := strings.ReplaceAll(string(pemOf(c.t, storetest.Pair{Private: pair.Private})), "\n", "")
		secret = append(secret, text[len(text)/2:len(text)/2+24])
	}
	for where, text := range map[string]string{"the log": c.log.String(), "the audit log": rows.String(), "an answer": c.shown.String()} {
		if text == "" {
			c.t.Errorf("%s is empty", where)
		}
		for _, s := range secret {
			if strings.Contains(text, s) {
				c.t.Errorf("%s has %q", where, s)
			}
		}
	}
}

// TestStoreChangesDirectory puts entries into a folder, replaces one and takes it out.
func TestStoreChangesDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "certificates")
	folder, err := directory.New(directory.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := newChanging(t, map[string]stores.Store{"folder": folder})
	first, second := storetest.NewPair(t, "rsa-2048", "first"), storetest.NewPair(t, "ec-p256", "second")
	add := map[string]any{"alias": "web.pem", "data": pfx(t, first), "password": bundlePassword}

	c.does("/v1/stores/folder/create", map[string]any{"dry_run": true}, stores.DidCreate)
	if _, err := os.Stat(dir); err == nil {
		t.Error("a dry run made the folder")
	}
	c.does("/v1/stores/folder/create", map[string]any{}, stores.DidCreate)
	c.does("/v1/stores/folder/entries", with(add, "dry_run", true), stores.DidAdd)
	if _, err := folder.Lookup(t.Context(), "web.pem"); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("after a dry run: %v", err)
	}
	c.does("/v1/stores/folder/entries", add, stores.DidAdd)
	if entry := c.has("folder", "web.pem", first); entry.Private != stores.PrivateExportable || len(entry.Key.Intermediates) != 1 {
		t.Errorf("%+v", entry)
	}
	c.does("/v1/stores/folder/entries", add, stores.DidNothing)
	other := with(add, "data", base64.StdEncoding.EncodeToString(pemOf(t, second)))
	delete(other, "password")
	refuses(t, c.post("/v1/stores/folder/entries", other), 409, "store-entry-exists")
	c.has("folder", "web.pem", first)
	c.does("/v1/stores/folder/entries", with(other, "overwrite", true), stores.DidReplace)
	c.has("folder", "web.pem", second)
	c.does("/v1/stores/folder/entries", with(add, "alias", "public.crt", "no_private_key", true), stores.DidAdd)
	if entry := c.has("folder", "public.crt", first); entry.Private != stores.PrivateNone {
		t.Errorf("%+v", entry)
	}

	c.does("/v1/stores/folder/entries/remove", map[string]any{"alias": "web.pem", "dry_run": true}, stores.DidRemove)
	c.has("folder", "web.pem", second)
	c.does("/v1/stores/folder/entries/remove", map[string]any{"alias": "web.pem"}, stores.DidRemove)
	refuses(t, c.post("/v1/stores/folder/entries/remove", map[string]any{"alias": "web.pem"}), 404, "no-store-entry")
	c.wantRows(
		"store.created folder  created", "store.added folder web.pem added", "store.added folder web.pem replaced",
		"store.added folder public.crt added", "store.removed folder web.pem removed",
	)
	c.leakless(first, second)
}

// TestStoreChangesKeystore: aliases of a keystore may hold anything.
func TestStoreChangesKeystore(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	kept, err := keystore.New(keystore.Config{File: filepath.Join(dir, "agents.p12"), PasswordFile: write("password", "of the keystore\n")}, keystore.PKCS12)
	if err != nil {
		t.Fatal(err)
	}
	c := newChanging(t, map[string]stores.Store{"keystore": kept})
	const alias = "prod/web 1?#%2f <&"
	pair := storetest.NewPair(t, "ec-p256", "web")
	add := map[string]any{"alias": alias, "data": pfx(t, pair), "password": bundlePassword, "entry": "WEB"}
	refuses(t, c.post("/v1/stores/keystore/entries", with(add, "dry_run", true)), 502, "store-unreadable")
	c.does("/v1/stores/keystore/create", map[string]any{}, stores.DidCreate)
	refuses(t, c.post("/v1/stores/keystore/create", map[string]any{}), 409, "store-entry-exists")
	refuses(t, c.post("/v1/stores/keystore/entries", with(add, "tags", map[string]string{"team": "payments"})), 422, "store-invalid")
	c.does("/v1/stores/keystore/entries", add, stores.DidAdd)
	c.has("keystore", alias, pair)
	for _, action := range []string{"request", "finish"} {
		problem := refuses(t, c.post("/v1/stores/keystore/"+action, map[string]any{"alias": alias}), 422, "store-cannot")
		if !strings.Contains(problem.Detail, "it makes no") {
			t.Errorf("%s: %s", action, problem.Detail)
		}
	}
	c.does("/v1/stores/keystore/entries/remove", map[string]any{"alias": alias}, stores.DidRemove)
	c.wantRows("store.created keystore  created", "store.added keystore "+alias+" added", "store.removed keystore "+alias+" removed")
	c.leakless(pair)
}

// vault is a Key Vault of azuretest.
func vault(t *testing.T) stores.Store {
	t.Helper()
	const tenant, client, subscription = "11111111-1111-1111-1111-111111111111", "44444444-4444-4444-4444-444444444444", "33333333-3333-3333-3333-333333333333"
	server := azuretest.New(t, azuretest.Config{Settle: 20 * time.Millisecond})
	transport := server.Client()
	t.Cleanup(transport.CloseIdleConnections)
	server.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: subscription, ResourceGroup: "rg"})
	server.AddApp(azuretest.App{
		ClientID: client, Tenants: []string{tenant}, Secrets: []string{"hush"},
		Grants: []azuretest.Grant{{Actions: azuretest.CertificatesOfficer}, {Actions: azuretest.Contributor}},
	})
	account, err := azure.New(azure.Settings{
		Config:    azure.Config{SignIn: "client-secret", Tenant: tenant, ClientID: client, ClientSecretFile: "s"},
		Transport: transport, ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("hush")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	kept, err := azurekeyvault.New(azurekeyvault.Config{Vault: "relay"}, account)
	if err != nil {
		t.Fatal(err)
	}
	return kept
}

// TestStoreChangesVault goes through what an Azure Key Vault can do.
func TestStoreChangesVault(t *testing.T) {
	c := newChanging(t, map[string]stores.Store{"vault": vault(t)})
	first, second := storetest.NewPair(t, "rsa-2048", "first"), storetest.NewPair(t, "ec-p256", "second")
	add := map[string]any{"alias": "web", "data": pfx(t, first), "password": bundlePassword, "tags": map[string]string{"team": "payments"}}
	if answer := c.does("/v1/stores/vault/entries", add, stores.DidAdd); answer.Version == "" {
		t.Errorf("%+v", answer)
	}
	over := with(add, "data", pfx(t, second), "overwrite", true, "keep_tags", true, "not_exportable", true, "tags", map[string]string{"by": "api"})
	c.does("/v1/stores/vault/entries", over, stores.DidReplace)
	if entry := c.has("vault", "web", second); entry.Tags["team"] != "payments" || entry.Tags["by"] != "api" || entry.Private != stores.PrivateKept {
		t.Errorf("%+v", entry)
	}
	c.does("/v1/stores/vault/entries/remove", map[string]any{"alias": "web"}, stores.DidRemove)
	refuses(t, c.post("/v1/stores/vault/entries", add), 409, "store-entry-deleted")
	c.does("/v1/stores/vault/entries", with(add, "recover", true, "overwrite", true), stores.DidRecover)
	c.has("vault", "web", first)

	enrolment := map[string]any{"alias": "own", "subject": "CN=own", "kind": "ec-p256", "names": []string{"own.example"}}
	if dry := c.does("/v1/stores/vault/request", with(enrolment, "dry_run", true), stores.DidRequest); dry.CSR != "" {
		t.Errorf("a dry run made %q", dry.CSR)
	}
	requested := c.does("/v1/stores/vault/request", enrolment, stores.DidRequest)
	if !strings.Contains(requested.CSR, "BEGIN CERTIFICATE REQUEST") {
		t.Fatalf("requested %+v", requested)
	}
	if again := c.does("/v1/stores/vault/request", enrolment, stores.DidNothing); again.CSR != requested.CSR {
		t.Error("the request under way is not answered again")
	}
	refuses(t, c.post("/v1/stores/vault/finish", map[string]any{"alias": "own", "certificates": string(first.Certificates)}), 422, "store-invalid")
	refuses(t, c.post("/v1/stores/vault/request", with(enrolment, "alias", "other", "subject", "own")), 422, "store-invalid")
	refuses(t, c.post("/v1/stores/vault/finish", map[string]any{"alias": "none", "certificates": string(first.Certificates)}), 404, "no-store-entry")
	certificate := issue(t, requested.CSR)
	c.does("/v1/stores/vault/finish", map[string]any{"alias": "own", "certificates": certificate}, stores.DidFinish)
	c.does("/v1/stores/vault/entries/remove", map[string]any{"alias": "own", "purge": true}, stores.DidPurge)
	c.wantRows(
		"store.added vault web added", "store.added vault web replaced", "store.removed vault web removed", "store.added vault web recovered and replaced",
		"store.requested vault own requested", "store.finished vault own finished", "store.removed vault own removed for good",
	)
	c.leakless(first, second)
}

// unsteady is a store whose additions end so.
type unsteady struct {
	storeOf
	outcome stores.Outcome
	err     error
	begun   chan struct{}
	release chan struct{}
}

func (u unsteady) Add(ctx context.Context, _ stores.Addition) (stores.Outcome, error) {
	if u.begun != nil {
		close(u.begun)
		<-u.release
	}
	return u.outcome, errors.Join(u.err, ctx.Err())
}

// TestStoreChangesFail: what the store says decides what is answered, and whether the
// audit log has a row.
func TestStoreChangesFail(t *testing.T) {
	pair := storetest.NewPair(t, "ec-p256", "web")
	add := map[string]any{"alias": "web", "data": pfx(t, pair), "password": bundlePassword}
	broken := errors.New("reset by peer")
	for _, test := range []struct {
		name                string
		outcome             stores.Outcome
		err, probe, record  error
		dryRun              bool
		code                int
		slug, detail, audit string
	}{
		{name: "not found", err: stores.ErrNotFound, code: 404, slug: "no-store-entry"},
		{name: "exists", err: stores.ErrExists, code: 409, slug: "store-entry-exists"},
		{name: "deleted", err: stores.ErrDeleted, code: 409, slug: "store-entry-deleted"},
		{name: "denied", err: stores.ErrDenied, code: 403, slug: "store-denied"},
		{name: "invalid", err: stores.ErrInvalid, code: 422, slug: "store-invalid"},
		{name: "unreadable", err: stores.ErrUnreadable, code: 502, slug: "store-unreadable", detail: "not known whether", audit: storechange.ErrUncertain.Error()},
		{name: "in part", err: fmt.Errorf("%w: not purged: %w", stores.ErrPartly, stores.ErrDenied), code: 502, slug: "store-partly", detail: "not purged", audit: "done in part only"},
		{name: "broke off", err: broken, code: 502, slug: "store-uncertain", detail: "reset by peer", audit: storechange.ErrUncertain.Error()},
		{name: "dry run broke off", err: broken, dryRun: true, code: 502, slug: "store", detail: "reset by peer"},
		{name: "no audit log", outcome: stores.Outcome{Did: stores.DidAdd}, probe: outbox.ErrUnavailable, code: 503, slug: "unavailable", detail: "nothing was changed"},
		{name: "not recorded", outcome: stores.Outcome{Did: stores.DidAdd}, record: outbox.ErrAmbiguous, code: 500, slug: "not-recorded", detail: "web: added; the audit log may not have it"},
		{name: "not known, not recorded", err: broken, record: outbox.ErrUnavailable, code: 500, slug: "not-recorded", detail: "not known whether the store was changed; the audit log"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newChanging(t, map[string]stores.Store{"store": unsteady{outcome: test.outcome, err: test.err}})
			c.probe, c.record = test.probe, test.record
			problem := refuses(t, c.post("/v1/stores/store/entries", with(add, "dry_run", test.dryRun)), test.code, test.slug)
			if !strings.Contains(problem.Detail, test.detail) {
				t.Errorf("detail is %q", problem.Detail)
			}
			rows := 0
			if test.audit != "" {
				rows = 1
				c.wantRows("store.added store web " + test.audit)
			}
			if got := auditRows(t, c.store); got != rows {
				t.Errorf("%d audit rows, want %d", got, rows)
			}
			if rows > 0 {
				c.leakless(pair)
			}
		})
	}
}

// TestStoreChangeGoesOn: a client that goes away leaves no half of a change, and no
// change without its audit row.
func TestStoreChangeGoesOn(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	c := newChanging(t, map[string]stores.Store{"store": unsteady{outcome: stores.Outcome{Did: stores.DidAdd}, begun: begun, release: release}})
	body, err := json.Marshal(map[string]any{"alias": "web", "data": pfx(t, storetest.NewPair(t, "ec-p256", "web")), "password": bundlePassword})
	if err != nil {
		t.Fatal(err)
	}
	ctx, gone := context.WithCancel(t.Context())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/stores/store/entries", bytes.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	r.Header.Set("Content-Type", "application/json")
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		c.ServeHTTP(patient{httptest.NewRecorder()}, r)
	}()
	<-begun
	gone()
	close(release)
	<-answered
	c.wantRows("store.added store web added")
}

// TestStoreChangesTogether: more changes than are made at once are refused, and nothing
// is begun.
func TestStoreChangesTogether(t *testing.T) {
	const together = 8
	kept := map[string]stores.Store{}
	release := make(chan struct{})
	for i := range together + 1 {
		kept[fmt.Sprint("store", i)] = unsteady{outcome: stores.Outcome{Did: stores.DidNothing}, begun: make(chan struct{}), release: release}
	}
	c := newChanging(t, kept)
	body, err := json.Marshal(map[string]any{"alias": "web", "data": pfx(t, storetest.NewPair(t, "ec-p256", "web")), "password": bundlePassword})
	if err != nil {
		t.Fatal(err)
	}
	var asked sync.WaitGroup
	for i := range together {
		asked.Go(func() {
			if w := c.do(t, operatorToken, http.MethodPost, fmt.Sprintf("/v1/stores/store%d/entries", i), string(body)); w.Code != http.StatusOK {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
		<-kept[fmt.Sprint("store", i)].(unsteady).begun
	}
	refuses(t, c.do(t, operatorToken, http.MethodPost, fmt.Sprintf("/v1/stores/store%d/entries", together), string(body)), 503, "busy")
	close(release)
	asked.Wait()
	select {
	case <-kept[fmt.Sprint("store", together)].(unsteady).begun:
		t.Error("what was refused was begun")
	default:
	}
}

func TestStoreChangesRefuse(t *testing.T) {
	pair := storetest.NewPair(t, "ec-p256", "web")
	file := pfx(t, pair)
	c := newChanging(t, map[string]stores.Store{"store": unsteady{outcome: stores.Outcome{Did: stores.DidAdd}}, "plain": storeOf{}})
	const entries = "/v1/stores/store/entries"
	for _, test := range []struct {
		name, bearer, target, body string
		code                       int
		slug                       string
	}{
		{"no token", "", entries, `{}`, 401, "not-authenticated"},
		{"viewer adds", viewerToken, entries, `{}`, 403, "role"},
		{"viewer removes", viewerToken, entries + "/remove", `{}`, 403, "role"},
		{"viewer creates", viewerToken, "/v1/stores/store/create", `{}`, 403, "role"},
		{"viewer requests", viewerToken, "/v1/stores/store/request", `{}`, 403, "role"},
		{"viewer finishes", viewerToken, "/v1/stores/store/finish", `{}`, 403, "role"},
		{"unknown store", operatorToken, "/v1/stores/none/entries", `{"alias":"web","data":"` + file + `","password":"` + bundlePassword + `"}`, 404, "unknown-store"},
		{"add cannot", operatorToken, "/v1/stores/plain/entries", `{"alias":"web","data":"` + file + `","password":"` + bundlePassword + `"}`, 422, "store-cannot"},
		{"remove cannot", operatorToken, "/v1/stores/plain/entries/remove", `{"alias":"web"}`, 422, "store-cannot"},
		{"create cannot", operatorToken, "/v1/stores/plain/create", `{}`, 422, "store-cannot"},
		{"no alias", operatorToken, entries, `{"data":"` + file + `"}`, 400, "malformed"},
		{"long alias", operatorToken, entries, `{"alias":"` + strings.Repeat("a", 1025) + `","data":""}`, 400, "malformed"},
		{"no data", operatorToken, entries, `{"alias":"web"}`, 400, "malformed"},
		{"data is no base64", operatorToken, entries, `{"alias":"web","data":"` + bundlePassword + `"}`, 400, "malformed"},
		{"data is a number", operatorToken, entries, `{"alias":"web","data":1}`, 400, "malformed"},
		{"password is a number", operatorToken, entries, `{"alias":"web","data":"","password":1}`, 400, "malformed"},
		{"flag is text", operatorToken, entries, `{"alias":"web","data":"","overwrite":"true"}`, 400, "malformed"},
		{"tags are a list", operatorToken, entries, `{"alias":"web","data":"","tags":["a"]}`, 400, "malformed"},
		{"a tag is a number", operatorToken, entries, `{"alias":"web","data":"","tags":{"a":1}}`, 400, "malformed"},
		{"unknown member", operatorToken, entries, `{"alias":"web","data":"","` + bundlePassword + `":1}`, 400, "malformed"},
		{"password twice", operatorToken, entries, `{"password":"` + bundlePassword + `","password":"` + bundlePassword + `"}`, 400, "malformed"},
		{"not JSON", operatorToken, entries, bundlePassword, 400, "malformed"},
		{"not an object", operatorToken, entries, `["` + bundlePassword + `"]`, 400, "malformed"},
		{"wrong password", operatorToken, entries, `{"alias":"web","data":"` + file + `","password":"not ` + bundlePassword + `"}`, 422, "bundle"},
		{"no password", operatorToken, entries, `{"alias":"web","data":"` + file + `"}`, 422, "bundle"},
		{"no file", operatorToken, entries, `{"alias":"web","data":"` + base64.StdEncoding.EncodeToString([]byte(bundlePassword)) + `"}`, 422, "bundle"},
		{"large", operatorToken, entries, `{"alias":"web","data":"` + strings.Repeat("A", 64<<10) + `"}`, 413, "body-too-large"},
		{"remove with more", operatorToken, entries + "/remove", `{"alias":"web","all":true}`, 400, "malformed"},
		{"remove nothing", operatorToken, entries + "/remove", `{}`, 400, "malformed"},
		{"finish nothing", operatorToken, "/v1/stores/store/finish", `{}`, 400, "malformed"},
		{"request nothing", operatorToken, "/v1/stores/store/request", `{}`, 400, "malformed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := c.do(t, test.bearer, http.MethodPost, test.target, test.body)
			c.shown.Write(w.Body.Bytes())
			refuses(t, w, test.code, test.slug)
		})
	}
	r := httptest.NewRequest(http.MethodPost, entries, strings.NewReader(`{}`))
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	w := httptest.NewRecorder()
	c.ServeHTTP(w, r)
	refuses(t, w, 415, "media-type")
	c.wantRows()
	for _, text := range []string{c.log.String(), c.shown.String()} {
		if text == "" || strings.Contains(text, bundlePassword) || strings.Contains(text, file[:40]) {
			t.Errorf("shown was %s", text)
		}
	}
}

// issue signs a request as an authority does.
func issue(t *testing.T, csr string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(csr))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	authority := newECKey(t, elliptic.P256())
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(7), Subject: request.Subject, NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageKeyAgreement, DNSNames: request.DNSNames,
	}, &x509.Certificate{Subject: pkix.Name{CommonName: "authority"}}, request.PublicKey, authority)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// FuzzAddition: what is taken for an addition is one JSON object, whose data is base64,
// and a refusal repeats nothing of it.
func FuzzAddition(f *testing.F) {
	for _, seed := range []string{
		`{"alias":"web","data":"AAAA","password":"p\u00e4ss","entry":"x","tags":{"a":"b"},"overwrite":true,"dry_run":false}`,
		`{"alias":"web","data":""}`, `{"alias":1}`, `{"data":"A"}`, `{"data":"AAAA","data":"AAAA"}`, `{"x":1}`, `[]`, `{`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		alias, size, err := httpapi.ReadAdditionForTest(body)
		if err != nil {
			if !errors.Is(err, hooks.ErrMalformed) {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		var read struct {
			Alias string `json:"alias"`
			Data  []byte `json:"data"`
		}
		if err := json.Unmarshal(body, &read); err != nil || read.Alias != alias || len(read.Data) != size {
			t.Fatalf("%q is alias %q with %d bytes, and %q with %d, %v", body, alias, size, read.Alias, len(read.Data), err)
		}
	})
}
