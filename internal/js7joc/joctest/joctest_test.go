package joctest_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/internal/js7joc/joctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const resource = "/folder/web"

// caller is a client that says whatever it likes.
type caller struct {
	*joctest.Server
	t     *testing.T
	token string
}

func newCaller(t *testing.T) *caller {
	t.Helper()
	s := joctest.New("relay", "pw", "c1", "c2")
	t.Cleanup(s.Close)
	s.Put(resource, `{"TYPE":"JobResource","arguments":{"a":"\"x\""}}`)
	c := &caller{Server: s, t: t}
	_, answer := c.login("relay", "pw")
	c.token, _ = answer["accessToken"].(string)
	if c.token == "" {
		t.Fatalf("no token: %v", answer)
	}
	return c
}

func (c *caller) login(user, password string) (int, map[string]any) {
	c.t.Helper()
	return c.send("authentication/login", "", func(r *http.Request) { r.SetBasicAuth(user, password) })
}

func (c *caller) call(path, body string) (int, map[string]any) {
	c.t.Helper()
	return c.send(path, body, func(r *http.Request) { r.Header.Set("X-Access-Token", c.token) })
}

func (c *caller) send(path, body string, change func(*http.Request)) (int, map[string]any) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.URL+"/joc/api/"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	change(r)
	response, err := c.Client().Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	var answer map[string]any
	if err := json.Unmarshal(data, &answer); err != nil {
		c.t.Fatalf("%s: %v", data, err)
	}
	return response.StatusCode, answer
}

// code is the error's, with status 420.
func code(status int, answer map[string]any) string {
	said, _ := answer["error"].(map[string]any)
	if status != 420 || said == nil {
		return ""
	}
	text, _ := said["code"].(string)
	return text
}

const (
	read    = "inventory/read/configuration"
	store   = "inventory/store"
	deploy  = "inventory/deployment/deploy"
	history = "inventory/deployment/history"
)

func storing(path, argument string) string {
	return `{"path":"` + path + `","objectType":"JOBRESOURCE","valid":true,"configuration":{"TYPE":"JobResource","arguments":{"a":` + argument + `}}}`
}

func deploying(path, controller string) string {
	return `{"controllerIds":["` + controller + `"],"store":{"draftConfigurations":[{"configuration":{"path":"` + path + `","objectType":"JOBRESOURCE","recursive":false}}]}}`
}

func TestRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, path, body string
		set              func(*joctest.Knobs)
		code             string
	}{
		{"unknown member", read, `{"path":"` + resource + `","objectType":"JOBRESOURCE","folder":"/"}`, nil, "JOC-400"},
		{"no type", read, `{"path":"` + resource + `"}`, nil, "JOC-400"},
		{"no JSON", read, `path`, nil, "JOC-400"},
		{"not there", read, `{"path":"/folder/none","objectType":"JOBRESOURCE"}`, nil, "JOC-408"},
		{"folder not permitted", read, `{"path":"` + resource + `","objectType":"JOBRESOURCE"}`, func(k *joctest.Knobs) { k.Folders = []string{"/other"} }, "JOC-419"},
		{"bare name stored", store, storing("web", `"'x'"`), nil, "JOC-400"},
		{"name taken", store, storing("/other/web", `"'x'"`), nil, "JOC-171"},
		{"comment forced", store, storing(resource, `"'x'"`), func(k *joctest.Knobs) { k.ForceComment = true }, "JOC-300"},
		{"long comment", store, strings.Replace(storing(resource, `"'x'"`), "{", `{"auditLog":{"comment":"`+strings.Repeat("x", 256)+`"},`, 1), nil, "JOC-400"},
		{"deploy as the published example has it", deploy, `{"controllerIds":[{"controllerId":"c1"}],"store":{"draftConfiguration":[]}}`, nil, "JOC-400"},
		{"security level high", deploy, deploying(resource, "c1"), func(k *joctest.Knobs) { k.High = true }, "JOC-004"},
		{"history of no controller", history, `{"compactFilter":{}}`, nil, "JOC-400"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newCaller(t)
			before := c.Configuration(resource)
			if tc.set != nil {
				c.Set(tc.set)
			}
			if status, answer := c.call(tc.path, tc.body); code(status, answer) != tc.code {
				t.Errorf("%d %v, want %s", status, answer, tc.code)
			}
			if c.Configuration(resource) != before {
				t.Error("a refused call changed the Job Resource")
			}
		})
	}
}

