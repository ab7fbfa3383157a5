package azuretest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	tenant       = "11111111-1111-1111-1111-111111111111"
	otherTenant  = "22222222-2222-2222-2222-222222222222"
	subscription = "33333333-3333-3333-3333-333333333333"
	app          = "44444444-4444-4444-4444-444444444444"
)

// world is a server with a vault, a clock that tests move, and a token.
type world struct {
	*azuretest.Server
	client *http.Client
	now    time.Time
	token  string
}

func newWorld(t *testing.T, config azuretest.Config, actions ...string) *world {
	t.Helper()
	w := &world{now: time.Now()}
	config.Now = func() time.Time { return w.now }
	w.Server = azuretest.New(t, config)
	w.client = w.Client()
	t.Cleanup(w.client.CloseIdleConnections)
	w.AddVault(azuretest.Vault{Name: "relay", Tenant: tenant, Subscription: subscription, ResourceGroup: "rg"})
	if actions == nil {
		actions = []string{"Microsoft.KeyVault/*", "Microsoft.Resources/*"}
	}
	w.AddApp(azuretest.App{ClientID: app, Tenants: []string{tenant, otherTenant}, Secrets: []string{"hush"}, Grants: []azuretest.Grant{{Actions: actions}}})
	w.token = w.sign(t, tenant, "https://vault.azure.net")
	return w
}

func (w *world) sign(t *testing.T, tenant, audience string) string {
	t.Helper()
	token, err := w.Token(app, tenant, audience)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	Error  struct {
		Code, Message string
		InnerError    struct{ Code string }
	}
	Value    json.RawMessage
	NextLink string
	body     []byte
}

// ask sends a request to the vault, as it is.
func (w *world) ask(t *testing.T, method, path string, body any) answer {
	t.Helper()
	return w.send(t, method, "https://relay.vault.azure.net"+path, body)
}

func (w *world) send(t *testing.T, method, address string, body any) answer {
	t.Helper()
	var content io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		content = bytes.NewReader(data)
	}
	if !strings.Contains(address, "api-version") {
		address += "?api-version=2026-02-01"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, content)
	if err != nil {
		t.Fatal(err)
	}
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	response, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, header: response.Header}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if len(a.body) > 0 {
		if err := json.Unmarshal(a.body, &a); err != nil {
			t.Fatalf("%s %s: %v: %s", method, address, err, a.body)
		}
	}
	return a
}

func (a answer) want(t *testing.T, status int, code, inner string) {
	t.Helper()
	if a.status != status || a.Error.Code != code || a.Error.InnerError.Code != inner {
		t.Errorf("answer is %d %q %q %s, want %d %q %q", a.status, a.Error.Code, a.Error.InnerError.Code, a.Error.Message, status, code, inner)
	}
}

func value(text string) map[string]any { return map[string]any{"value": text} }

// TestLimits: what Key Vault refuses to write is refused, and nothing is written.
func TestLimits(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	tags := map[string]string{}
	for i := range 16 {
		tags[fmt.Sprint(i)] = ""
	}
	for name, test := range map[string]struct {
		secret string
		body   map[string]any
	}{
		"an underscore":      {"a_b", value("v")},
		"128 characters":     {strings.Repeat("a", 128), value("v")},
		"25,601 octets":      {"a", value(strings.Repeat("v", 25_601))},
		"no value":           {"a", map[string]any{}},
		"sixteen tags":       {"a", map[string]any{"value": "v", "tags": tags}},
		"a long tag":         {"a", map[string]any{"value": "v", "tags": map[string]string{"t": strings.Repeat("x", 257)}}},
		"a long contentType": {"a", map[string]any{"value": "v", "contentType": strings.Repeat("x", 256)}},
		"not JSON":           {"a", map[string]any{"value": 7}},
	} {
		t.Run(name, func(t *testing.T) {
			w.ask(t, http.MethodPut, "/secrets/"+test.secret, test.body).want(t, 400, "BadParameter", "")
		})
	}
	if got := w.Secrets("relay"); len(got) != 0 {
		t.Errorf("written was %v", got)
	}
	delete(tags, "15")
	largest := map[string]any{"value": strings.Repeat("v", 25_600), "tags": tags, "contentType": strings.Repeat("x", 255)}
	w.ask(t, http.MethodPut, "/secrets/"+strings.Repeat("a", 127), largest).want(t, 200, "", "")
	w.ask(t, http.MethodPut, "/secrets/A", value("1")).want(t, 200, "", "")
	w.ask(t, http.MethodPut, "/secrets/a", value("2")).want(t, 200, "", "")
	if got := w.Versions("relay", "a"); len(got) != 2 || got[0].Name != "A" {
		t.Errorf("names in upper and lower case give %+v", got)
	}
}

