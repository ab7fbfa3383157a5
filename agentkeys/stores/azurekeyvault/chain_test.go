package azurekeyvault_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/azuretest"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// readsSecrets gives the account the role that reads secrets too.
func (w *world) readsSecrets() {
	w.AddApp(azuretest.App{
		ClientID: client, Tenants: []string{tenant}, Secrets: []string{"hush"},
		Grants: []azuretest.Grant{{Actions: azuretest.CertificatesOfficer}, {Actions: azuretest.SecretsUser}},
	})
}

// secretsRead returns what tells the names of the secrets that were asked for.
func (w *world) secretsRead() func() []string {
	var mu sync.Mutex
	names := map[string]bool{}
	f := func(r *http.Request) *http.Response {
		if parts := strings.Split(r.URL.Path, "/"); len(parts) > 2 && parts[1] == "secrets" {
			mu.Lock()
			names[parts[2]] = true
			mu.Unlock()
		}
		return nil
	}
	w.fault.Store(&f)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		var out []string
		for name := range names {
			out = append(out, name)
		}
		slices.Sort(out)
		return out
	}
}

// answersSecrets answers in the vault's place when a secret is asked for.
func (w *world) answersSecrets(body io.Reader) {
	f := func(r *http.Request) *http.Response {
		// The vault asks who it is first.
		if !strings.HasPrefix(r.URL.Path, "/secrets/") || r.Header.Get("Authorization") == "" {
			return nil
		}
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body), Request: r}
	}
	w.fault.Store(&f)
}

func sameChain(t *testing.T, name string, got stores.Entry, certificates []byte) {
	t.Helper()
	want, err := keys.ParsePublic(certificates)
	if err != nil {
		t.Fatal(err)
	}
	if len(want.Intermediates) == 0 || !stores.SameChain(got.Key, want) || got.Problem != nil || got.Incomplete != nil {
		t.Errorf("%s is %+v, with %+v", name, got, got.Key)
	}
}

