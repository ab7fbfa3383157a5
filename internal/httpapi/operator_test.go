package httpapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/httpapi"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/standing"
)

const (
	viewerToken   = "viewer-token-of-enough-length"
	operatorToken = "operator-token-of-enough-length"
)

// operated is the admin API on a real outbox.
type operated struct {
	http.Handler
	store outbox.Outbox
	runs  outbox.Jobs
}

func tokenOf(t *testing.T, name string, role httpapi.Role, secret string) httpapi.Token {
	t.Helper()
	verifier, err := verify.NewBearer(verify.Bearer{Tokens: []*hooks.Value{secretbytes.New([]byte(secret))}})
	if err != nil {
		t.Fatal(err)
	}
	return httpapi.Token{Name: name, Role: role, Verifier: verifier}
}

// operate makes three deliveries: two of web, one of them blocked, and one of
// batch.
func operate(t *testing.T) operated {
	t.Helper()
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "outbox.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	tokens := []httpapi.Token{
		tokenOf(t, "dashboard", httpapi.Viewer, viewerToken), tokenOf(t, "on-call", httpapi.Operator, operatorToken),
	}
	for _, secret := range []string{"prod/db/orders", "prod/db/café"} {
		if err := store.Commit(t.Context(), changeOf(secret)); err != nil {
			t.Fatal(err)
		}
	}
	desk := jobs.NewDesk(jobs.DeskOptions{Jobs: store, Definitions: func() map[string]jobs.Definition { return definedJobs }, Log: zerolog.Nop()})
	return operated{store: store, runs: store, Handler: httpapi.NewAdmin(httpapi.AdminOptions{
		Tokens: func() []httpapi.Token { return tokens }, Outbox: store,
		Keys: func() []standing.Key { return []standing.Key{{Owner: "agent/web", Passes: true}} },
		Known: func(at outbox.Destination) error {
			if at.Agent == "web" || at.Agent == "batch" {
				return nil
			}
			return errors.New("the configuration has no such agent")
		},
		Stores: func() []standing.CertificateStore {
			return []standing.CertificateStore{{Name: "certificates", Kind: "directory"}}
		},
		Store: func(name string) (stores.Store, bool) {
			kept, ok := map[string]stores.Store{"certificates": storeOf{}, "away": storeOf{errors.New("no route to it")}}[name]
			return kept, ok
		},
		Jobs: desk, Runs: store,
		Metrics: http.NotFoundHandler(), Log: zerolog.Nop(),
	})}
}

func changeOf(secret string) outbox.Change {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return outbox.Change{
		Source: "vault", EventID: "event of " + secret, Secret: secret, Operation: "set", Version: 1, ReceivedAt: now,
		Sealed: []outbox.Sealed{
			{Agent: "batch", Destination: "folder", Blocked: "key fails the policy"},
			{Agent: "web", Destination: "folder", Format: "age", KeyID: "k", Envelope: []byte("sealed"), Statement: "a.b.c"},
		},
		Answer: []byte(`{}`), Audit: audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/vault", Secret: secret},
	}
}

func (o operated) do(t *testing.T, bearer, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	o.ServeHTTP(patient{w}, r)
	return w
}

// answered asks with the operator's token and decodes the answer.
func answered[T any](t *testing.T, o operated, method, target, body string) (answer T) {
	t.Helper()
	w := o.do(t, operatorToken, method, target, body)
	if w.Code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
	}
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&answer); err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer
}

type page struct {
	Deliveries []standing.Delivery
	Next       string
}

type auditPage struct {
	Rows []struct {
		Seq   int64
		Entry audit.Entry
		Hash  string
	}
	Next int64
}