// TestNewVersionTakesOverNothing: tags, content type and expiry are told each time.
func TestNewVersionTakesOverNothing(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	w.ask(t, http.MethodPut, "/secrets/a", map[string]any{"value": "1", "tags": map[string]string{"x": "y"}, "contentType": "c", "attributes": map[string]any{"exp": 2_000_000_000}})
	w.ask(t, http.MethodPut, "/secrets/a", value("2"))
	got := w.Versions("relay", "a")
	if got[0].Tags["x"] != "y" || got[0].Expires != 2_000_000_000 || len(got[1].Tags) != 0 || got[1].ContentType != "" || got[1].Expires != 0 {
		t.Errorf("versions are %+v", got)
	}
}

func TestTokens(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	good := w.token
	for name, test := range map[string]struct{ token, code string }{
		"none":             {"", "AKV10000"},
		"garbage":          {"x.y.z", "AKV10043"},
		"another tenant's": {w.sign(t, otherTenant, "https://vault.azure.net"), "AKV10032"},
		"another audience": {w.sign(t, tenant, "https://management.azure.com"), "AKV10022"},
		"another signer's": {newWorld(t, azuretest.Config{}).token, "AKV10046"},
	} {
		w.token = test.token
		got := w.ask(t, http.MethodGet, "/secrets", nil)
		got.want(t, 401, "Unauthorized", "")
		if !strings.HasPrefix(got.Error.Message, test.code) {
			t.Errorf("%s: message %q, want %s", name, got.Error.Message, test.code)
		}
		if want := `Bearer authorization="https://login.microsoftonline.com/` + tenant + `", resource="https://vault.azure.net"`; got.header.Get("WWW-Authenticate") != want {
			t.Errorf("%s: challenge %q", name, got.header.Get("WWW-Authenticate"))
		}
	}
	w.token = good
	w.ask(t, http.MethodGet, "/secrets", nil).want(t, 200, "", "")
	w.now = w.now.Add(time.Hour)
	w.ask(t, http.MethodGet, "/secrets", nil).want(t, 401, "Unauthorized", "")
}

func TestSignInRefused(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	for code, form := range map[string]url.Values{
		"AADSTS7000215": {"client_id": {app}, "client_secret": {"wrong"}},
		"AADSTS7000218": {"client_id": {app}},
		"AADSTS700016":  {"client_id": {"nobody"}, "client_secret": {"hush"}},
		"AADSTS50027":   {"client_id": {app}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {"x"}},
		"AADSTS1002012": {"client_id": {app}, "client_secret": {"hush"}, "scope": {"openid"}},
		"AADSTS70003":   {"grant_type": {"password"}},
	} {
		if form.Get("grant_type") == "" {
			form.Set("grant_type", "client_credentials")
		}
		response, err := w.client.PostForm("https://login.microsoftonline.com/"+tenant+"/oauth2/v2.0/token", form)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode < 400 || !strings.Contains(string(body), code) {
			t.Errorf("%v: %d %s, want %s", form, response.StatusCode, body, code)
		}
	}
}

// TestRoles: each operation needs its own data action, which the refusal names.
func TestRoles(t *testing.T) {
	w := newWorld(t, azuretest.Config{}, azuretest.SecretsWriter...)
	w.ask(t, http.MethodPut, "/secrets/a", value("v")).want(t, 200, "", "")
	for request, action := range map[string]string{
		"GET /secrets/a":                 "secrets/getSecret/action",
		"GET /secrets":                   "secrets/readMetadata/action",
		"GET /secrets/a/versions":        "secrets/readMetadata/action",
		"PATCH /secrets/a":               "secrets/update/action",
		"DELETE /secrets/a":              "secrets/delete",
		"GET /deletedsecrets":            "secrets/readMetadata/action",
		"POST /deletedsecrets/a/recover": "secrets/recover/action",
		"DELETE /deletedsecrets/a":       "secrets/purge/action",
		"GET /certificates":              "certificates/read",
		"POST /certificates/a/import":    "certificates/import/action",
		"POST /certificates/a/create":    "certificates/create/action",
		"DELETE /certificates/a":         "certificates/delete",
	} {
		method, path, _ := strings.Cut(request, " ")
		got := w.ask(t, method, path, map[string]any{})
		got.want(t, 403, "Forbidden", "ForbiddenByRbac")
		if !strings.Contains(got.Error.Message, "Action: 'Microsoft.KeyVault/vaults/"+action+"'") {
			t.Errorf("%s: %q", request, got.Error.Message)
		}
	}
	w.AddApp(azuretest.App{ClientID: app, Tenants: []string{tenant}, Grants: []azuretest.Grant{
		{Actions: azuretest.SecretsWriter, NamePrefix: "agent-a-"},
		{Actions: azuretest.SecretsUser, Scope: "/subscriptions/" + subscription + "/resourceGroups/other"},
	}})
	w.ask(t, http.MethodPut, "/secrets/agent-a-1", value("v")).want(t, 200, "", "")
	w.ask(t, http.MethodPut, "/secrets/agent-b-1", value("v")).want(t, 403, "Forbidden", "ForbiddenByRbac")
	w.ask(t, http.MethodPut, "/secrets/Agent-a-1", value("v")).want(t, 403, "Forbidden", "ForbiddenByRbac")
	w.ask(t, http.MethodGet, "/secrets/agent-a-1", nil).want(t, 403, "Forbidden", "ForbiddenByRbac")
}

