package azurekeyvault_test

import (
	"errors"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/internal/azure"
)

// secrets is a client by which the tests do what somebody else does.
func (w *world) secrets(t *testing.T) *azsecrets.Client {
	t.Helper()
	vault, err := w.account.Vault("relay")
	if err != nil {
		t.Fatal(err)
	}
	client, err := w.account.Secrets(vault)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (w *world) put(t *testing.T, name, value string, tags map[string]string) {
	t.Helper()
	pointers := map[string]*string{}
	for name, value := range tags {
		pointers[name] = &value
	}
	if _, err := w.secrets(t).SetSecret(t.Context(), name, azsecrets.SetSecretParameters{Value: &value, Tags: pointers}, nil); err != nil {
		t.Fatal(err)
	}
}

// remove deletes a secret and waits until that has ended.
func (w *world) remove(t *testing.T, name string) {
	t.Helper()
	client := w.secrets(t)
	if _, err := client.DeleteSecret(t.Context(), name, nil); err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		_, err := client.GetDeletedSecret(t.Context(), name, nil)
		if err == nil {
			return
		}
		if !errors.Is(azure.Explain(err), azure.ErrNotFound) {
			t.Fatal(err)
		}
		<-look.C
	}
}