func TestAdminAPIListsDeliveries(t *testing.T) {
	o := operate(t)
	var seen []string
	for after := ""; ; {
		p := answered[page](t, o, http.MethodGet, "/v1/deliveries?limit=1&after="+after, "")
		for _, d := range p.Deliveries {
			seen = append(seen, d.Agent+" "+d.Secret+" "+string(d.State))
		}
		if after = p.Next; after == "" {
			break
		}
	}
	want := []string{"batch prod/db/café blocked", "batch prod/db/orders blocked", "web prod/db/café pending", "web prod/db/orders pending"}
	if !slices.Equal(seen, want) {
		t.Errorf("pages of one have %q, want %q", seen, want)
	}
	only := answered[page](t, o, http.MethodGet, "/v1/deliveries?state=blocked,dead&secret=prod/db/orders", "")
	if len(only.Deliveries) != 1 || only.Deliveries[0].Agent != "batch" || only.Next != "" {
		t.Errorf("selected %+v", only)
	}
}

// A secret's name is found with its slashes as they are, and escaped.
func TestAdminAPIShowsADelivery(t *testing.T) {
	o := operate(t)
	for _, target := range []string{
		"/v1/deliveries/web/folder/prod/db/orders", "/v1/deliveries/web/folder/prod%2Fdb%2Forders",
		"/v1/deliveries/web/folder/prod/db/caf%C3%A9", "/v1/deliveries/web/folder/prod%2Fdb%2Fcaf%C3%A9",
	} {
		shown := answered[standing.Delivery](t, o, http.MethodGet, target, "")
		if shown.Agent != "web" || !strings.HasPrefix(shown.Secret, "prod/db/") || string(shown.Envelope) != "sealed" || shown.Statement != "a.b.c" {
			t.Errorf("%s: %+v", target, shown)
		}
	}
}

func TestAdminAPIActs(t *testing.T) {
	o := operate(t)
	if paused := answered[map[string]any](t, o, http.MethodPost, "/v1/deliveries/pause", `{"agent":"web","destination":"folder"}`); paused["begun"] != true {
		t.Errorf("pause: %v", paused)
	}
	held := answered[page](t, o, http.MethodGet, "/v1/deliveries?agent=web&limit=1", "").Deliveries[0].Held
	if len(held) != 1 || held[0].Why != "paused" || held[0].By != "token/on-call" {
		t.Errorf("held: %+v", held)
	}
	if resumed := answered[map[string]any](t, o, http.MethodPost, "/v1/deliveries/resume", `{"agent":"web"}`); resumed["ended"] != 1.0 {
		t.Errorf("resume: %v", resumed)
	}
	if retried := answered[map[string]int](t, o, http.MethodPost, "/v1/deliveries/retry", `{"secret":"prod/db/orders"}`); retried["retried"] != 1 {
		t.Errorf("retry: %v", retried)
	}
	quarantined := answered[struct {
		Agent   string
		Begun   bool
		Secrets []standing.Exposed
	}](t, o, http.MethodPost, "/v1/agents/web/quarantine", "")
	if !quarantined.Begun || len(quarantined.Secrets) != 2 {
		t.Errorf("quarantine: %+v", quarantined)
	}
	agents := answered[struct {
		Keys        []standing.Key
		Quarantined []string
	}](t, o, http.MethodGet, "/v1/agents", "")
	if len(agents.Keys) != 1 || !slices.Equal(agents.Quarantined, []string{"web"}) {
		t.Errorf("agents: %+v", agents)
	}
	answered[map[string]any](t, o, http.MethodPost, "/v1/agents/web/release", "")
	refuses(t, o.do(t, operatorToken, http.MethodPost, "/v1/agents/web/release", ""), 409, "not-quarantined")

	rows := answered[auditPage](t, o, http.MethodGet, "/v1/audit?from=3&limit=4", "")
	var kinds []audit.Kind
	for _, row := range rows.Rows {
		kinds = append(kinds, row.Entry.Kind)
		if row.Entry.Actor != "token/on-call" || len(row.Hash) != 64 {
			t.Errorf("row %+v", row)
		}
	}
	if want := []audit.Kind{audit.DeliveryPaused, audit.DeliveryResumed, audit.DeliveryRetried, audit.AgentQuarantined}; !slices.Equal(kinds, want) || rows.Next != 7 {
		t.Errorf("audit has %q and next %d", kinds, rows.Next)
	}
}

