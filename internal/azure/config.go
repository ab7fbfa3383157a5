package azure

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// Config is how to sign in to Azure, and which cloud it is. Everything that works
// with Azure uses it.
type Config struct {
	// SignIn is client-secret, client-certificate, managed-identity,
	// workload-identity, or cli, which is for development: it is whoever `az login`
	// was run by. Required.
	SignIn string `yaml:"sign_in"`
	// Tenant is the tenant's ID. Required, but for managed-identity and cli.
	Tenant string `yaml:"tenant"`
	// AdditionalTenants are the IDs of other tenants whose stores may be used, or that
	// `stores discover` searches. Default: none
	AdditionalTenants []string `yaml:"additional_tenants"`
	// ClientID is the application's. Required, but for cli; with managed-identity it
	// chooses a user-assigned one.
	ClientID string `yaml:"client_id"`
	// ResourceID chooses a user-assigned managed identity, in place of ClientID.
	ResourceID string `yaml:"resource_id"`
	// ObjectID chooses a user-assigned managed identity, in place of ClientID.
	ObjectID string `yaml:"object_id"`
	// ClientSecretFile has the secret of client-secret.
	ClientSecretFile string `yaml:"client_secret_file"`
	// CertificateFile has the certificate of client-certificate and its private key,
	// an RSA key, in PEM or PKCS#12.
	CertificateFile string `yaml:"certificate_file"`
	// CertificatePasswordFile has the password of CertificateFile. Default: none
	CertificatePasswordFile string `yaml:"certificate_password_file"`
	// SendCertificateChain sends the certificate along, which an application needs
	// that trusts a subject and an authority. Default: false
	SendCertificateChain bool `yaml:"send_certificate_chain"`
	// TokenFile has the token of workload-identity, which whoever federates keeps
	// new. It is read again when a new one is needed.
	TokenFile string `yaml:"token_file"`
	// Cloud is public, government or china. Default: public
	Cloud string `yaml:"cloud"`
	// Authority is where to sign in, https://HOST, in place of the cloud's.
	Authority string `yaml:"authority"`
	// ResourceManager is where Resource Manager is, https://HOST, in place of the
	// cloud's.
	ResourceManager string `yaml:"resource_manager"`
	// ResourceManagerAudience is what its tokens are for, in place of the cloud's.
	ResourceManagerAudience string `yaml:"resource_manager_audience"`
	// ResourceManagerAPI is the api-version of vaults there, such as 2026-02-01.
	// Default: that of the SDK
	ResourceManagerAPI string `yaml:"resource_manager_api"`
	// VaultSuffix is what follows the name in the host of a vault, such as
	// vault.azure.net, in place of the cloud's.
	VaultSuffix string `yaml:"vault_suffix"`
}

// The ways to sign in.
const (
	clientSecret      = "client-secret"
	clientCertificate = "client-certificate"
	managedIdentity   = "managed-identity"
	workloadIdentity  = "workload-identity"
	commandLine       = "cli"
)

type service struct {
	configuration cloud.Configuration
	vaultSuffix   string
}

// services are the clouds by name.
func services() map[string]service {
	return map[string]service{
		"public":     {cloud.AzurePublic, "vault.azure.net"},
		"government": {cloud.AzureGovernment, "vault.usgovcloudapi.net"},
		"china":      {cloud.AzureChina, "vault.azure.cn"},
	}
}

func (c *Config) check() error {
	c.Cloud = cmp.Or(c.Cloud, "public")
	if _, ok := services()[c.Cloud]; !ok {
		return fmt.Errorf("cloud: %q is none; there are public, government and china", c.Cloud)
	}
	for name, text := range map[string]string{"authority": c.Authority, "resource_manager": c.ResourceManager} {
		if u, err := url.Parse(text); text != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			return fmt.Errorf("%s: %q is no https:// URL", name, text)
		}
	}
	if strings.ContainsAny(c.VaultSuffix, "/:@ ") {
		return fmt.Errorf("vault_suffix: %q is no end of a host name, such as vault.azure.net", c.VaultSuffix)
	}
	return c.checkSignIn()
}

// checkSignIn says what a way to sign in lacks, and what is given that it has no use
// for: who set it expects it to count.
func (c *Config) checkSignIn() error {
	needed := map[string][]string{
		clientSecret:      {"tenant", "client_id", "client_secret_file"},
		clientCertificate: {"tenant", "client_id", "certificate_file"},
		managedIdentity:   {},
		workloadIdentity:  {"tenant", "client_id", "token_file"},
		commandLine:       {},
	}
	may := map[string][]string{
		clientCertificate: {"certificate_password_file"},
		managedIdentity:   {"client_id", "resource_id", "object_id"},
		commandLine:       {"tenant"},
	}
	given := map[string]string{
		"tenant": c.Tenant, "client_id": c.ClientID, "resource_id": c.ResourceID, "object_id": c.ObjectID,
		"client_secret_file": c.ClientSecretFile, "certificate_file": c.CertificateFile,
		"certificate_password_file": c.CertificatePasswordFile, "token_file": c.TokenFile,
	}
	needs, ok := needed[c.SignIn]
	if !ok {
		return fmt.Errorf("sign_in: %q is none; there are client-secret, client-certificate, managed-identity, workload-identity and cli", c.SignIn)
	}
	for _, name := range needs {
		if given[name] == "" {
			return fmt.Errorf("sign_in %s needs %s", c.SignIn, name)
		}
	}
	for name, value := range given {
		if value != "" && !slices.Contains(needs, name) && !slices.Contains(may[c.SignIn], name) {
			return fmt.Errorf("sign_in %s has no use for %s; leave it out", c.SignIn, name)
		}
	}
	if c.SignIn == managedIdentity && len(slices.DeleteFunc([]string{c.ClientID, c.ResourceID, c.ObjectID}, func(id string) bool { return id == "" })) > 1 {
		return fmt.Errorf("sign_in %s takes one of client_id, resource_id and object_id", c.SignIn)
	}
	if c.SendCertificateChain && c.SignIn != clientCertificate {
		return fmt.Errorf("sign_in %s has no use for send_certificate_chain; leave it out", c.SignIn)
	}
	return nil
}

// cloud is the SDK's configuration of the cloud, with the hosts that are given in
// place of its own.
func (c *Config) cloud() cloud.Configuration {
	known := services()[c.Cloud].configuration
	manager := known.Services[cloud.ResourceManager]
	return cloud.Configuration{
		ActiveDirectoryAuthorityHost: cmp.Or(c.Authority, known.ActiveDirectoryAuthorityHost),
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{cloud.ResourceManager: {
			Endpoint: cmp.Or(c.ResourceManager, manager.Endpoint),
			Audience: cmp.Or(c.ResourceManagerAudience, manager.Audience),
		}},
	}
}
