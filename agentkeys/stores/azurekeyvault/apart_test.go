package azurekeyvault

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// vault answers everything with a secret.
type vault struct{ status int }

// Do implements policy.Transporter.
func (v vault) Do(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: v.status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("hunter2-tiger")), Request: r}, nil
}

// TestApart: the SDK sees nothing of an answer with a secret, and no answer comes to a
// request that does not say where it is to go.
func TestApart(t *testing.T) {
	ask := func(ctx context.Context, status int) (string, error) {
		pipeline := runtime.NewPipeline("test", "v1", runtime.PipelineOptions{}, &policy.ClientOptions{Transport: vault{status}, PerCallPolicies: []policy.Policy{apart{}}})
		request, err := runtime.NewRequest(ctx, http.MethodGet, "https://relay.vault.azure.net/secrets/web")
		if err != nil {
			t.Fatal(err)
		}
		response, err := pipeline.Do(request)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	var answer *secretbytes.Value
	into := context.WithValue(t.Context(), apartKey{}, &answer)
	body, err := ask(into, http.StatusOK)
	if err != nil || body != "{}" || answer == nil {
		t.Fatalf("the SDK has %q, %v", body, err)
	}
	if err := answer.Expose(func(plaintext []byte) error {
		if string(plaintext) != "hunter2-tiger" {
			t.Errorf("the answer is %d bytes", len(plaintext))
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	answer.Wipe()
	// A refusal is the SDK's to explain.
	answer = nil
	if body, err = ask(into, http.StatusForbidden); err != nil || body == "{}" || answer != nil {
		t.Errorf("of a refusal the SDK has %q, %v", body, err)
	}
	if _, err := ask(t.Context(), http.StatusOK); !errors.Is(err, errApart) {
		t.Errorf("the error is %v", err)
	}
}
