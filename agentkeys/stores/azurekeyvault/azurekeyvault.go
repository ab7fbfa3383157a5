// Package azurekeyvault is the certificate store that is an Azure Key Vault: its
// certificates, those whose request is under way too. A vault gives away a certificate
// without those that it was issued by; they are only beside the private key, and an
// inventory reads them there if it is told to.
package azurekeyvault

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"fmt"
	"iter"
	"maps"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azcertificates"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/azure"
	"github.com/sealrelay/sealrelay/internal/gather"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// Config is the store's part of the configuration. How to sign in is in `azure`.
type Config struct {
	// Vault is the Key Vault: its name, its URL, its resource ID, or
	// SUBSCRIPTION:GROUP:NAME. Required; to be created it needs one of the last two.
	Vault string `yaml:"vault"`
	// Chain has an inventory tell what each certificate was issued by too. A vault keeps
	// that with the private key only, so the key of each certificate whose key may be
	// exported is read, and wiped at once; it takes a role that may read secrets: see
	// docs/azure.md. Default: false
	Chain bool `yaml:"chain"`
	// Create says how the vault is made by `sealrelay stores create`.
	Create *Create `yaml:"create"`
}

// together is how many certificates of a vault are read at once.
const together = 16

// The limits that Key Vault has, which are checked before anything is sent.
const (
	maxTags = 15
	maxTag  = 256
)

var aliasRule = lazyregexp.New(`^[0-9a-zA-Z-]{1,127}$`)

// Store is a Key Vault. It is safe for concurrent use.
type Store struct {
	config  Config
	account *azure.Account
	vault   azure.Vault
	client  *azcertificates.Client
	// secrets is nil unless the chains are read.
	secrets *azsecrets.Client
	pace    *azure.Pace
}

// Open makes the store of its part of a configuration, with the account that account
// returns.
func Open(decode func(into any) error, account func() (*azure.Account, error)) (*Store, error) {
	var config Config
	if err := decode(&config); err != nil {
		return nil, err
	}
	with, err := account()
	if err != nil {
		return nil, err
	}
	return New(config, with)
}

// New makes the store with the account that everything of Azure is done with.
func New(config Config, account *azure.Account) (*Store, error) {
	if config.Vault == "" {
		return nil, errors.New("vault is required")
	}
	s := &Store{config: config, account: account}
	var err error
	if s.vault, err = account.Vault(config.Vault); err != nil {
		return nil, err
	}
	if config.Create != nil {
		if err := config.Create.check(s.vault); err != nil {
			return nil, fmt.Errorf("create: %w", err)
		}
	}
	s.pace = account.Pace(s.vault)
	if s.client, err = account.Certificates(s.vault); err != nil || !config.Chain {
		return s, err
	}
	s.secrets, err = newSecrets(account, s.vault)
	return s, err
}

// Inventory implements stores.Store. The list comes in pages, and each certificate is
// read by itself, several at once; the order is that of the answers.
func (s *Store) Inventory(ctx context.Context) iter.Seq2[stores.Entry, error] {
	return gather.Each(ctx, s.list)
}

// list sends every entry.
func (s *Store) list(ctx context.Context, send func(stores.Entry)) error {
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, together)
	pager := s.client.NewListCertificatePropertiesPager(&azcertificates.ListCertificatePropertiesOptions{IncludePending: to.Ptr(true)})
	for pager.More() {
		if err := s.pace.Wait(ctx); err != nil {
			return err
		}
		page, err := pager.NextPage(ctx)
		if err != nil {
			return s.explain(err)
		}
		for _, properties := range page.Value {
			if properties == nil || properties.ID == nil {
				return fmt.Errorf("%w: the vault lists a certificate without a name", stores.ErrUnreadable)
			}
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			group.Go(func() {
				defer func() { <-slots }()
				if entry, there := s.listed(ctx, properties.ID.Name()); there {
					send(entry)
				}
			})
		}
	}
	return ctx.Err()
}

// listed reads a certificate that a list has. One that cannot be read is told with its
// problem; one that is not there is left out, as it was deleted meanwhile.
func (s *Store) listed(ctx context.Context, name string) (entry stores.Entry, there bool) {
	entry, err := s.Lookup(ctx, name)
	switch {
	case err != nil:
		entry = stores.Entry{Alias: name, Problem: err}
	case s.secrets != nil:
		entry = s.complete(ctx, entry)
	}
	return entry, !errors.Is(err, stores.ErrNotFound)
}

// Lookup implements stores.Store.
func (s *Store) Lookup(ctx context.Context, alias string) (stores.Entry, error) {
	if !aliasRule().MatchString(alias) {
		return stores.Entry{}, fmt.Errorf("%w: alias %q is not up to 127 letters, digits and hyphens", stores.ErrInvalid, alias)
	}
	if err := s.pace.Wait(ctx); err != nil {
		return stores.Entry{}, err
	}
	got, err := s.client.GetCertificate(ctx, alias, "", nil)
	if err = s.explain(err); errors.Is(err, stores.ErrNotFound) {
		return s.lookupPending(ctx, alias, err)
	}
	if err != nil {
		return stores.Entry{}, err
	}
	return entryOf(alias, got.Certificate)
}

