package azurekeyvault_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant       = "11111111-1111-1111-1111-111111111111"
	otherTenant  = "22222222-2222-2222-2222-222222222222"
	subscription = "33333333-3333-3333-3333-333333333333"
	client       = "44444444-4444-4444-4444-444444444444"
)

// world is a server with the vault "relay", and an account there.
type world struct {
	*azuretest.Server
	account *azure.Account
	http    *http.Client
	// fault is called with each request; what it returns is answered in place of the
	// server, if it is not nil.
	fault atomic.Pointer[func(*http.Request) *http.Response]
	// busy is how many requests are under way, most what that came to.
	mu         sync.Mutex
	busy, most int
	// distance is how long a request is on its way.
	distance time.Duration
}

// Do implements the SDK's transport.
func (w *world) Do(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	w.busy++
	w.most = max(w.most, w.busy)
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		w.busy--
		w.mu.Unlock()
	}()
	if w.distance > 0 {
		<-time.After(w.distance)
	}
	if f := w.fault.Load(); f != nil {
		if response := (*f)(r); response != nil {
			return response, nil
		}
	}
	return w.http.Do(r)
}

// fails answers requests of the method whose path has the text with a status.
func (w *world) fails(method, text string, status int) {
	f := func(r *http.Request) *http.Response {
		if r.Method != method || !strings.Contains(r.URL.Path, text) {
			return nil
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}
	}
	w.fault.Store(&f)
}

func newWorld(t testing.TB, config azuretest.Config, change ...func(*azure.Config)) *world {
	t.Helper()
	if config.Settle == 0 {
		config.Settle = 20 * time.Millisecond
	}
	w := &world{Server: azuretest.New(t, config)}
	w.http = w.Client()
	t.Cleanup(w.http.CloseIdleConnections)
	w.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: subscription, ResourceGroup: "rg"})
	w.AddApp(azuretest.App{
		ClientID: client, Tenants: []string{tenant, otherTenant}, Secrets: []string{"hush"},
		Grants: []azuretest.Grant{{Actions: azuretest.CertificatesOfficer}, {Actions: azuretest.Contributor}},
	})
	settings := azure.Config{SignIn: "client-secret", Tenant: tenant, AdditionalTenants: []string{otherTenant}, ClientID: client, ClientSecretFile: "s"}
	for _, c := range change {
		c(&settings)
	}
	var err error
	w.account, err = azure.New(azure.Settings{
		Config: settings, Transport: w,
		ReadSecret: func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("hush")), nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) open(t testing.TB, config azurekeyvault.Config) *azurekeyvault.Store {
	t.Helper()
	if config.Vault == "" {
		config.Vault = "relay"
	}
	s, err := azurekeyvault.New(config, w.account)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func add(t *testing.T, s *azurekeyvault.Store, addition stores.Addition, want stores.Did) stores.Outcome {
	t.Helper()
	outcome, err := s.Add(t.Context(), addition)
	if err != nil || outcome.Did != want {
		t.Fatalf("%s: %q, %v, want %q", addition.Alias, outcome.Did, err, want)
	}
	return outcome
}

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Target {
		w := newWorld(t, azuretest.Config{Window: time.Microsecond})
		return storetest.Target{
			Store: w.open(t, azurekeyvault.Config{}), Alias: storetest.Aliases("", ""), LeafOnly: true,
			Reopen: func() stores.Store { return w.open(t, azurekeyvault.Config{}) },
		}
	})
}

// TestUncertainNeverOverwrites: where the vault does not say whether there is a
// certificate, none is imported.
func TestUncertainNeverOverwrites(t *testing.T) {
	for _, status := range []int{401, 403, 429, 500, 503} {
		w := newWorld(t, azuretest.Config{})
		s := w.open(t, azurekeyvault.Config{})
		old, renewed := storetest.NewPair(t, "ec-p256", "web"), storetest.NewPair(t, "ec-p256", "web")
		add(t, s, old.Addition("web"), stores.DidAdd)
		w.fails(http.MethodGet, "/certificates/web", status)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		_, err := s.Add(ctx, renewed.Addition("web"))
		cancel()
		if err == nil || errors.Is(err, stores.ErrNotFound) || w.Certificates("relay")["web"].Versions != 1 {
			t.Errorf("%d: error %v, %d versions", status, err, w.Certificates("relay")["web"].Versions)
		}
	}
}

