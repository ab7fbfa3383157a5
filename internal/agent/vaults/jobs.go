package vaults

import (
	"encoding/json"
	"errors"
	"sync"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/azurekeyvault"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/work"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/jobs/kinds"
)

// Jobs is what the agent's jobs do in Azure, with the configuration's account.
func Jobs(c *config.Config) work.Azure {
	account := sync.OnceValues(func() (*azure.Account, error) {
		if c.Azure == nil {
			return nil, errors.New("azure is missing, which says how to sign in")
		}
		return accountOf(c)
	})
	return work.Azure{
		KeyVault: func(decode func(into any) error) (stores.Store, error) { return azurekeyvault.Open(decode, account) },
		Discover: map[string]func(json.RawMessage) (stores.Discoverer, error){
			azurekeyvault.Kind: func(settings json.RawMessage) (stores.Discoverer, error) {
				var asked kinds.AzureSearch
				if err := json.Unmarshal(settings, &asked); err != nil {
					return nil, err
				}
				with, err := account()
				if err != nil {
					return nil, err
				}
				return azurekeyvault.NewDiscoverer(azurekeyvault.Search{Tenants: asked.Tenants, Subscriptions: asked.Subscriptions}, with), nil
			},
		},
	}
}
