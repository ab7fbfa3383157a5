package app

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

const operatorToken = "operator-token-of-enough-length"

// act sends an action to the admin listener.
func (r *running) act(t *testing.T, path string, body map[string]any) (status int, answer string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.AdminAddress()+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+operatorToken)
	response, err := r.client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(data)
}

// TestStoreChangeCounts: the answer to a change means that what is sealed next is sealed
// to the certificate that is in the store then, however seldom it is looked at.
func TestStoreChangeCounts(t *testing.T) {
	dir := folder(t)
	write(t, dir, "operator.token", []byte(operatorToken+"\n"))
	text := strings.NewReplacer(
		`admin: {listen: "127.0.0.1:0"}`, `admin: {listen: "127.0.0.1:0", tokens: {on-call: {file: operator.token, role: operator}}}`,
		"main: {file: web.pub}", "main: {store: kept, alias: web.pem}",
		"sources:\n", "stores: {kept: {directory: {dir: kept}, every: 24h}}\nsources:\n",
	).Replace(base)
	before, after := storetest.NewPair(t, "rsa-2048", "web"), storetest.NewPair(t, "rsa-2048", "web")
	write(t, dir, "kept/web.pem", before.Certificates)
	r := runIn(t, dir, text)

	private, err := keys.MarshalPrivate(after.Private, nil)
	if err != nil {
		t.Fatal(err)
	}
	add := map[string]any{"alias": "web.pem", "data": base64.StdEncoding.EncodeToString(append(private, after.Certificates...)), "overwrite": true}
	if status, answer := r.act(t, "/v1/stores/kept/entries", add); status != http.StatusOK || !strings.Contains(answer, `"did":"replaced"`) {
		t.Fatalf("%d %s", status, answer)
	}
	if status, _ := r.post(t, "prod/db", "tiger"); status != http.StatusAccepted {
		t.Fatalf("the hook is answered with %d", status)
	}
	public, err := keys.ParsePublic(after.Certificates)
	if err != nil {
		t.Fatal(err)
	}
	if _, body := r.ask(t, operatorToken, http.MethodGet, "/v1/deliveries/web/folder/prod/db"); !strings.Contains(body, `"key_id":"`+public.ID()+`"`) {
		t.Errorf("sealed was to another key than %s: %s", public.ID(), body)
	}
	if _, rows := r.ask(t, operatorToken, http.MethodGet, "/v1/audit"); !strings.Contains(rows, `"kind":"store.added","actor":"token/on-call","store":"kept","alias":"web.pem"`) {
		t.Errorf("the audit log is %s", rows)
	}

	// What is taken out stays in use until there is another one: a mistake must not keep
	// secrets from an agent.
	if status, answer := r.act(t, "/v1/stores/kept/entries/remove", map[string]any{"alias": "web.pem"}); status != http.StatusOK {
		t.Fatalf("%d %s", status, answer)
	}
	if !strings.Contains(r.log.String(), "has vanished from its store") {
		t.Errorf("the removal was not noticed at once:\n%s", r.log)
	}
	if status, _ := r.post(t, "prod/db", "lion"); status != http.StatusAccepted {
		t.Errorf("after the removal the hook is answered with %d", status)
	}
	r.nowhere(t, string(private[len(private)/2:len(private)/2+40]))
}

// nowhere looks for a text in the log and in all files of the service.
func (r *running) nowhere(t *testing.T, text string) {
	t.Helper()
	if strings.Contains(r.log.String(), text) {
		t.Error("it is in the log")
	}
	files := 0
	err := filepath.WalkDir(r.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err == nil && bytes.Contains(data, []byte(text)) {
			t.Errorf("it is in %s", path)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}
