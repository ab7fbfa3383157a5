package kinds

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/files"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// Discover is a job that finds stores. Exactly one of its settings must be there.
type Discover struct {
	// Files finds keystores, and folders with certificates.
	Files *FileSearch `yaml:"files" json:"files,omitempty"`
	// AzureKeyVault finds the Key Vaults that the account of `azure` can see.
	AzureKeyVault *AzureSearch `yaml:"azure-key-vault" json:"azure-key-vault,omitempty"`
}

// FileSearch says where keystores and certificates are searched for, and how far.
type FileSearch struct {
	// Folders are searched with those below them. Required.
	Folders []string `yaml:"folders" json:"folders"`
	// Depth is how many levels of folders below each are gone down, at most 128.
	// Default: 32
	Depth *int `yaml:"depth" json:"depth,omitempty"`
	// MaxFiles is how many files and folders are looked at in all, at most 100,000,000.
	// Default: 1000000
	MaxFiles int `yaml:"max_files" json:"max_files,omitempty"`
	// OneFileSystem leaves out what is mounted below a folder. Default: false
	OneFileSystem bool `yaml:"one_file_system" json:"one_file_system,omitempty"`
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
	if (s.Files == nil) == (s.AzureKeyVault == nil) {
		return errors.New("one of files and azure-key-vault is required; for all vaults that can be seen: azure-key-vault: {}")
	}
	if s.Files == nil {
		return nil
	}
	if s.Files.Depth == nil {
		depth := 32
		s.Files.Depth = &depth
	}
	s.Files.MaxFiles = cmp.Or(s.Files.MaxFiles, 1_000_000)
	if _, err := s.Files.discoverer(); err != nil {
		return fmt.Errorf("files: %w", err)
	}
	return nil
}

func (s *Discover) locate(path func(string) string) {
	if s.Files == nil {
		return
	}
	for i, folder := range s.Files.Folders {
		s.Files.Folders[i] = path(folder)
	}
}

func (s *FileSearch) discoverer() (*files.Discoverer, error) {
	return files.NewDiscoverer(files.Search{Folders: s.Folders, Depth: *s.Depth, Files: s.MaxFiles, OneFileSystem: s.OneFileSystem})
}

// discover puts out a standing.FoundStore for each that is found.
func discover(ctx context.Context, env Env, settings Discover, task jobs.Task) (jobs.Report, error) {
	if settings.Files != nil {
		discoverer, err := settings.Files.discoverer()
		if err != nil {
			return jobs.Report{}, err
		}
		return summed(ctx, discoverer, task)
	}
	const kind = "azure-key-vault"
	construct, ok := env.Discover[kind]
	if !ok {
		return jobs.Report{}, fmt.Errorf("stores of the kind %s cannot be searched for here", kind)
	}
	asked, err := json.Marshal(settings.AzureKeyVault)
	if err != nil {
		return jobs.Report{}, err
	}
	discoverer, err := construct(asked)
	if err != nil {
		return jobs.Report{}, err
	}
	return search(ctx, discoverer, task)
}

// counting is a search that says what it looked at.
type counting interface {
	stores.Discoverer
	Summary() string
}

// summed is search with what was looked at, also if it broke off.
func summed(ctx context.Context, discoverer counting, task jobs.Task) (jobs.Report, error) {
	report, err := search(ctx, discoverer, task)
	report.Message = strings.TrimSuffix(discoverer.Summary()+"; "+report.Message, "; ")
	return report, err
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