// TestThrottle: the 301st write within ten seconds is refused, imports count along, and
// reads do not.
func TestThrottle(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	for range 300 {
		if got := w.ask(t, http.MethodPut, "/secrets/a", value("v")); got.status != 200 {
			t.Fatalf("answer %d", got.status)
		}
		w.now = w.now.Add(10 * time.Millisecond)
	}
	got := w.ask(t, http.MethodPut, "/secrets/a", value("v"))
	got.want(t, 429, "Throttled", "")
	if got.header.Get("Retry-After") != "7" {
		t.Errorf("Retry-After is %q", got.header.Get("Retry-After"))
	}
	w.ask(t, http.MethodPost, "/certificates/a/import", map[string]any{}).want(t, 429, "Throttled", "")
	w.ask(t, http.MethodGet, "/secrets/a", nil).want(t, 200, "", "")
	w.now = w.now.Add(7 * time.Second)
	w.ask(t, http.MethodPut, "/secrets/a", value("v")).want(t, 200, "", "")
}

// TestSoftDelete: a name cannot be used while it is deleted, and for some seconds after
// it was deleted, recovered and purged.
func TestSoftDelete(t *testing.T) {
	w := newWorld(t, azuretest.Config{Settle: 3 * time.Second})
	put := func(status int, inner string) {
		t.Helper()
		code := ""
		if status == 409 {
			code = "Conflict"
		}
		w.ask(t, http.MethodPut, "/secrets/a", value("v")).want(t, status, code, inner)
	}
	put(200, "")
	w.ask(t, http.MethodDelete, "/secrets/a", nil).want(t, 200, "", "")
	w.ask(t, http.MethodGet, "/secrets/a", nil).want(t, 404, "SecretNotFound", "")
	w.ask(t, http.MethodGet, "/deletedsecrets/a", nil).want(t, 404, "SecretNotFound", "")
	put(409, "ObjectIsBeingDeleted")
	w.now = w.now.Add(3 * time.Second)
	put(409, "ObjectIsDeletedButRecoverable")
	w.ask(t, http.MethodGet, "/deletedsecrets/a", nil).want(t, 200, "", "")
	w.ask(t, http.MethodPost, "/deletedsecrets/a/recover", nil).want(t, 200, "", "")
	put(409, "ObjectIsBeingRecovered")
	w.now = w.now.Add(3 * time.Second)
	put(200, "")
	w.ask(t, http.MethodDelete, "/secrets/a", nil)
	w.now = w.now.Add(3 * time.Second)
	w.ask(t, http.MethodDelete, "/deletedsecrets/a", nil).want(t, 204, "", "")
	w.ask(t, http.MethodGet, "/deletedsecrets/a", nil).want(t, 404, "SecretNotFound", "")
	put(409, "ObjectIsBeingDeleted")
	w.now = w.now.Add(3 * time.Second)
	put(200, "")
	if got := len(w.Versions("relay", "a")); got != 1 {
		t.Errorf("%d versions are left after a purge", got)
	}
	w.ChangeVault("relay", func(v *azuretest.Vault) { v.PurgeProtection = true })
	w.ask(t, http.MethodDelete, "/secrets/a", nil)
	w.now = w.now.Add(3 * time.Second)
	w.ask(t, http.MethodDelete, "/deletedsecrets/a", nil).want(t, 403, "Forbidden", "")
}