func TestAdminAPIRefuses(t *testing.T) {
	o := operate(t)
	for _, tc := range []struct {
		name, bearer, method, target, body string
		code                               int
		slug                               string
	}{
		{"no token", "", "GET", "/v1/deliveries", "", 401, "not-authenticated"},
		{"wrong token", "another-token-of-enough-length", "GET", "/v1/audit", "", 401, "not-authenticated"},
		{"no token to act", "", "POST", "/v1/deliveries/retry", `{"all":true}`, 401, "not-authenticated"},
		{"viewer retries", viewerToken, "POST", "/v1/deliveries/retry", `{"all":true}`, 403, "role"},
		{"viewer pauses", viewerToken, "POST", "/v1/deliveries/pause", `{"agent":"web"}`, 403, "role"},
		{"viewer resumes", viewerToken, "POST", "/v1/deliveries/resume", `{"agent":"web"}`, 403, "role"},
		{"viewer quarantines", viewerToken, "POST", "/v1/agents/web/quarantine", "", 403, "role"},
		{"viewer releases", viewerToken, "POST", "/v1/agents/web/release", "", 403, "role"},
		{"no such delivery", viewerToken, "GET", "/v1/deliveries/web/folder/none", "", 404, "no-delivery"},
		{"unknown parameter", viewerToken, "GET", "/v1/deliveries?agnet=web", "", 400, "malformed"},
		{"parameter twice", viewerToken, "GET", "/v1/deliveries?agent=web&agent=batch", "", 400, "malformed"},
		{"bad state", viewerToken, "GET", "/v1/deliveries?state=gone", "", 400, "malformed"},
		{"bad cursor", viewerToken, "GET", "/v1/deliveries?after=x", "", 400, "malformed"},
		{"limit 0", viewerToken, "GET", "/v1/deliveries?limit=0", "", 400, "malformed"},
		{"limit too large", viewerToken, "GET", "/v1/audit?limit=1001", "", 400, "malformed"},
		{"row 0", viewerToken, "GET", "/v1/audit?from=0", "", 400, "malformed"},
		{"parameter of agents", viewerToken, "GET", "/v1/agents?x=1", "", 400, "malformed"},
		{"retry of nothing said", operatorToken, "POST", "/v1/deliveries/retry", `{}`, 400, "malformed"},
		{"unknown member", operatorToken, "POST", "/v1/deliveries/retry", `{"agnet":"web"}`, 400, "malformed"},
		{"not JSON", operatorToken, "POST", "/v1/deliveries/retry", `all`, 400, "malformed"},
		{"more than JSON", operatorToken, "POST", "/v1/deliveries/retry", `{"all":true} {}`, 400, "malformed"},
		{"pause nobody", operatorToken, "POST", "/v1/deliveries/pause", `{"destination":"folder"}`, 400, "malformed"},
		{"pause a stranger", operatorToken, "POST", "/v1/deliveries/pause", `{"agent":"wbe"}`, 404, "unknown-agent"},
		{"quarantine a stranger", operatorToken, "POST", "/v1/agents/wbe/quarantine", "", 404, "unknown-agent"},
		{"large body", operatorToken, "POST", "/v1/deliveries/retry", `{"agent":"` + strings.Repeat("a", 64<<10) + `"}`, 413, "body-too-large"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := auditRows(t, o.store)
			refuses(t, o.do(t, tc.bearer, tc.method, tc.target, tc.body), tc.code, tc.slug)
			if after := auditRows(t, o.store); after != before {
				t.Errorf("a refused request wrote %d audit rows", after-before)
			}
		})
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/deliveries/retry", strings.NewReader(`{"all":true}`))
	r.Header.Set("Authorization", "Bearer "+operatorToken)
	w := httptest.NewRecorder()
	o.ServeHTTP(w, r)
	refuses(t, w, 415, "media-type") // what a form of a web page could send
}

