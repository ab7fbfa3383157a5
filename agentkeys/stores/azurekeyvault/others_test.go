package azurekeyvault_test

import (
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"

	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// certificates is a client by which the tests do what somebody else does.
func (w *world) certificates(t testing.TB) *azcertificates.Client {
	t.Helper()
	vault, err := w.account.Vault("relay")
	if err != nil {
		t.Fatal(err)
	}
	client, err := w.account.Certificates(vault)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (w *world) disable(t *testing.T, alias string) {
	t.Helper()
	_, err := w.certificates(t).UpdateCertificate(t.Context(), alias, "", azcertificates.UpdateCertificateParameters{CertificateAttributes: &azcertificates.CertificateAttributes{Enabled: to.Ptr(false)}}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) tag(t *testing.T, alias string, tags map[string]string) {
	t.Helper()
	pointers := map[string]*string{}
	for name, value := range tags {
		pointers[name] = &value
	}
	if _, err := w.certificates(t).UpdateCertificate(t.Context(), alias, "", azcertificates.UpdateCertificateParameters{Tags: pointers}, nil); err != nil {
		t.Fatal(err)
	}
}

// importPEM imports a certificate that is kept as PEM, and returns it.
func (w *world) importPEM(t *testing.T, alias string) storetest.Pair {
	t.Helper()
	pair := storetest.NewPair(t, "ec-p256", alias)
	private, err := keys.MarshalPrivate(pair.Private, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.certificates(t).ImportCertificate(t.Context(), alias, azcertificates.ImportCertificateParameters{
		Base64EncodedCertificate: to.Ptr(string(private) + string(pair.Certificates)),
		CertificatePolicy:        &azcertificates.CertificatePolicy{SecretProperties: &azcertificates.SecretProperties{ContentType: to.Ptr("application/x-pem-file")}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}
