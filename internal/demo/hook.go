package demo

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// hook is a signed request, kept so that it can be replayed and forged.
type hook struct {
	id        string
	at        time.Time
	body      []byte
	signature string
}

// newHook signs a new value as a password manager's script does.
func newHook(folder, value string) (*hook, error) {
	data, err := os.ReadFile(filepath.Join(folder, "hook.secret"))
	if err != nil {
		return nil, err
	}
	text := secretbytes.New(data)
	defer text.Wipe()
	secret, err := verify.ParseSecret(text)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	sealed := secretbytes.Copy([]byte(value))
	defer sealed.Wipe()
	h := &hook{id: "msg_" + rand.Text(), at: time.Now()}
	if h.body, err = adapters.EncodePush(hooks.Event{Secret: secretName, Operation: hooks.Set, Value: sealed, OccurredAt: h.at}); err != nil {
		return nil, err
	}
	h.signature, err = verify.SignV1(secret, h.id, h.at, h.body)
	return h, err
}

// curl is the command that sends the hook as it is.
func curl(h *hook, file string) string {
	return fmt.Sprintf("curl --cacert ca.crt https://127.0.0.1:8443/v1/hooks/password-manager -H 'content-type: application/json' \\\n"+
		"       -H 'webhook-id: %s' -H 'webhook-timestamp: %d' \\\n       -H 'webhook-signature: %s' --data-binary @%s", h.id, h.at.Unix(), h.signature, file)
}

// send posts the hook. It returns the status, and the answer or the problem.
func (d *demo) send(ctx context.Context, h *hook) (status int, answer wire.Answer, problem wire.Problem, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	url := fmt.Sprintf("https://%s/v1/hooks/password-manager", d.service.Address())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(h.body))
	if err != nil {
		return 0, answer, problem, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("webhook-id", h.id)
	request.Header.Set("webhook-timestamp", strconv.FormatInt(h.at.Unix(), 10))
	request.Header.Set("webhook-signature", h.signature)
	response, err := d.client.Do(request)
	if err != nil {
		return 0, answer, problem, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, answer, problem, err
	}
	if response.StatusCode < 300 {
		err = json.Unmarshal(body, &answer)
	} else {
		err = json.Unmarshal(body, &problem)
	}
	return response.StatusCode, answer, problem, err
}

// httpsClient trusts the demo's CA and nothing else.
func httpsClient(folder string) (*http.Client, error) {
	data, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(data) {
		return nil, errors.New("ca.crt has no certificate")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, Proxy: nil}
	return &http.Client{Transport: transport}, nil
}
