package azure

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Vault is a Key Vault. Subscription and Group are empty where only the name is known.
type Vault struct {
	Name, Subscription, Group string
	// URL is https://HOST, without a slash at its end.
	URL string
}

var (
	vaultName  = lazyregexp.New(`^[A-Za-z][0-9A-Za-z-]{1,22}[0-9A-Za-z]$`)
	resourceID = lazyregexp.New(`(?i)^/subscriptions/([^/]+)/resourceGroups/([^/]+)/providers/Microsoft\.KeyVault/vaults/([^/]+)$`)
)

// Vault reads how people name a vault: its name, its URL, its ID in Resource Manager,
// or SUBSCRIPTION:GROUP:NAME.
func (a *Account) Vault(text string) (Vault, error) {
	suffix := cmp.Or(a.config.VaultSuffix, services()[a.config.Cloud].vaultSuffix)
	v := Vault{Name: text}
	switch found := resourceID().FindStringSubmatch(text); {
	case found != nil:
		v.Subscription, v.Group, v.Name = found[1], found[2], found[3]
	case strings.HasPrefix(text, "https://"):
		u, err := url.Parse(text)
		if err != nil || u.Port() != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
			return Vault{}, fmt.Errorf("vault: %q is no URL of a vault, which is https://NAME.%s", text, suffix)
		}
		name, ok := strings.CutSuffix(strings.ToLower(u.Host), "."+suffix)
		if !ok {
			return Vault{}, fmt.Errorf("vault: %q is in another cloud: the host of a vault ends with .%s here; see `cloud` and `vault_suffix`", text, suffix)
		}
		v.Name = name
	case strings.Count(text, ":") == 2:
		parts := strings.Split(text, ":")
		v.Subscription, v.Group, v.Name = parts[0], parts[1], parts[2]
		if v.Subscription == "" || v.Group == "" {
			return Vault{}, fmt.Errorf("vault: %q lacks its subscription or resource group", text)
		}
	}
	if !vaultName().MatchString(v.Name) || strings.Contains(v.Name, "--") {
		return Vault{}, fmt.Errorf("vault: %q is no name of a vault: 3 to 24 letters, digits and single hyphens, a letter first and no hyphen last", v.Name)
	}
	v.URL = "https://" + strings.ToLower(v.Name) + "." + suffix
	return v, nil
}

// ID is the vault's in Resource Manager; empty where only the name is known.
func (v Vault) ID() string {
	if v.Subscription == "" {
		return ""
	}
	return "/subscriptions/" + v.Subscription + "/resourceGroups/" + v.Group + "/providers/Microsoft.KeyVault/vaults/" + v.Name
}

// Secrets is a client for the vault's secrets.
func (a *Account) Secrets(vault Vault) (*azsecrets.Client, error) {
	return azsecrets.NewClient(vault.URL, a.credential, &azsecrets.ClientOptions{ClientOptions: a.Options()})
}

// Certificates is a client for the vault's certificates.
func (a *Account) Certificates(vault Vault) (*azcertificates.Client, error) {
	return azcertificates.NewClient(vault.URL, a.credential, &azcertificates.ClientOptions{ClientOptions: a.Options()})
}

func asThrottled(err error) (*Error, bool) {
	e, ok := errors.AsType[*Error](err)
	return e, ok && errors.Is(e, ErrThrottled)
}
