package azurekeyvault

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/keyvault/armkeyvault"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/resources/armsubscriptions"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/azure"
)

// Kind is the store's kind in a configuration.
const Kind = "azure-key-vault"

// Search says where vaults are searched for.
type Search struct {
	// Tenants are the IDs of the tenants. Default: tenant and additional_tenants of
	// `azure`
	Tenants []string `yaml:"tenants"`
	// Subscriptions are the IDs of those that are searched. Default: all that can be
	// seen
	Subscriptions []string `yaml:"subscriptions"`
}

// Discoverer finds vaults. It is safe for concurrent use.
type Discoverer struct {
	search  Search
	account *azure.Account
}

// NewDiscoverer makes one.
func NewDiscoverer(search Search, account *azure.Account) *Discoverer {
	tenants := make([]string, 0, len(search.Tenants))
	for _, tenant := range search.Tenants {
		tenants = append(tenants, strings.TrimSpace(tenant))
	}
	if search.Tenants = tenants; len(tenants) == 0 {
		search.Tenants = account.Tenants()
	}
	if len(search.Tenants) == 0 {
		search.Tenants = []string{""} // A managed identity has its own.
	}
	return &Discoverer{search, account}
}

// Discover implements stores.Discoverer: the vaults of each subscription of each tenant.
// A tenant or subscription that cannot be searched is yielded with its problem, and the
// search goes on.
func (d *Discoverer) Discover(ctx context.Context) iter.Seq2[stores.Found, error] {
	return func(yield func(stores.Found, error) bool) {
		for _, tenant := range d.search.Tenants {
			credential := inTenant{d.account.Credential(), tenant}
			for subscription, err := range d.subscriptions(ctx, credential) {
				if ctx.Err() != nil {
					yield(stores.Found{}, ctx.Err())
					return
				}
				if err != nil {
					if !yield(problem("/tenants/"+tenant, tenant, err), nil) {
						return
					}
					continue
				}
				if !d.vaults(ctx, credential, subscription, yield) {
					return
				}
			}
		}
		if ctx.Err() != nil {
			yield(stores.Found{}, ctx.Err())
		}
	}
}

func problem(path, tenant string, err error) stores.Found {
	return stores.Found{Kind: Kind, Path: path, About: map[string]string{"tenant": tenant}, Problem: azure.Explain(err)}
}

// inTenant gets tokens of one tenant.
type inTenant struct {
	azcore.TokenCredential
	tenant string
}

// GetToken implements azcore.TokenCredential.
func (c inTenant) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	options.TenantID = c.tenant
	return c.TokenCredential.GetToken(ctx, options)
}

// subscriptions yields the IDs of those to search. An error ends it.
func (d *Discoverer) subscriptions(ctx context.Context, credential inTenant) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if len(d.search.Subscriptions) > 0 {
			for _, id := range d.search.Subscriptions {
				if !yield(strings.TrimSpace(id), nil) {
					return
				}
			}
			return
		}
		options := d.account.ResourceManager()
		options.APIVersion = "" // The setting is for the API of vaults.
		client, err := armsubscriptions.NewClient(credential, options)
		if err != nil {
			yield("", err)
			return
		}
		pager := client.NewListPager(nil)
		for pager.More() {
			page, err := pager.NextPage(ctx)
			if err != nil {
				yield("", err)
				return
			}
			for _, subscription := range page.Value {
				if subscription.SubscriptionID != nil && !yield(*subscription.SubscriptionID, nil) {
					return
				}
			}
		}
	}
}

// vaults yields those of a subscription, or why they cannot be listed; false to stop.
func (d *Discoverer) vaults(ctx context.Context, credential inTenant, subscription string, yield func(stores.Found, error) bool) bool {
	path := "/subscriptions/" + subscription
	client, err := armkeyvault.NewVaultsClient(subscription, credential, d.account.ResourceManager())
	if err != nil {
		return yield(problem(path, credential.tenant, err), nil)
	}
	pager := client.NewListBySubscriptionPager(nil)
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return true // The caller tells.
			}
			return yield(problem(path, credential.tenant, err), nil)
		}
		for _, vault := range page.Value {
			if vault.ID == nil {
				continue
			}
			about := map[string]string{"tenant": credential.tenant}
			if vault.Location != nil {
				about["region"] = *vault.Location
			}
			if vault.Properties != nil && vault.Properties.VaultURI != nil {
				about["url"] = strings.TrimSuffix(*vault.Properties.VaultURI, "/")
			}
			if v, err := d.account.Vault(*vault.ID); err == nil {
				about["store_path"] = fmt.Sprintf("%s:%s:%s", v.Subscription, v.Group, v.Name)
			}
			if !yield(stores.Found{Kind: Kind, Path: *vault.ID, About: about}, nil) {
				return false
			}
		}
	}
	return true
}
