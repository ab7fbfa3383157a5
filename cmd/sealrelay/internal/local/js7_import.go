package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/js7"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/js7joc/expression"
)

// certificateArgument is the argument in which a JOC Cockpit puts the certificate
// of an alias, in the Job Resource that has the alias for its name.
const certificateArgument = "encipherment_certificate"

// encryptedValue is what is told of an encrypted argument.
type encryptedValue struct {
	Resource string `json:"resource"`
	Argument string `json:"argument"`
	// Kind is that of the key that it is for; MayBeFor are the certificates of that
	// kind, by alias or file.
	Kind     string   `json:"kind,omitempty"`
	MayBeFor []string `json:"may_be_for,omitempty"`
	// Findings are what is wrong; empty if nothing is.
	Findings []string `json:"findings,omitempty"`
}

func newJS7Import() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Tell of the encrypted values of Job Resources whom they are for",
		Long: `Read Job Resources that were exported from a JOC Cockpit, JSON files or folders of
them, or with --url those of a JOC Cockpit, by their paths or names, and list their encrypted arguments: the kind of key that each is for, and which
certificates are of that kind. No private key is needed, and nothing is opened.

Certificates are those of --cert, those that the JOC Cockpit keeps in Job Resources,
in the argument encipherment_certificate, and with --url all that it keeps, with the
agents that they are assigned to. A value names no key: of two
certificates of one kind either may be the one. A value is a finding if it is damaged,
if there is no certificate of its kind, or if each of them has expired or is weak.
Exits with 4 if there is one.`,
		Example: `  sealrelay js7 import export/ --cert agents/web.crt --cert agents/batch.crt
  sealrelay js7 import --url https://joc.example.com:7443 --user reader --password-file joc.password /production/orders`,
		Args: cli.Arguments(cobra.MinimumNArgs(1)),
	}
	certificates := cmd.Flags().StringArray("cert", nil, "`file` with the certificate of an agent; again for each")
	from := addCockpitFlags(cmd)
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		site := &js7Site{now: time.Now()}
		for _, file := range *certificates {
			data, err := cli.ReadFile(file)
			if err == nil {
				err = site.certificate(file, data)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", file, err)
			}
		}
		if from.access.URL != "" {
			if err := site.ask(cmd.Context(), from, paths); err != nil {
				return err
			}
			paths = nil
		}
		for _, path := range paths {
			if err := site.read(path); err != nil {
				return err
			}
		}
		values := site.values()
		if err := printEncrypted(cmd, values, *asJSON); err != nil {
			return err
		}
		wrong := 0
		for _, value := range values {
			if len(value.Findings) > 0 {
				wrong++
			}
		}
		if wrong > 0 {
			return cli.Attentionf("%d of %d encrypted values need attention", wrong, len(values))
		}
		return nil
	}
	return cmd
}

// js7Site is what was read of a site.
type js7Site struct {
	now          time.Time
	certificates []js7Certificate
	resources    []jobResource
}

// js7Certificate is one that values may be for.
type js7Certificate struct {
	name, kind string
	// findings are why nothing should be sealed to it.
	findings []string
}

// jobResource is what is read of one.
type jobResource struct {
	name      string
	arguments map[string]string
}

func (s *js7Site) certificate(name string, data []byte) error {
	public, err := keys.ParsePublic(data)
	if err != nil {
		return err
	}
	_, findings := policyOn(public, s.now, false)
	s.certificates = append(s.certificates, js7Certificate{name, public.Kind(), findings})
	return nil
}

// read reads a file, or every JSON file of a folder.
func (s *js7Site) read(path string) error {
	return filepath.WalkDir(path, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || file != path && filepath.Ext(file) != ".json" {
			return err
		}
		data, err := cli.ReadFile(file)
		if err == nil {
			err = s.resource(file, data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		return nil
	})
}

// resource reads the JSON of a Job Resource as an export has it, or as the API
// answers it, with its configuration in a member. What has no arguments is none.
func (s *js7Site) resource(file string, data []byte) error {
	var found struct {
		Path          string            `json:"path"`
		Arguments     map[string]string `json:"arguments"`
		Configuration struct {
			Arguments map[string]string `json:"arguments"`
		} `json:"configuration"`
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return errors.New("is not the JSON of an object of the JOC Cockpit") // The decoder's error can repeat a value.
	}
	name := found.Path
	if name == "" {
		name = strings.TrimSuffix(strings.TrimSuffix(file, ".json"), ".jobresource")
	}
	arguments := found.Arguments
	if arguments == nil {
		arguments = found.Configuration.Arguments
	}
	return s.add(jobResource{name, arguments})
}

// add takes a Job Resource, with the certificate that it may have.
func (s *js7Site) add(resource jobResource) error {
	s.resources = append(s.resources, resource)
	if text, ok := expression.Unquote(resource.arguments[certificateArgument]); ok {
		if err := s.certificate(filepath.Base(resource.name), []byte(text)); err != nil {
			return fmt.Errorf("argument %s: %w", certificateArgument, err)
		}
	}
	return nil
}

// values are all that are encrypted, by resource and argument.
func (s *js7Site) values() []encryptedValue {
	values := []encryptedValue{}
	for _, resource := range s.resources {
		for argument, written := range resource.arguments {
			if text, ok := expression.Unquote(written); ok && strings.HasPrefix(text, "enc:") {
				values = append(values, s.value(resource.name, argument, text))
			}
		}
	}
	slices.SortFunc(values, func(a, b encryptedValue) int {
		return strings.Compare(a.Resource+"\x00"+a.Argument, b.Resource+"\x00"+b.Argument)
	})
	return values
}

func (s *js7Site) value(resource, argument, text string) encryptedValue {
	value := encryptedValue{Resource: resource, Argument: argument}
	var err error
	if value.Kind, err = js7.KeyKind([]byte(text)); err != nil {
		value.Findings = []string{err.Error()}
		return value
	}
	good := false
	for _, certificate := range s.certificates {
		if certificate.kind != value.Kind {
			continue
		}
		value.MayBeFor = append(value.MayBeFor, certificate.name)
		good = good || len(certificate.findings) == 0
		for _, finding := range certificate.findings {
			value.Findings = append(value.Findings, certificate.name+": "+finding)
		}
	}
	switch {
	case len(value.MayBeFor) == 0:
		value.Findings = []string{"no certificate is of that kind; give the agents' with --cert"}
	case good:
		value.Findings = nil // One that is good is of that kind.
	}
	return value
}

func printEncrypted(cmd *cobra.Command, values []encryptedValue, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, values)
	}
	var rows [][]string
	for _, value := range values {
		rows = append(rows, []string{
			value.Resource, value.Argument, cli.Dash(value.Kind), cli.Dash(strings.Join(value.MayBeFor, ", ")), cli.Dash(strings.Join(value.Findings, "; ")),
		})
	}
	return cli.PrintTable(cmd, []string{"JOB RESOURCE", "ARGUMENT", "KEY", "MAY BE FOR", "FINDINGS"}, rows)
}
