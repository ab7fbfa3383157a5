package app

import (
	"net/http"
	"strings"
	"testing"
)

// The admin API follows a reload: who has no token any more is refused, and who has
// a new one gets in; and it shows what was received.
func TestAdminTokens(t *testing.T) {
	text := strings.Replace(base, `admin: {listen: "127.0.0.1:0"}`, `admin: {listen: "127.0.0.1:0", tokens: {on-call: {file: on-call.token, role: operator}}}`, 1)
	if text == base {
		t.Fatal("the configuration has no admin listener")
	}
	dir := folder(t)
	write(t, dir, "on-call.token", []byte("first-token-of-enough-length\n"))
	r := runIn(t, dir, text)
	if status, _ := r.post(t, "prod/db", "v4lue"); status != http.StatusAccepted {
		t.Fatalf("hook: %d", status)
	}
	until(t, "the delivery is shown as delivered", func() bool {
		_, body := r.ask(t, "first-token-of-enough-length", http.MethodGet, "/v1/deliveries/web/folder/prod/db")
		return strings.Contains(body, `"state":"delivered"`)
	})
	if status, body := r.ask(t, "first-token-of-enough-length", http.MethodPost, "/v1/agents/wbe/quarantine"); status != http.StatusNotFound || !strings.Contains(body, `no agent \"wbe\"`) {
		t.Errorf("quarantine of a stranger: %d %s", status, body)
	}
	if status, body := r.ask(t, "first-token-of-enough-length", http.MethodGet, "/v1/agents"); status != http.StatusOK || !strings.Contains(body, `"owner":"agent/web"`) {
		t.Errorf("agents: %d %s", status, body)
	}

	write(t, dir, "on-call.token", []byte("second-token-of-enough-length\n"))
	if err := r.Reload(parse(t, text, dir)); err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]int{"first-token-of-enough-length": http.StatusUnauthorized, "second-token-of-enough-length": http.StatusOK} {
		if status, _ := r.ask(t, token, http.MethodGet, "/v1/audit"); status != want {
			t.Errorf("%s: %d, want %d", token, status, want)
		}
	}
	write(t, dir, "on-call.token", []byte("short\n"))
	if err := r.Reload(parse(t, text, dir)); err == nil || !strings.Contains(err.Error(), "admin: tokens: on-call") || strings.Contains(err.Error(), "short\n") {
		t.Errorf("a short token: %v", err)
	}
}