// TestStates: a disabled secret is not read, a vault that is read-only or behind a
// firewall says so.
func TestStates(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	w.ask(t, http.MethodPut, "/secrets/a", value("v"))
	w.ask(t, http.MethodPatch, "/secrets/a", map[string]any{"attributes": map[string]any{"enabled": false}}).want(t, 200, "", "")
	w.ask(t, http.MethodGet, "/secrets/a", nil).want(t, 403, "Forbidden", "SecretDisabled")
	w.ChangeVault("relay", func(v *azuretest.Vault) { v.ReadOnly = true })
	w.ask(t, http.MethodPut, "/secrets/a", value("v")).want(t, 503, "ServiceUnavailable", "")
	w.ask(t, http.MethodGet, "/secrets", nil).want(t, 200, "", "")
	w.ChangeVault("relay", func(v *azuretest.Vault) { v.Firewall = true })
	w.ask(t, http.MethodGet, "/secrets", nil).want(t, 403, "Forbidden", "ForbiddenByFirewall")
	w.ask(t, http.MethodGet, "/secrets?api-version=", nil).want(t, 403, "Forbidden", "ForbiddenByFirewall")
	w.ask(t, http.MethodGet, "/keys", nil)
	w.ChangeVault("relay", func(v *azuretest.Vault) { v.Firewall, v.ReadOnly = false, false })
	w.ask(t, http.MethodGet, "/secrets?api-version=", nil).want(t, 400, "BadParameter", "")
	w.ask(t, http.MethodGet, "/keys", nil).want(t, 501, "NotImplemented", "")
}

// TestPages: a list comes in pages, of which one may be empty.
func TestPages(t *testing.T) {
	w := newWorld(t, azuretest.Config{PageSize: 3, Settle: time.Nanosecond})
	for i := range 10 {
		w.ask(t, http.MethodPut, fmt.Sprintf("/secrets/s%d", i), value("v"))
	}
	for i := range 3 {
		w.ask(t, http.MethodDelete, fmt.Sprintf("/secrets/s%d", i), nil)
	}
	var names []string
	pages, next := 0, "https://relay.vault.azure.net/secrets?api-version=2026-02-01"
	for ; next != ""; pages++ {
		got := w.send(t, http.MethodGet, next, nil)
		var values []struct{ ID string }
		if err := json.Unmarshal(got.Value, &values); err != nil {
			t.Fatal(err)
		}
		for _, v := range values {
			names = append(names, v.ID[strings.LastIndex(v.ID, "/")+1:])
		}
		next = got.NextLink
	}
	if want := "s3 s4 s5 s6 s7 s8 s9"; strings.Join(names, " ") != want || pages != 4 {
		t.Errorf("%d pages have %v, want %s", pages, names, want)
	}
}