func TestSessions(t *testing.T) {
	c := newCaller(t)
	asked := `{"path":"` + resource + `","objectType":"JOBRESOURCE"}`
	if status, _ := c.login("relay", "wrong"); status != 401 {
		t.Errorf("a wrong password gives %d", status)
	}
	if status, _ := c.send("authentication/login", "", func(*http.Request) {}); status != 420 {
		t.Errorf("a login without an account gives %d", status)
	}
	if status, _ := c.send(read, asked, func(*http.Request) {}); status != 440 {
		t.Errorf("a call without a session gives %d", status)
	}
	if status, _ := c.send(read, asked, func(r *http.Request) { r.Header.Del("Accept"); r.Header.Set("X-Access-Token", c.token) }); status != 415 {
		t.Errorf("a call without Accept gives %d", status)
	}
	if status, _ := c.call(read, asked); status != 200 {
		t.Errorf("a call gives %d", status)
	}
	c.EndSessions()
	if status, _ := c.call(read, asked); status != 440 {
		t.Errorf("after a restart a call gives %d", status)
	}
	c.Set(func(k *joctest.Knobs) { k.SecondFactor = true })
	if status, answer := c.login("relay", "pw"); status != 200 || answer["accessToken"] != "" || answer["isAuthenticated"] != true {
		t.Errorf("with a second factor: %d %v", status, answer)
	}
}

// What is stored and is no expression is stored, called invalid, and dropped by the
// deployment without a word; so is what an unknown controller is to get.
func TestDropsWithoutAWord(t *testing.T) {
	for argument, valid := range map[string]bool{
		`"enc:A B C"`: false, `"\"open"`: false, `"\"a\\tb\""`: false, `"\"$x"`: false, `"'a'"`: true, `"\"a\""`: true, `"$x"`: true,
	} {
		c := newCaller(t)
		status, answer := c.call(store, storing(resource, argument))
		if status != 200 || answer["valid"] != valid || answer["deployed"] != false {
			t.Errorf("%s: %d %v", argument, status, answer)
		}
		if status, _ := c.call(deploy, deploying(resource, "c1")); status != 200 {
			t.Errorf("%s: deployed with %d", argument, status)
		}
		if valid {
			c.settled()
		}
		if there := c.Arguments(resource, "c1")["a"] != `"x"`; there != valid {
			t.Errorf("%s: on the controller: %t", argument, there)
		}
	}
	c := newCaller(t)
	c.call(store, storing(resource, `"'new'"`))
	if status, _ := c.call(deploy, deploying(resource, "c9")); status != 200 {
		t.Errorf("an unknown controller gives %d", status)
	}
	if got := c.Arguments(resource, "c1")["a"]; got != `"x"` {
		t.Errorf("c1 has %s", got)
	}
}

// settled waits until c1 has the draft.
func (c *caller) settled() {
	c.t.Helper()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		_, answer := c.call(read, `{"path":"`+resource+`","objectType":"JOBRESOURCE","controllerId":"c1"}`)
		if sync, _ := answer["syncState"].(map[string]any); sync["_text"] == "IN_SYNC" {
			return
		}
		select {
		case <-look.C:
		case <-c.t.Context().Done():
			c.t.Fatal("c1 never has the draft")
		}
	}
}