// TestDiscoverGoesOn: a tenant or subscription that cannot be searched ends nothing.
func TestDiscoverGoesOn(t *testing.T) {
	w := newWorld(t, azuretest.Config{PageSize: 2})
	for i := range 3 {
		id := fmt.Sprintf("sub-%d", i)
		w.AddSubscription(azuretest.Subscription{ID: id, Tenant: tenant, Denied: i == 1})
		for n := range 3 {
			w.AddVault(azuretest.Vault{Name: fmt.Sprintf("v%d-%d", i, n), Tenant: tenant, Subscription: id, ResourceGroup: "rg"})
		}
	}
	w.AddVault(azuretest.Vault{Name: "theirs", Tenant: otherTenant, Subscription: "sub-9", ResourceGroup: "rg"})
	// Spaces around a tenant's ID are no part of it.
	d := azurekeyvault.NewDiscoverer(azurekeyvault.Search{Tenants: []string{tenant, "nowhere", " " + otherTenant}}, w.account)
	var found, problems []string
	for f, err := range d.Discover(t.Context()) {
		switch {
		case err != nil:
			t.Fatal(err)
		case f.Problem != nil:
			problems = append(problems, f.Path)
		default:
			found = append(found, f.Path[strings.LastIndex(f.Path, "/")+1:])
		}
	}
	if want := "relay v0-0 v0-1 v0-2 v2-0 v2-1 v2-2 theirs"; strings.Join(found, " ") != want {
		t.Errorf("found %v, want %s", found, want)
	}
	if want := "/subscriptions/sub-1 /tenants/nowhere"; strings.Join(problems, " ") != want {
		t.Errorf("problems with %v, want %s", problems, want)
	}
}

