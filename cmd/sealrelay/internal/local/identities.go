package local

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// identityFlags say with which private keys to open.
type identityFlags struct {
	files []string
	open  *keystoreFlags
}

func addIdentityFlags(cmd *cobra.Command) *identityFlags {
	f := &identityFlags{open: &keystoreFlags{}}
	cmd.Flags().StringArrayVarP(&f.files, "key", "i", nil, "`file` with private keys, of any kind; may be given several times, and each key is tried")
	cmd.Flags().StringVar(&f.open.alias, "key-alias", "", "the `alias` of the key in a PKCS#12 or JKS keystore")
	f.open.password = addPasswordFlags(cmd, "key-password", "the private key")
	return f
}

func (f *identityFlags) read(cmd *cobra.Command) ([]any, error) {
	if len(f.files) == 0 {
		return nil, cli.UsageErrorf("missing private key; give -i FILE")
	}
	var privates []any
	for _, file := range f.files {
		err := f.open.with(cmd, file, func(data []byte, options keys.Options) error {
			found, err := keys.ParsePrivates(data, options)
			privates = append(privates, found...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return privates, nil
}