func auditRows(t *testing.T, store outbox.Outbox) (n int) {
	t.Helper()
	if err := store.Audit(t.Context(), 1, func(audit.Row) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestOpenAPI: the document has the addresses of both listeners, and no others.
// storeOf is a store with one entry, whose list then breaks off with the error if there
// is one.
type storeOf struct{ err error }

func (s storeOf) Inventory(context.Context) iter.Seq2[stores.Entry, error] {
	return func(yield func(stores.Entry, error) bool) {
		if yield(stores.Entry{Alias: "web", Problem: stores.ErrUnreadable}, nil) && s.err != nil {
			yield(stores.Entry{}, s.err)
		}
	}
}

func (storeOf) Lookup(context.Context, string) (stores.Entry, error) {
	return stores.Entry{}, stores.ErrNotFound
}

// TestAdminAPIStores: a store is listed whole or not at all.
func TestAdminAPIStores(t *testing.T) {
	o := operate(t)
	listed := answered[struct{ Stores []standing.CertificateStore }](t, o, http.MethodGet, "/v1/stores", "")
	if len(listed.Stores) != 1 || listed.Stores[0].Name != "certificates" {
		t.Errorf("the stores are %+v", listed)
	}
	entries := answered[struct{ Entries []standing.StoreEntry }](t, o, http.MethodGet, "/v1/stores/certificates/entries", "")
	if len(entries.Entries) != 1 || entries.Entries[0].Alias != "web" || entries.Entries[0].Problem == "" {
		t.Errorf("the entries are %+v", entries)
	}
	refuses(t, o.do(t, viewerToken, http.MethodGet, "/v1/stores/none/entries", ""), 404, "unknown-store")
	refuses(t, o.do(t, viewerToken, http.MethodGet, "/v1/stores/away/entries", ""), 502, "store")
	refuses(t, o.do(t, "", http.MethodGet, "/v1/stores/certificates/entries", ""), 401, "not-authenticated")
	if w := o.do(t, viewerToken, http.MethodGet, "/v1/stores/away/entries", ""); !strings.Contains(w.Body.String(), "no route to it") || strings.Contains(w.Body.String(), `"web"`) {
		t.Errorf("the answer is %s", w.Body)
	}
}

func TestOpenAPI(t *testing.T) {
	admin := operate(t)
	w := admin.do(t, "", http.MethodGet, "/openapi.json", "")
	var document struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil || document.OpenAPI != "3.1.0" {
		t.Fatalf("%v, version %q", err, document.OpenAPI)
	}
	var described []string
	for path, methods := range document.Paths {
		for method := range methods {
			if method != "servers" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	routes := routesOf(t, admin.Handler)
	routes = append(routes, routesOf(t, httpapi.New(httpapi.Options{Log: zerolog.New(io.Discard)}))...)
	slices.Sort(described)
	slices.Sort(routes)
	if !slices.Equal(described, routes) {
		t.Errorf("described are\n%s\nand there are\n%s", strings.Join(described, "\n"), strings.Join(routes, "\n"))
	}
}

// routesOf are the handler's routes as the document writes them. The address of
// hooks takes the method that its source's adapter does, which is POST but for
// Delinea's and External Secrets' senders.
func routesOf(t *testing.T, handler http.Handler) []string {
	t.Helper()
	parameter := regexp.MustCompile(`:(\w+)`)
	var routes []string
	for _, route := range handler.(*echo.Echo).Routes() {
		path := parameter.ReplaceAllString(strings.ReplaceAll(route.Path, "*", "{secret}"), "{$1}")
		if strings.HasPrefix(path, "/v1/hooks/{source}") && route.Method != http.MethodPost || strings.HasSuffix(path, "/secretchanged") {
			continue
		}
		routes = append(routes, route.Method+" "+path)
	}
	return routes
}