// TestGovernmentResourceManager: vaults are made and found in the cloud that is
// configured, with the api-version that is.
func TestGovernmentResourceManager(t *testing.T) {
	w := newWorld(t, azuretest.Config{Cloud: azuretest.Government}, func(c *azure.Config) { c.Cloud, c.ResourceManagerAPI = "government", "2026-02-01" })
	no := false
	var hosts []string
	f := func(r *http.Request) *http.Response {
		if strings.Contains(r.URL.Path, "Microsoft.KeyVault") {
			hosts = append(hosts, r.URL.Host+" "+r.URL.Query().Get("api-version"))
		}
		return nil
	}
	w.fault.Store(&f)
	s := w.open(t, azurekeyvault.Config{Vault: subscription + ":rg:made", Create: &azurekeyvault.Create{Region: "usgovvirginia", Access: "rbac", PurgeProtection: &no}})
	if _, err := s.Create(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	for found, err := range azurekeyvault.NewDiscoverer(azurekeyvault.Search{Tenants: []string{tenant}}, w.account).Discover(t.Context()) {
		if err != nil || found.Problem != nil {
			t.Error(err, found)
		}
	}
	hosts = slices.Compact(hosts)
	if len(hosts) != 1 || hosts[0] != "management.usgovcloudapi.net 2026-02-01" {
		t.Errorf("asked were %v", hosts)
	}
}

// TestInventoryTellsUnreadable: a certificate that cannot be read is told, never left
// out.
func TestInventoryTellsUnreadable(t *testing.T) {
	w := newWorld(t, azuretest.Config{PageSize: 2})
	s := w.open(t, azurekeyvault.Config{})
	pair := storetest.NewPair(t, "ec-p256", "web")
	for i := range 5 {
		add(t, s, pair.Addition(fmt.Sprintf("c%d", i)), stores.DidAdd)
	}
	w.fails(http.MethodGet, "/certificates/c3", 403)
	got := storetest.All(t, s)
	if len(got) != 5 || got["c3"].Problem == nil || got["c2"].Problem != nil {
		t.Errorf("the inventory has %+v", got)
	}
	// And if the list itself cannot be read, what is missing is unknown.
	w.fails(http.MethodGet, "/certificates", 403)
	var last error
	for _, err := range s.Inventory(t.Context()) {
		last = err
	}
	if !errors.Is(last, stores.ErrDenied) {
		t.Errorf("error %v", last)
	}
}

// TestInventoryTellsState: disabled and expired certificates, tags, exportability, and
// requests that are under way.
func TestInventoryTellsState(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	kept := storetest.NewPair(t, "rsa-2048", "kept").Addition("kept")
	kept.NotExportable, kept.Tags = true, map[string]string{"team": "payments"}
	add(t, s, kept, stores.DidAdd)
	add(t, s, storetest.NewPair(t, "ec-p256", "off").Addition("off"), stores.DidAdd)
	w.disable(t, "off")
	if _, _, err := s.Request(t.Context(), stores.Enrolment{Alias: "asked", Kind: "rsa-2048", Template: keys.Template{Subject: keys.CommonName("asked")}}); err != nil {
		t.Fatal(err)
	}
	got := storetest.All(t, s)
	if e := got["kept"]; e.Private != stores.PrivateKept || !maps.Equal(e.Tags, kept.Tags) || e.Version == "" || e.Disabled {
		t.Errorf("kept is %+v", e)
	}
	if e := got["off"]; !e.Disabled || e.Private != stores.PrivateExportable {
		t.Errorf("off is %+v", e)
	}
	if e, ok := got["asked"]; !ok || !e.Pending || e.Key != nil || e.Problem != nil {
		t.Errorf("asked is %+v", e)
	}
}

// TestInventoryIsParallel: certificates are read several at once, and never more than
// sixteen.
func TestInventoryIsParallel(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	pair := storetest.NewPair(t, "ec-p256", "web")
	for i := range 40 {
		add(t, s, pair.Addition(fmt.Sprintf("c%d", i)), stores.DidAdd)
	}
	// Whoever comes first waits until a second one is there: only reading in parallel
	// gets on.
	var arrived atomic.Int32
	second := make(chan struct{})
	f := func(r *http.Request) *http.Response {
		if strings.HasPrefix(r.URL.Path, "/certificates/c") {
			if arrived.Add(1) == 2 {
				close(second)
			}
			<-second
		}
		return nil
	}
	w.fault.Store(&f)
	if got := storetest.All(t, s); len(got) != 40 {
		t.Errorf("the inventory has %d", len(got))
	}
	if w.most > 17 { // The list goes on meanwhile.
		t.Errorf("%d requests were under way at once", w.most)
	}
}

// TestRecoverOnAdd: what was deleted is recovered only if that is asked for, needs no
// list of deleted ones, and loses no tags.
func TestRecoverOnAdd(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	old := storetest.NewPair(t, "ec-p256", "web").Addition("web")
	old.Tags = map[string]string{"owner": "ops", "stage": "old"}
	add(t, s, old, stores.DidAdd)
	if _, err := s.Remove(t.Context(), stores.Removal{Alias: "web"}); err != nil {
		t.Fatal(err)
	}
	renewed := storetest.NewPair(t, "ec-p256", "web").Addition("web")
	renewed.Tags, renewed.KeepTags = map[string]string{"stage": "new"}, true
	for _, dry := range []bool{true, false} {
		renewed.DryRun = dry
		if _, err := s.Add(t.Context(), renewed); !errors.Is(err, stores.ErrDeleted) {
			t.Errorf("without recovery, dry run %v: %v", dry, err)
		}
	}
	renewed.Recover = true
	if _, err := s.Add(t.Context(), renewed); !errors.Is(err, stores.ErrExists) {
		t.Errorf("without overwriting: %v", err)
	}
	if len(w.Certificates("relay")) != 0 {
		t.Fatal("it was recovered and not replaced")
	}
	renewed.Overwrite = true
	add(t, s, renewed, stores.DidRecover)
	got := w.Certificates("relay")["web"]
	if got.Versions != 2 || got.Tags["owner"] != "ops" || got.Tags["stage"] != "new" {
		t.Errorf("it is %+v", got)
	}
	if n := w.Asked("GET /deletedcertificates"); n != 0 {
		t.Errorf("deleted ones were listed %d times", n)
	}
}

// TestRecoveredAndNotImported: the old certificate does not stay in use.
func TestRecoveredAndNotImported(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	addition := storetest.NewPair(t, "ec-p256", "web").Addition("web")
	add(t, s, addition, stores.DidAdd)
	if _, err := s.Remove(t.Context(), stores.Removal{Alias: "web"}); err != nil {
		t.Fatal(err)
	}
	recovered := false
	f := func(r *http.Request) *http.Response {
		recovered = recovered || strings.HasSuffix(r.URL.Path, "/recover")
		if recovered && strings.HasSuffix(r.URL.Path, "/import") {
			return &http.Response{StatusCode: 400, Header: http.Header{}, Body: http.NoBody, Request: r}
		}
		return nil
	}
	w.fault.Store(&f)
	addition.Recover, addition.Overwrite = true, true
	if _, err := s.Add(t.Context(), addition); err == nil || !recovered || len(w.Certificates("relay")) != 0 {
		t.Errorf("error %v, recovered %v, in use %d", err, recovered, len(w.Certificates("relay")))
	}
}

// TestDoneInPart: what was done is told where the rest is refused.
func TestDoneInPart(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	addition := storetest.NewPair(t, "ec-p256", "web").Addition("web")
	add(t, s, addition, stores.DidAdd)
	deleted := "/deletedcertificates/web"
	w.fails(http.MethodDelete, deleted, http.StatusForbidden)
	_, err := s.Remove(t.Context(), stores.Removal{Alias: "web", Purge: true})
	if !errors.Is(err, stores.ErrPartly) || !errors.Is(err, stores.ErrDenied) || len(w.Certificates("relay")) != 0 {
		t.Errorf("not purged: %v, in use %d", err, len(w.Certificates("relay")))
	}

	recovered := false
	f := func(r *http.Request) *http.Response {
		recovered = recovered || strings.HasSuffix(r.URL.Path, "/recover")
		if recovered && (r.Method == http.MethodDelete || strings.HasSuffix(r.URL.Path, "/import")) {
			return &http.Response{StatusCode: http.StatusForbidden, Header: http.Header{}, Body: http.NoBody, Request: r}
		}
		return nil
	}
	w.fault.Store(&f)
	addition.Recover, addition.Overwrite = true, true
	if _, err := s.Add(t.Context(), addition); !errors.Is(err, stores.ErrPartly) || !strings.Contains(err.Error(), "in use again") {
		t.Errorf("recovered: %v", err)
	}
}

// TestRemoveIsAwaited: when it returns the name can be used, or purged, at once.
func TestRemoveIsAwaited(t *testing.T) {
	w := newWorld(t, azuretest.Config{Settle: 700 * time.Millisecond})
	s := w.open(t, azurekeyvault.Config{})
	pair := storetest.NewPair(t, "ec-p256", "web")
	add(t, s, pair.Addition("web"), stores.DidAdd)
	if outcome, err := s.Remove(t.Context(), stores.Removal{Alias: "web"}); err != nil || outcome.Did != stores.DidRemove {
		t.Fatal(outcome, err)
	}
	if outcome, err := s.Remove(t.Context(), stores.Removal{Alias: "web", Purge: true}); err != nil || outcome.Did != stores.DidPurge {
		t.Fatal(outcome, err)
	}
	add(t, s, pair.Addition("web"), stores.DidAdd)
	if got := w.Certificates("relay")["web"].Versions; got != 1 {
		t.Errorf("%d versions", got)
	}
}

// TestCurvesAreKept: each key is imported as it is.
func TestCurvesAreKept(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	for kind, want := range map[string]string{"ec-p256": "EC P-256", "ec-p384": "EC P-384", "ec-p521": "EC P-521", "rsa-3072": "RSA "} {
		add(t, s, storetest.NewPair(t, kind, kind).Addition(kind), stores.DidAdd)
		if got := w.Certificates("relay")[kind]; got.KeyType+" "+got.Curve != want {
			t.Errorf("%s is %s %s", kind, got.KeyType, got.Curve)
		}
	}
	for _, kind := range []string{"ec-secp256k1"} {
		pair, err := keys.New(kind, keys.NewOptions{})
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := keys.SelfSigned(pair.Keys[0], "x", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Add(t.Context(), stores.Addition{Alias: "x", Private: pair.Keys[0], Certificates: certificate}); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestTags: the tags of before are kept only where that is asked for, and what Key Vault
// would refuse is found before anything is sent.
func TestTags(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	addition := storetest.NewPair(t, "ec-p256", "web").Addition("web")
	addition.Tags = map[string]string{"a": "1", "b": "2"}
	add(t, s, addition, stores.DidAdd)
	replace := func(keep bool, tags, want map[string]string) {
		t.Helper()
		addition := storetest.NewPair(t, "ec-p256", "web").Addition("web")
		addition.Tags, addition.KeepTags, addition.Overwrite = tags, keep, true
		add(t, s, addition, stores.DidReplace)
		if got := w.Certificates("relay")["web"].Tags; !maps.Equal(got, want) {
			t.Errorf("tags are %v, want %v", got, want)
		}
	}
	replace(true, map[string]string{"b": "3"}, map[string]string{"a": "1", "b": "3"})
	replace(false, map[string]string{"c": "4"}, map[string]string{"c": "4"})
	replace(false, nil, nil)
	before := w.Asked("POST /certificates/{name}/import")
	sixteen := map[string]string{}
	for i := range 15 {
		sixteen[fmt.Sprint(i)] = ""
	}
	w.tag(t, "web", map[string]string{"mine": "x"})
	for name, tags := range map[string]map[string]string{"fifteen and one that is kept": sixteen, "a long one": {"t": strings.Repeat("x", 257)}} {
		addition := storetest.NewPair(t, "ec-p256", "web").Addition("web")
		addition.Tags, addition.KeepTags, addition.Overwrite = tags, true, true
		if _, err := s.Add(t.Context(), addition); !errors.Is(err, stores.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if after := w.Asked("POST /certificates/{name}/import"); after != before {
		t.Errorf("%d imports were sent", after-before)
	}
}

// TestFormIsKept: who reads the certificate as a secret finds it in the form it had.
func TestFormIsKept(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	add(t, s, storetest.NewPair(t, "ec-p256", "web").Addition("web"), stores.DidAdd)
	if got := w.Certificates("relay")["web"].ContentType; got != "application/x-pkcs12" {
		t.Errorf("a new one is %s", got)
	}
	w.importPEM(t, "pem")
	addition := storetest.NewPair(t, "ec-p384", "pem").Addition("pem")
	addition.Overwrite = true
	add(t, s, addition, stores.DidReplace)
	if got := w.Certificates("relay")["pem"]; got.ContentType != "application/x-pem-file" || got.Curve != "P-384" || got.Versions != 2 {
		t.Errorf("a replaced one is %+v", got)
	}
}

// TestReEnrol: the vault makes the key, an authority signs, and the certificate in use
// stays until that is there.
func TestReEnrol(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{})
	old := storetest.NewPair(t, "rsa-2048", "web").Addition("web")
	old.Tags = map[string]string{"owner": "ops"}
	add(t, s, old, stores.DidAdd)
	enrolment := stores.Enrolment{
		Alias: "web", Kind: "ec-p384", NotExportable: true, DryRun: true,
		Template: keys.Template{Subject: keys.CommonName("web"), Names: []string{"web.example", "DNS:www.example"}},
	}
	if csr, outcome, err := s.Request(t.Context(), enrolment); err != nil || csr != nil || outcome.Did != stores.DidRequest || w.Asked("POST /certificates/{name}/create") != 0 {
		t.Errorf("a dry run: %q, %v", outcome.Did, err)
	}
	enrolment.DryRun = false
	csr, outcome, err := s.Request(t.Context(), enrolment)
	if err != nil || outcome.Did != stores.DidRequest {
		t.Fatal(outcome, err)
	}
	again, outcome, err := s.Request(t.Context(), enrolment)
	if err != nil || outcome.Did != stores.DidNothing || string(again) != string(csr) {
		t.Errorf("asked again: %q, %v", outcome.Did, err)
	}
	if got := w.Certificates("relay")["web"]; got.KeyType != "RSA" {
		t.Errorf("in use is %+v", got)
	}
	if _, err := s.Finish(t.Context(), "web", old.Certificates, false); !errors.Is(err, stores.ErrInvalid) {
		t.Errorf("the certificate of another key: %v", err)
	}
	if _, err := s.Finish(t.Context(), "nobody", old.Certificates, false); !errors.Is(err, stores.ErrNotFound) {
		t.Errorf("of what was not asked for: %v", err)
	}
	signed := issue(t, csr)
	if outcome, err := s.Finish(t.Context(), "web", signed, true); err != nil || outcome.Did != stores.DidFinish {
		t.Errorf("a dry run: %q, %v", outcome.Did, err)
	}
	if outcome, err = s.Finish(t.Context(), "web", signed, false); err != nil || outcome.Did != stores.DidFinish {
		t.Fatal(outcome, err)
	}
	got := w.Certificates("relay")["web"]
	if got.Curve != "P-384" || got.Exportable || got.Versions != 2 || got.Tags["owner"] != "ops" || !slices.Equal(got.Certificate.DNSNames, []string{"web.example", "www.example"}) {
		t.Errorf("in use is %+v", got)
	}
	if _, _, err := s.Request(t.Context(), stores.Enrolment{Alias: "web", Kind: "age"}); !errors.Is(err, stores.ErrInvalid) {
		t.Errorf("an age key: %v", err)
	}
}

// issue signs a request as an authority does.
func issue(t *testing.T, csr []byte) []byte {
	t.Helper()
	block, _ := pem.Decode(csr)
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	authority := storetest.NewPair(t, "ec-p256", "authority")
	parent, err := keys.ParsePublic(authority.Certificates)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: parent.Certificate.SerialNumber, Subject: request.Subject, DNSNames: request.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}, parent.Certificate, request.PublicKey, authority.Private)
	if err != nil {
		t.Fatal(err)
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), authority.Certificates...)
}

// TestCreate: everything that is asked for is told, and nothing that is there changed.
func TestCreate(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	yes := true
	config := azurekeyvault.Config{
		Vault: "/subscriptions/" + subscription + "/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/made",
		Create: &azurekeyvault.Create{
			Region: "westeurope", SKU: "premium", Access: "rbac", PurgeProtection: &yes, RetentionDays: 30,
			AllowFrom: []string{"203.0.113.0/24"}, TrustedServices: true, Tags: map[string]string{"team": "payments"},
		},
	}
	s := w.open(t, config)
	if _, err := s.Create(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.VaultProperties("made"); ok {
		t.Fatal("a dry run made it")
	}
	if outcome, err := s.Create(t.Context(), false); err != nil || outcome.Did != stores.DidCreate {
		t.Fatal(outcome, err)
	}
	properties, _ := w.VaultProperties("made")
	for name, want := range map[string]string{
		"enableRbacAuthorization": "true", "enablePurgeProtection": "true", "softDeleteRetentionInDays": "30", "tenantId": tenant,
		"networkAcls": "map[bypass:AzureServices defaultAction:Deny ipRules:[map[value:203.0.113.0/24]]]", "sku": "map[family:A name:premium]",
	} {
		if got := fmt.Sprint(properties[name]); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if _, err := s.Create(t.Context(), false); !errors.Is(err, stores.ErrExists) {
		t.Errorf("made again: %v", err)
	}
	add(t, s, storetest.NewPair(t, "ec-p256", "web").Addition("web"), stores.DidAdd)
	for says, change := range map[string]func(*azurekeyvault.Config){
		"vault must be": func(c *azurekeyvault.Config) { c.Vault = "made" }, "region": func(c *azurekeyvault.Config) { c.Create.Region = "" },
		"access": func(c *azurekeyvault.Config) { c.Create.Access = "" }, "purge_protection": func(c *azurekeyvault.Config) { c.Create.PurgeProtection = nil },
		"sku": func(c *azurekeyvault.Config) { c.Create.SKU = "basic" }, "retention_days": func(c *azurekeyvault.Config) { c.Create.RetentionDays = 6 },
		"network": func(c *azurekeyvault.Config) { c.Create.Network = "maybe" }, "allow_from": func(c *azurekeyvault.Config) { c.Create.Network = "allow" },
	} {
		changed := config
		made := *config.Create
		changed.Create = &made
		change(&changed)
		if _, err := azurekeyvault.New(changed, w.account); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
	if _, err := w.open(t, azurekeyvault.Config{}).Create(t.Context(), false); !errors.Is(err, stores.ErrInvalid) {
		t.Errorf("without create: %v", err)
	}
}

// TestSmallerRole: what a role does not allow is named.
func TestSmallerRole(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	w.AddApp(azuretest.App{ClientID: client, Tenants: []string{tenant}, Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: azuretest.Reader}}})
	s := w.open(t, azurekeyvault.Config{})
	if got := storetest.All(t, s); len(got) != 0 {
		t.Errorf("it has %v", got)
	}
	_, err := s.Add(t.Context(), storetest.NewPair(t, "ec-p256", "web").Addition("web"))
	if !errors.Is(err, stores.ErrDenied) || !strings.Contains(err.Error(), "certificates/import/action") {
		t.Errorf("error %v", err)
	}
}
