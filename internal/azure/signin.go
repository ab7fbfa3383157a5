package azure

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/sealrelay/sealrelay/crypto/keys"
)

// signIn makes the credential. The SDK takes a client secret as a string, so that it
// stays in memory while the account is used.
func (a *Account) signIn(settings Settings) (azcore.TokenCredential, error) {
	c := a.config
	options := azcore.ClientOptions{Cloud: a.cloud, Transport: a.transport, Telemetry: policy.TelemetryOptions{Disabled: true}}
	// Who names an authority names one that the public cloud does not know of.
	custom := c.Authority != ""
	switch c.SignIn {
	case clientSecret:
		secret, err := settings.ReadSecret(c.ClientSecretFile)
		if err != nil {
			return nil, fmt.Errorf("client_secret_file: %w", err)
		}
		defer secret.Wipe()
		var credential azcore.TokenCredential
		err = secret.Expose(func(plaintext []byte) (err error) {
			credential, err = azidentity.NewClientSecretCredential(c.Tenant, c.ClientID, string(plaintext), &azidentity.ClientSecretCredentialOptions{
				ClientOptions: options, AdditionallyAllowedTenants: c.AdditionalTenants, DisableInstanceDiscovery: custom,
			})
			return err
		})
		return credential, err
	case clientCertificate:
		certificates, key, err := readCertificate(settings)
		if err != nil {
			return nil, fmt.Errorf("certificate_file: %w", err)
		}
		return azidentity.NewClientCertificateCredential(c.Tenant, c.ClientID, certificates, key, &azidentity.ClientCertificateCredentialOptions{
			ClientOptions: options, AdditionallyAllowedTenants: c.AdditionalTenants, DisableInstanceDiscovery: custom, SendCertificateChain: c.SendCertificateChain,
		})
	case managedIdentity:
		return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{ClientOptions: options, ID: c.managed()})
	case workloadIdentity:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, AdditionallyAllowedTenants: c.AdditionalTenants, DisableInstanceDiscovery: custom,
			ClientID: c.ClientID, TenantID: c.Tenant, TokenFilePath: settings.Path(c.TokenFile),
		})
	default: // check let no other through.
		return azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: c.Tenant, AdditionallyAllowedTenants: c.AdditionalTenants})
	}
}

// managed is the identity that is chosen; nil for the machine's own.
func (c *Config) managed() azidentity.ManagedIDKind {
	switch {
	case c.ClientID != "":
		return azidentity.ClientID(c.ClientID)
	case c.ResourceID != "":
		return azidentity.ResourceID(c.ResourceID)
	case c.ObjectID != "":
		return azidentity.ObjectID(c.ObjectID)
	}
	return nil
}

// readCertificate reads the certificate, with its chain, and its private key.
func readCertificate(settings Settings) (certificates []*x509.Certificate, private crypto.PrivateKey, err error) {
	data, err := os.ReadFile(settings.Path(settings.Config.CertificateFile))
	if err != nil {
		return nil, nil, err
	}
	defer clear(data)
	file := settings.Config.CertificatePasswordFile
	if file == "" {
		return parseCertificate(data, nil)
	}
	password, err := settings.ReadSecret(file)
	if err != nil {
		return nil, nil, fmt.Errorf("certificate_password_file: %w", err)
	}
	defer password.Wipe()
	err = password.Expose(func(plaintext []byte) (err error) {
		certificates, private, err = parseCertificate(data, plaintext)
		return err
	})
	return certificates, private, err
}

func parseCertificate(data, password []byte) ([]*x509.Certificate, crypto.PrivateKey, error) {
	private, err := keys.ParsePrivate(data, password)
	if err != nil {
		return nil, nil, err
	}
	key, ok := private.(*rsa.PrivateKey)
	if !ok {
		return nil, nil, fmt.Errorf("the key is %s, and Azure takes RSA keys only to sign in", keys.PrivateKind(private))
	}
	publics, err := keys.ParsePublics(data, keys.Options{Password: password})
	if err != nil && !errors.Is(err, keys.ErrPrivate) { // That says that there is no public half.
		return nil, nil, err
	}
	for _, public := range publics {
		if public.Certificate != nil && key.PublicKey.Equal(public.Certificate.PublicKey) {
			return append([]*x509.Certificate{public.Certificate}, public.Intermediates...), key, nil
		}
	}
	return nil, nil, errors.New("there is no certificate for the private key in it")
}