// A deployment calls itself done before any controller has it.
func TestDeployedBeforeItIs(t *testing.T) {
	c := newCaller(t)
	c.Set(func(k *joctest.Knobs) { k.Delay = 100 * time.Millisecond })
	c.call(store, storing(resource, `"'new'"`))
	c.call(deploy, deploying(resource, "c1"))
	_, answer := c.call(read, `{"path":"`+resource+`","objectType":"JOBRESOURCE","controllerId":"c1"}`)
	sync, _ := answer["syncState"].(map[string]any)
	if answer["deployed"] != true || sync["_text"] != "NOT_IN_SYNC" {
		t.Errorf("%v", answer)
	}
	c.settled()
	if _, answer := c.call(history, `{"compactFilter":{"controllerId":"c1","folder":"/folder","deployType":"JOBRESOURCE","from":"-10m"}}`); len(answer["depHistory"].([]any)) != 1 {
		t.Errorf("history %v", answer)
	}
}

// What the JOC Cockpit does with encipherment certificates: one block each, a Job
// Resource of the alias's name, and a filter by alias that has no effect.
func TestEncipherment(t *testing.T) {
	c := newCaller(t)
	const pem = `-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`
	c.Put("/else/mine", `{"TYPE":"JobResource","arguments":{"kept":"'x'"}}`)
	store := func(text string) string {
		return `{"certAlias":"mine","certificate":"` + text + `","jobResourceFolder":"/keys","privateKeyPath":"/k"}`
	}
	for name, body := range map[string]string{"two blocks": store(pem + pem), "none": store("x"), "no folder": `{"certAlias":"mine","certificate":"` + pem + `"}`} {
		if status, _ := c.call("encipherment/certificate/store", body); status != 420 {
			t.Errorf("%s gives %d", name, status)
		}
	}
	if !c.Exists("/else/mine") {
		t.Error("a refused call moved the Job Resource")
	}
	if status, _ := c.call("encipherment/certificate/store", store(pem)); status != 200 || c.Exists("/else/mine") || !c.Exists("/keys/mine") {
		t.Errorf("stored with %d", status)
	}
	for _, want := range []string{`"kept"`, `"encipherment_certificate"`, `"encipherment_private_key_path"`, `"ENCIPHERMENT_CERTIFICATE"`} {
		if !strings.Contains(c.Configuration("/keys/mine"), want) {
			t.Errorf("the Job Resource has no %s", want)
		}
	}
	c.PutCertificate("other", "x", "agent-2")
	for range 2 {
		if status, _ := c.call("encipherment/assignment/add", `{"certAlias":"mine","agentId":"agent-1"}`); status != 200 {
			t.Errorf("assigned with %d", status)
		}
	}
	for body, mappings := range map[string]int{`{"agentIds":[]}`: 2, `{"agentIds":["agent-1"]}`: 1, `{"certAliases":["mine"]}`: 2} {
		status, answer := c.call("encipherment/assignment", body)
		got, _ := answer["mappings"].([]any)
		if status != 200 || len(got) != mappings {
			t.Errorf("%s gives %d %v", body, status, answer)
		}
	}
	for _, body := range []string{`{}`, `{"agentIds":[],"certAliases":[]}`} {
		if status, _ := c.call("encipherment/assignment", body); status != 420 {
			t.Errorf("%s gives %d", body, status)
		}
	}
	for _, call := range []string{"encipherment/assignment/remove", "encipherment/certificate/delete"} {
		body := `{"certAlias":"mine","agentId":"agent-1"}`
		if strings.HasSuffix(call, "delete") {
			body = `{"certAlias":"mine"}`
		}
		if status, _ := c.call(call, body); status != 200 {
			t.Errorf("%s gives %d", call, status)
		}
	}
	if _, _, ok := c.Encipherment("mine"); ok || !c.Exists("/keys/mine") {
		t.Error("the certificate is there, or its Job Resource is not")
	}
	c.Set(func(k *joctest.Knobs) { k.NoCertificates = true })
	if status, _ := c.call("encipherment/certificate", `{}`); status != 403 {
		t.Errorf("without permission it gives %d", status)
	}
}