// lookupPending returns the entry whose first certificate is still to come, or missing.
func (s *Store) lookupPending(ctx context.Context, alias string, missing error) (stores.Entry, error) {
	pending, err := s.client.GetCertificateOperation(ctx, alias, nil)
	if err = s.explain(err); errors.Is(err, stores.ErrNotFound) {
		return stores.Entry{}, missing
	}
	if err != nil {
		return stores.Entry{}, err
	}
	return stores.Entry{Alias: alias, Pending: inProgress(pending.Status), Private: stores.PrivateUnknown}, nil
}

func inProgress(status *string) bool { return status != nil && *status == "inProgress" }

func entryOf(alias string, got azcertificates.Certificate) (stores.Entry, error) {
	entry := stores.Entry{Alias: alias, Tags: plain(got.Tags)}
	if got.ID != nil {
		entry.Version = got.ID.Version()
	}
	if got.Attributes != nil && got.Attributes.Enabled != nil {
		entry.Disabled = !*got.Attributes.Enabled
	}
	if got.Policy != nil && got.Policy.KeyProperties != nil && got.Policy.KeyProperties.Exportable != nil {
		entry.Private = stores.PrivateKept
		if *got.Policy.KeyProperties.Exportable {
			entry.Private = stores.PrivateExportable
		}
	}
	var err error
	if entry.Key, err = keys.ParsePublic(got.CER); err != nil {
		return stores.Entry{}, fmt.Errorf("%w: %w", stores.ErrUnreadable, err)
	}
	return entry, nil
}

func plain(tags map[string]*string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	out := make(map[string]string, len(tags))
	for name, value := range tags {
		if value != nil {
			out[name] = *value
		}
	}
	return out
}

func pointers(tags map[string]string) map[string]*string {
	out := make(map[string]*string, len(tags))
	for name, value := range tags {
		out[name] = &value
	}
	return out
}

// explain turns an error of Azure's into one of a store's.
func (s *Store) explain(err error) error {
	if err == nil {
		return nil
	}
	err = s.pace.Heed(err)
	e, _ := errors.AsType[*azure.Error](err)
	for from, class := range map[error]error{
		azure.ErrNotFound: stores.ErrNotFound, azure.ErrMissingRole: stores.ErrDenied, azure.ErrFirewall: stores.ErrDenied,
		azure.ErrNotSignedIn: stores.ErrDenied, azure.ErrWrongTenant: stores.ErrDenied, azure.ErrInvalid: stores.ErrInvalid,
	} {
		if e != nil && errors.Is(err, from) {
			return fmt.Errorf("%w: %w", class, err)
		}
	}
	if e != nil && e.Inner == azure.Deleted {
		return fmt.Errorf("%w: %w", stores.ErrDeleted, err)
	}
	return err
}

// checkTags finds what Key Vault would refuse before anything is sent.
func checkTags(tags map[string]string) error {
	if len(tags) > maxTags {
		return fmt.Errorf("%w: there are %d tags, and a vault takes %d", stores.ErrInvalid, len(tags), maxTags)
	}
	for name, value := range tags {
		if name == "" || len(name) > maxTag || len(value) > maxTag {
			return fmt.Errorf("%w: the name or value of tag %q is empty or longer than %d characters", stores.ErrInvalid, name, maxTag)
		}
	}
	return nil
}

// merged are the tags to write: the given ones, which win, and with keep those that
// are there.
func merged(there, given map[string]string, keep bool) map[string]string {
	if !keep {
		return given
	}
	out := maps.Clone(there)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, given)
	return out
}

// keyProperties describe a key as it is: a vault takes P-256 for granted otherwise.
func keyProperties(public any, exportable bool) (*azcertificates.KeyProperties, error) {
	p := &azcertificates.KeyProperties{Exportable: &exportable, ReuseKey: to.Ptr(false)}
	switch key := public.(type) {
	case *rsa.PublicKey:
		p.KeyType, p.KeySize = to.Ptr(azcertificates.KeyTypeRSA), to.Ptr(int32(key.N.BitLen()))
	case *ecdsa.PublicKey:
		p.KeyType, p.Curve = to.Ptr(azcertificates.KeyTypeEC), to.Ptr(azcertificates.CurveName(key.Curve.Params().Name))
	default:
		return nil, fmt.Errorf("%w: a vault takes RSA and EC keys on P-256, P-384 and P-521 only, not %s", stores.ErrInvalid, keys.Kind(public))
	}
	return p, nil
}
