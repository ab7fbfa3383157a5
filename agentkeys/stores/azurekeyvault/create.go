package azurekeyvault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/keyvault/armkeyvault"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/azure"
)

// Create says how a vault is made. Nothing of it is guessed.
type Create struct {
	// Region is where, such as westeurope. Required.
	Region string `yaml:"region"`
	// Tenant is whose identities may use it. Default: that of `azure`
	Tenant string `yaml:"tenant"`
	// SKU is standard or premium. Default: standard
	SKU string `yaml:"sku"`
	// Access is rbac, or access-policy, of which it then has none. Required.
	Access string `yaml:"access"`
	// PurgeProtection keeps anything deleted from being purged, and cannot be taken
	// back. Required.
	PurgeProtection *bool `yaml:"purge_protection"`
	// RetentionDays is how long what is deleted is kept, 7 to 90, which cannot be
	// changed. Default: 90
	RetentionDays int32 `yaml:"retention_days"`
	// Network is allow, or deny, which lets through AllowFrom only. Default: deny
	Network string `yaml:"network"`
	// AllowFrom are addresses and networks (CIDR) that get through.
	AllowFrom []string `yaml:"allow_from"`
	// TrustedServices lets Microsoft's own services through. Default: false
	TrustedServices bool `yaml:"trusted_services"`
	// Tags are the vault's.
	Tags map[string]string `yaml:"tags"`
}

func (c *Create) check(vault azure.Vault) error {
	if c.SKU == "" {
		c.SKU = "standard"
	}
	if c.Network == "" {
		c.Network = "deny"
	}
	if c.RetentionDays == 0 {
		c.RetentionDays = 90
	}
	switch {
	case vault.Subscription == "":
		return errors.New("vault must be a resource ID or SUBSCRIPTION:GROUP:NAME, or nobody knows where to make it")
	case c.Region == "":
		return errors.New("region is required")
	case !slices.Contains([]string{"standard", "premium"}, c.SKU):
		return fmt.Errorf("sku: %q is neither standard nor premium", c.SKU)
	case !slices.Contains([]string{"rbac", "access-policy"}, c.Access):
		return fmt.Errorf("access: %q is neither rbac nor access-policy", c.Access)
	case c.PurgeProtection == nil:
		return errors.New("purge_protection is required: true can never be taken back")
	case c.RetentionDays < 7 || c.RetentionDays > 90:
		return errors.New("retention_days is not 7 to 90")
	case !slices.Contains([]string{"allow", "deny"}, c.Network):
		return fmt.Errorf("network: %q is neither allow nor deny", c.Network)
	case c.Network == "allow" && len(c.AllowFrom) > 0:
		return errors.New("allow_from has no meaning with network: allow")
	}
	return nil
}

// everySecond is how often Resource Manager is asked whether it is done; the SDK takes
// no shorter time.
const everySecond = time.Second

// Create implements stores.Creator.
func (s *Store) Create(ctx context.Context, dryRun bool) (stores.Outcome, error) {
	c := s.config.Create
	if c == nil {
		return stores.Outcome{}, fmt.Errorf("%w: the configuration of the store has no `create`, which says how the vault is to be", stores.ErrInvalid)
	}
	vaults, err := armkeyvault.NewVaultsClient(s.vault.Subscription, s.account.Credential(), s.account.ResourceManager())
	if err != nil {
		return stores.Outcome{}, err
	}
	_, err = vaults.Get(ctx, s.vault.Group, s.vault.Name, nil)
	if err == nil {
		return stores.Outcome{}, fmt.Errorf("%w: %s", stores.ErrExists, s.vault.ID())
	}
	if err := s.explain(err); !errors.Is(err, stores.ErrNotFound) {
		return stores.Outcome{}, err
	}
	tenant := c.Tenant
	if tenant == "" {
		tenant = s.account.Tenant()
	}
	if tenant == "" {
		return stores.Outcome{}, fmt.Errorf("%w: create: tenant is required, as `azure` has none", stores.ErrInvalid)
	}
	if dryRun {
		return stores.Outcome{Did: stores.DidCreate}, nil
	}
	poller, err := vaults.BeginCreateOrUpdate(azure.Once(ctx), s.vault.Group, s.vault.Name, c.parameters(tenant), nil)
	if err != nil {
		return stores.Outcome{}, s.explain(err)
	}
	if _, err := poller.PollUntilDone(ctx, &runtime.PollUntilDoneOptions{Frequency: everySecond}); err != nil {
		return stores.Outcome{}, s.explain(err)
	}
	return stores.Outcome{Did: stores.DidCreate}, nil
}

func (c *Create) parameters(tenant string) armkeyvault.VaultCreateOrUpdateParameters {
	rules := &armkeyvault.NetworkRuleSet{
		DefaultAction: to.Ptr(armkeyvault.NetworkRuleActionDeny),
		Bypass:        to.Ptr(armkeyvault.NetworkRuleBypassOptionsNone),
	}
	if c.Network == "allow" {
		rules.DefaultAction = to.Ptr(armkeyvault.NetworkRuleActionAllow)
	}
	if c.TrustedServices {
		rules.Bypass = to.Ptr(armkeyvault.NetworkRuleBypassOptionsAzureServices)
	}
	for _, from := range c.AllowFrom {
		rules.IPRules = append(rules.IPRules, &armkeyvault.IPRule{Value: &from})
	}
	properties := &armkeyvault.VaultProperties{
		TenantID: &tenant,
		SKU:      &armkeyvault.SKU{Family: to.Ptr(armkeyvault.SKUFamilyA), Name: to.Ptr(armkeyvault.SKUName(c.SKU))},
		// What is left out here depends on the version of the API.
		EnableRbacAuthorization:   to.Ptr(c.Access == "rbac"),
		EnableSoftDelete:          to.Ptr(true),
		SoftDeleteRetentionInDays: &c.RetentionDays,
		NetworkACLs:               rules,
		AccessPolicies:            []*armkeyvault.AccessPolicyEntry{},
	}
	if *c.PurgeProtection { // Azure takes no false.
		properties.EnablePurgeProtection = to.Ptr(true)
	}
	return armkeyvault.VaultCreateOrUpdateParameters{Location: &c.Region, Tags: pointers(c.Tags), Properties: properties}
}