// TestCertificates: import, the secret that goes with it, policy, and a request that
// another authority signs.
func TestCertificates(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	pair, err := keys.New("ec-p384", keys.NewOptions{})
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := keys.SelfSigned(pair.Keys[0], "web", w.now.Add(-time.Hour), w.now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	pem := string(pair.Private) + string(certificate)
	w.ask(t, http.MethodPost, "/certificates/web/import", map[string]any{"value": pem, "policy": map[string]any{"key_props": map[string]any{"kty": "EC"}}}).want(t, 400, "BadParameter", "")
	w.ask(t, http.MethodPost, "/certificates/web/import", map[string]any{"value": string(certificate)}).want(t, 400, "BadParameter", "")
	w.ask(t, http.MethodPost, "/certificates/web/import", map[string]any{"value": "%"}).want(t, 400, "BadParameter", "")
	w.ask(t, http.MethodPost, "/certificates/web/import", map[string]any{"value": pem, "policy": map[string]any{
		"key_props": map[string]any{"kty": "EC", "crv": "P-384", "exportable": false}, "secret_props": map[string]any{"contentType": "application/x-pem-file"},
	}}).want(t, 200, "", "")
	got := w.Certificates("relay")["web"]
	if got.Curve != "P-384" || got.Exportable || got.ContentType != "application/x-pem-file" || got.Certificate.Subject.CommonName != "web" {
		t.Errorf("it is %+v", got)
	}
	if s := w.Secrets("relay")["web"]; s.ContentType != "application/x-pem-file" {
		t.Errorf("its secret is %+v", s)
	}
	w.ask(t, http.MethodPut, "/secrets/web", value("v")).want(t, 403, "Forbidden", "")
	w.ask(t, http.MethodDelete, "/secrets/web", nil).want(t, 403, "Forbidden", "")

	policy := map[string]any{"policy": map[string]any{
		"key_props": map[string]any{"kty": "RSA", "key_size": 2048}, "issuer": map[string]any{"name": "Unknown"}, "x509_props": map[string]any{"subject": "CN=web"},
	}}
	w.ask(t, http.MethodGet, "/certificates/web/pending", nil).want(t, 404, "PendingCertificateNotFound", "")
	w.ask(t, http.MethodPost, "/certificates/web/create", policy).want(t, 202, "", "")
	w.ask(t, http.MethodPost, "/certificates/web/create", policy).want(t, 409, "Conflict", "")
	w.ask(t, http.MethodPost, "/certificates/web/pending/merge", map[string]any{"x5c": [][]byte{got.Certificate.Raw}}).want(t, 400, "BadParameter", "")
	w.ask(t, http.MethodDelete, "/certificates/web/pending", nil).want(t, 200, "", "")
	w.ask(t, http.MethodDelete, "/certificates/web", nil).want(t, 200, "", "")
	if len(w.Secrets("relay")) != 0 {
		t.Error("its secret is still there")
	}
}

// TestResourceManager: subscriptions of the token's tenant, vaults of those that may be
// read, and what a vault must have.
func TestResourceManager(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	w.AddSubscription(azuretest.Subscription{ID: "denied", Tenant: tenant, Denied: true})
	w.AddSubscription(azuretest.Subscription{ID: "theirs", Tenant: otherTenant})
	w.token = w.sign(t, tenant, "https://management.azure.com")
	const base = "https://management.azure.com/subscriptions"
	if got := w.send(t, http.MethodGet, base, nil); got.status != 200 || strings.Contains(string(got.body), "theirs") || !strings.Contains(string(got.body), "denied") {
		t.Errorf("subscriptions: %d %s", got.status, got.body)
	}
	vaults := "/providers/Microsoft.KeyVault/vaults"
	w.send(t, http.MethodGet, base+"/denied"+vaults, nil).want(t, 403, "AuthorizationFailed", "")
	w.send(t, http.MethodGet, base+"/theirs"+vaults, nil).want(t, 404, "SubscriptionNotFound", "")
	if got := w.send(t, http.MethodGet, base+"/"+subscription+vaults, nil); !strings.Contains(string(got.body), `"name":"relay"`) {
		t.Errorf("vaults: %d %s", got.status, got.body)
	}
	w.send(t, http.MethodGet, base+"/"+subscription+vaults+"?api-version=2015-01-01", nil).want(t, 400, "NoRegisteredProviderFound", "")
	whole := func() map[string]any {
		return map[string]any{"location": "westeurope", "properties": map[string]any{
			"tenantId": tenant, "sku": map[string]any{"family": "A", "name": "standard"}, "enableRbacAuthorization": true, "softDeleteRetentionInDays": 7,
		}}
	}
	group := base + "/" + subscription + "/resourceGroups/rg" + vaults
	for name, test := range map[string]struct {
		address string
		change  func(map[string]any)
		status  int
	}{
		"no location":   {group + "/new", func(b map[string]any) { delete(b, "location") }, 400},
		"a bad name":    {group + "/n--w", func(map[string]any) {}, 400},
		"retention":     {group + "/new", func(b map[string]any) { b["properties"].(map[string]any)["softDeleteRetentionInDays"] = 6 }, 400},
		"no group":      {base + "/" + subscription + "/resourceGroups/none" + vaults + "/new", func(map[string]any) {}, 404},
		"name is taken": {strings.Replace(group, "/rg/", "/RG2/", 1) + "/relay", func(map[string]any) {}, 409},
		"a whole one":   {group + "/new", func(map[string]any) {}, 201},
	} {
		w.AddResourceGroup(subscription, "RG2", "westeurope")
		body := whole()
		test.change(body)
		if got := w.send(t, http.MethodPut, test.address, body); got.status != test.status {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if properties, ok := w.VaultProperties("new"); !ok || properties["enableRbacAuthorization"] != true {
		t.Errorf("properties are %v", properties)
	}
}

// TestProxy: a program that knows the proxy and the authority gets there, and nothing
// else does.
func TestProxy(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	proxy, err := url.Parse(w.Proxy())
	if err != nil {
		t.Fatal(err)
	}
	through := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	defer through.CloseIdleConnections()
	if _, err := through.Get("https://relay.vault.azure.net/secrets"); err == nil {
		t.Error("the authority is trusted by everybody")
	}
	response, err := through.Get("http://169.254.169.254/metadata/identity/oauth2/token?resource=x")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != 400 {
		t.Errorf("without its header the metadata service answers %d", response.StatusCode)
	}
	if file := t.TempDir() + "/ca.pem"; os.WriteFile(file, w.CA(), 0o600) != nil {
		t.Error("the authority cannot be written")
	}
}
