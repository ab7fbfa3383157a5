package jwks_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/internal/jwks"
)

// TestFetch fetches over TLS: from the authorities and with the pin of the
// source, and from nowhere else.
func TestFetch(t *testing.T) {
	good := document(t, public("ed"))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(good) })
	mux.HandleFunc("GET /moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/keys", http.StatusFound) })
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	server.Config.ErrorLog = nil
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	sum := sha256.Sum256(server.Certificate().RawSubjectPublicKeyInfo)
	pinned := "sha256:" + hex.EncodeToString(sum[:])
	token := sign(t, jose.EdDSA, private()["ed"], "ed", nil)

	for _, test := range []struct {
		name, path string
		source     jwks.Source
		want       string
	}{
		{"authority", "/keys", jwks.Source{CA: ca}, ""},
		{"authority and pin", "/keys", jwks.Source{CA: ca, Pin: pinned}, ""},
		{"other pin", "/keys", jwks.Source{CA: ca, Pin: "sha256:" + strings.Repeat("0", 64)}, "no public key of the server is jwks_pin"},
		{"pin without the authority", "/keys", jwks.Source{Pin: pinned}, "certificate signed by unknown authority"},
		{"redirect", "/moved", jwks.Source{CA: ca}, "status 302"},
		{"nothing there", "/none", jwks.Source{CA: ca}, "status 404"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.source.URL = server.URL + test.path
			keys, err := jwks.Open(test.source)
			if err != nil {
				t.Fatal(err)
			}
			_, err = keys.Verify(token)
			if test.want == "" && err == nil {
				return
			}
			if err == nil || !errors.Is(err, hooks.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
		})
	}
}
