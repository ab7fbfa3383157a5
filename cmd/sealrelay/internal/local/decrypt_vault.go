package local

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

// vaultFlags say where in a vault the envelope is.
type vaultFlags struct {
	from Vault
	load ReadVault
}

func addVaultFlags(cmd *cobra.Command, check *statementFlags, load ReadVault) *vaultFlags {
	f := &vaultFlags{load: load}
	cmd.Flags().StringVar(&f.from.Name, "from-vault", "", "read the envelope and its statement from this Azure Key `vault`: its name, URL or resource ID")
	cmd.Flags().StringVar(&f.from.Prefix, "prefix", "", "what the names in the vault begin with (default: that of the agent)")
	cmd.Flags().StringVar(&f.from.SignIn, "sign-in", "cli", "`how` to sign in to Azure: cli, managed-identity, or a YAML file with the settings of azure (docs/configuration.md)")
	for _, other := range []string{"statement", "infile", "context", "stream"} {
		if cmd.Flags().Lookup(other) != nil {
			cmd.MarkFlagsMutuallyExclusive("from-vault", other)
		}
	}
	before := cmd.PreRunE
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		if check.fromVault = f.from.Name != ""; check.fromVault && (check.want.Agent == "" || check.want.Secret == "") {
			return cli.UsageErrorf("--from-vault needs --agent and --secret, which say whose copy of what it is")
		}
		if !check.fromVault && (f.from.Prefix != "" || cmd.Flags().Changed("sign-in")) {
			return cli.UsageErrorf("--prefix and --sign-in go with --from-vault")
		}
		if before != nil {
			return before(cmd, args)
		}
		return nil
	}
	return f
}

// read reads the envelope from the vault, with the statement for check, or from where
// it otherwise is.
func (f *vaultFlags) read(ctx context.Context, check *statementFlags, otherwise func() (*secretbytes.Value, error)) (*secretbytes.Value, error) {
	if !check.fromVault {
		return otherwise()
	}
	f.from.Agent, f.from.Secret = check.want.Agent, check.want.Secret
	envelope, token, err := f.load(ctx, f.from)
	if err != nil {
		return nil, err
	}
	check.token = token
	return secretbytes.New(envelope), nil
}
