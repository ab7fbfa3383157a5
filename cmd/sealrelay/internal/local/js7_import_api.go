package local

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/js7joc"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// cockpitFlags say which JOC Cockpit is asked, and as whom.
type cockpitFlags struct{ access js7joc.Access }

func addCockpitFlags(cmd *cobra.Command) *cockpitFlags {
	f := &cockpitFlags{}
	for _, flag := range []struct {
		into      *string
		name, use string
	}{
		{&f.access.URL, "url", "ask this JOC Cockpit, `https://HOST:PORT`, for the Job Resources; nothing is changed there"},
		{&f.access.User, "user", "the `account` to log in with"},
		{&f.access.PasswordFile, "password-file", "`file` with the account's password, a newline at its end left out"},
		{&f.access.CAFile, "ca-file", "`file` with the authorities of the JOC Cockpit's certificate (default: the system's)"},
		{&f.access.CertFile, "client-cert", "`file` with the client certificate to log in with"},
		{&f.access.KeyFile, "client-key", "`file` with the private key of --client-cert"},
	} {
		cmd.Flags().StringVar(flag.into, flag.name, "", flag.use)
	}
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if f.access.URL == "" && f.access != (js7joc.Access{}) {
			return cli.UsageErrorf("--user, --password-file, --ca-file, --client-cert and --client-key go with --url")
		}
		return nil
	}
	return f
}

// ask reads Job Resources, by their paths or names, and the certificates that the JOC
// Cockpit keeps.
func (s *js7Site) ask(ctx context.Context, from *cockpitFlags, paths []string) error {
	client, err := from.access.Client(func(path string) string { return path }, readPassword)
	if err != nil {
		return err
	}
	session, err := client.Login(ctx)
	if err != nil {
		return err
	}
	defer session.Logout(ctx)
	certificates, err := session.Certificates(ctx)
	if err != nil {
		return fmt.Errorf("the encipherment certificates: %w", err)
	}
	assigned, err := session.Assignments(ctx)
	if err != nil {
		return fmt.Errorf("the encipherment certificates' agents: %w", err)
	}
	for _, certificate := range certificates {
		name := certificate.Alias
		if agents := assigned[name]; len(agents) > 0 {
			name += " (" + strings.Join(agents, " ") + ")"
		}
		if err := s.certificate(name, []byte(certificate.PEM)); err != nil {
			return fmt.Errorf("encipherment certificate %s: %w", certificate.Alias, err)
		}
	}
	for _, path := range paths {
		found, err := session.Find(ctx, path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := s.add(jobResource{found.Path, found.Configuration.Arguments}); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

func readPassword(file string) (*secretbytes.Value, error) {
	data, err := cli.ReadFile(file)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return secretbytes.Copy(bytes.TrimRight(data, "\r\n")), nil
}
