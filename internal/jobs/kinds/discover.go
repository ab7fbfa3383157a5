package kinds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// Discover is a job that finds stores. Exactly one of its settings must be there.
type Discover struct {
	// AzureKeyVault finds the Key Vaults that the account of `azure` can see.
	AzureKeyVault *AzureSearch `yaml:"azure-key-vault" json:"azure-key-vault,omitempty"`
}

// AzureSearch says where Key Vaults are searched for.
type AzureSearch struct {
	// Tenants are the IDs of the tenants. Default: tenant and additional_tenants of
	// `azure`
	Tenants []string `yaml:"tenants" json:"tenants,omitempty"`
	// Subscriptions are the IDs of those that are searched. Default: all that can be
	// seen
	Subscriptions []string `yaml:"subscriptions" json:"subscriptions,omitempty"`
}

func (s *Discover) check() error {
	if s.AzureKeyVault == nil {
		return errors.New("azure-key-vault is required; for all that can be seen: azure-key-vault: {}")
	}
	return nil
}

// discover puts out a standing.FoundStore for each that is found.
func discover(ctx context.Context, env Env, settings Discover, task jobs.Task) (jobs.Report, error) {
	discoverer, err := settings.discoverer(env)
	if err != nil {
		return jobs.Report{}, err
	}
	return search(ctx, discoverer, task)
}

func (s Discover) discoverer(env Env) (stores.Discoverer, error) {
	const kind = "azure-key-vault"
	construct, ok := env.Discover[kind]
	if !ok {
		return nil, fmt.Errorf("stores of the kind %s cannot be searched for here", kind)
	}
	asked, err := json.Marshal(s.AzureKeyVault)
	if err != nil {
		return nil, err
	}
	return construct(asked)
}

// search puts out what is found, and counts what has a problem. What was found before a
// search broke off is put out.
func search(ctx context.Context, discoverer stores.Discoverer, task jobs.Task) (jobs.Report, error) {
	found := map[string]int{}
	total := 0
	var problems []string
	for one, err := range discoverer.Discover(ctx) {
		if err != nil {
			return jobs.Report{}, fmt.Errorf("the search broke off after %d were found: %w", total, err)
		}
		if err := line(task, standing.ShowFound(one)); err != nil {
			return jobs.Report{}, err
		}
		if one.Problem != nil {
			problems = append(problems, one.Path)
			continue
		}
		found[one.Kind]++
		total++
	}
	message := "nothing found"
	if total > 0 {
		var parts []string
		for _, kind := range slices.Sorted(maps.Keys(found)) {
			parts = append(parts, fmt.Sprintf("%d %s", found[kind], kind))
		}
		message = "found " + strings.Join(parts, ", ")
	}
	if len(problems) > 0 {
		message += fmt.Sprintf("; %d with a problem: %s", len(problems), some(problems))
	}
	return jobs.Report{Warning: len(problems) > 0, Message: message}, nil
}