// TestChain: an inventory that is told to has the chains, and reads no secret that it
// need not read.
func TestChain(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	w.readsSecrets()
	s := w.open(t, azurekeyvault.Config{Chain: true})
	pfx := storetest.NewPair(t, "rsa-2048", "pfx")
	add(t, s, pfx.Addition("pfx"), stores.DidAdd)
	inPEM := w.importPEM(t, "pem")
	kept := storetest.NewPair(t, "ec-p256", "kept").Addition("kept")
	kept.NotExportable = true
	add(t, s, kept, stores.DidAdd)
	add(t, s, storetest.NewPair(t, "ec-p256", "off").Addition("off"), stores.DidAdd)
	w.disable(t, "off")
	alone := storetest.NewPair(t, "ec-p256", "self").Addition("self")
	var err error
	if alone.Certificates, err = keys.SelfSigned(alone.Private, "self", time.Now(), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	add(t, s, alone, stores.DidAdd)
	if _, _, err := s.Request(t.Context(), stores.Enrolment{Alias: "asked", Kind: "ec-p256", Template: keys.Template{Subject: keys.CommonName("asked")}}); err != nil {
		t.Fatal(err)
	}

	read := w.secretsRead()
	got := storetest.All(t, s)
	if len(got) != 6 {
		t.Errorf("there are %d", len(got))
	}
	sameChain(t, "pfx", got["pfx"], pfx.Certificates)
	sameChain(t, "pem", got["pem"], inPEM.Certificates)
	for _, name := range []string{"kept", "off", "self"} {
		if e := got[name]; e.Problem != nil || e.Incomplete != nil || e.Key == nil || len(e.Key.Intermediates) != 0 {
			t.Errorf("%s is %+v", name, e)
		}
	}
	if names := read(); !slices.Equal(names, []string{"pem", "pfx"}) {
		t.Errorf("the secrets %q were read", names)
	}
	// Nor is one read without the setting, or for a single certificate.
	read = w.secretsRead()
	if e := storetest.All(t, w.open(t, azurekeyvault.Config{}))["pfx"]; e.Incomplete != nil || len(e.Key.Intermediates) != 0 {
		t.Errorf("without the setting it is %+v", e)
	}
	if e, err := s.Lookup(t.Context(), "pfx"); err != nil || len(e.Key.Intermediates) != 0 {
		t.Errorf("by itself it is %+v, %v", e, err)
	}
	if names := read(); len(names) != 0 {
		t.Errorf("the secrets %q were read", names)
	}
}

// TestChainUnknown: a certificate whose secret cannot be read is listed with its leaf
// and the reason, which repeats nothing of the secret.
func TestChainUnknown(t *testing.T) {
	w := newWorld(t, azuretest.Config{})
	s := w.open(t, azurekeyvault.Config{Chain: true})
	pair := storetest.NewPair(t, "ec-p256", "web")
	add(t, s, pair.Addition("web"), stores.DidAdd)
	unknown := func(name string, class error, text string) {
		t.Helper()
		e := storetest.All(t, s)["web"]
		if e.Problem != nil || e.Key == nil || e.Key.Certificate == nil || len(e.Key.Intermediates) != 0 || !errors.Is(e.Incomplete, class) || !strings.Contains(e.Incomplete.Error(), text) {
			t.Errorf("%s: it is %+v", name, e)
		}
		if e.Incomplete != nil && strings.Contains(e.Incomplete.Error(), "hunter") {
			t.Errorf("%s: the reason is %v", name, e.Incomplete)
		}
	}
	unknown("without the role", stores.ErrDenied, "Microsoft.KeyVault/vaults/secrets/getSecret/action")
	w.readsSecrets()
	w.fails(http.MethodGet, "/secrets/", http.StatusTeapot)
	if e := storetest.All(t, s)["web"]; e.Incomplete == nil || e.Problem != nil {
		t.Errorf("refused: it is %+v", e)
	}
	w.fails(http.MethodGet, "/secrets/", http.StatusNotFound)
	unknown("without a secret", stores.ErrNotFound, "")
	for name, body := range map[string]string{
		"nothing":            "",
		"garbage":            "hunter",
		"no value":           `{"contentType":"application/x-pem-file"}`,
		"a number":           `{"value":42}`,
		"a password":         `{"value":"hunter2-tiger","contentType":"text/plain"}`,
		"no certificate":     `{"value":"hunter2-tiger","contentType":"application/x-pem-file"}`,
		"PKCS#12 in no form": `{"value":"` + base64.StdEncoding.EncodeToString([]byte("hunter2")) + `","contentType":"application/x-pkcs12"}`,
		"another's":          answer(t, "application/x-pem-file", string(storetest.NewPair(t, "ec-p256", "other").Certificates)),
	} {
		w.answersSecrets(strings.NewReader(body))
		unknown(name, stores.ErrUnreadable, "")
	}
	w.answersSecrets(endless{})
	unknown("without end", stores.ErrUnreadable, "larger than the limit")
}

// endless is an answer that does not end.
type endless struct{}

// Read implements io.Reader.
func (endless) Read(p []byte) (int, error) { return len(p), nil }

// answer is a vault's with a secret.
func answer(t *testing.T, contentType, value string) string {
	t.Helper()
	data, err := json.Marshal(map[string]string{"value": value, "contentType": contentType})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestChainOfOpenSSL: the chain is read from PKCS#12 without a password as OpenSSL
// writes it, now and in former times.
func TestChainOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("there is no openssl")
	}
	w := newWorld(t, azuretest.Config{})
	w.readsSecrets()
	s := w.open(t, azurekeyvault.Config{Chain: true})
	pair := storetest.NewPair(t, "rsa-2048", "web")
	add(t, s, pair.Addition("web"), stores.DidAdd)
	private, err := keys.MarshalPrivate(pair.Private, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.pem"), filepath.Join(dir, "out.pfx")
	if err := os.WriteFile(in, append(private, pair.Certificates...), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, options := range map[string][]string{
		"as it does": nil,
		"with 3DES":  {"-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"},
	} {
		command := exec.Command(openssl, append([]string{"pkcs12", "-export", "-in", in, "-out", out, "-passout", "pass:"}, options...)...)
		if text, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		w.answersSecrets(strings.NewReader(answer(t, "application/x-pkcs12", base64.StdEncoding.EncodeToString(data))))
		sameChain(t, name, storetest.All(t, s)["web"], pair.Certificates)
	}
	// And what the test server gives for one is PKCS#12 to OpenSSL.
	w.fault.Store(nil)
	value, err := base64.StdEncoding.DecodeString(w.Secrets("relay")["web"].Value)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, value, 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := exec.Command(openssl, "pkcs12", "-in", out, "-passin", "pass:", "-nomac", "-nodes").CombinedOutput()
	if err != nil || strings.Count(string(text), "BEGIN CERTIFICATE") != 2 || !strings.Contains(string(text), "BEGIN PRIVATE KEY") {
		t.Errorf("%v: %s", err, text)
	}
	if block, _ := pem.Decode(text[strings.Index(string(text), "-----BEGIN"):]); block == nil {
		t.Error("there is no PEM")
	}
}
