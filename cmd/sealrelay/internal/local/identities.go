package local

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// IdentityFlags say with which private keys to open.
type IdentityFlags struct {
	files []string
	open  *keystoreFlags
}

// AddIdentityFlags adds --NAME, which is -i as well, and the flags that say how
// to open such a file.
func AddIdentityFlags(cmd *cobra.Command, name string) *IdentityFlags {
	f := &IdentityFlags{open: &keystoreFlags{}}
	cmd.Flags().StringArrayVarP(&f.files, name, "i", nil, "`file` with private keys, of any kind; may be given several times, and each key is tried")
	cmd.Flags().StringVar(&f.open.alias, name+"-alias", "", "the `alias` of the key in a PKCS#12 or JKS keystore")
	f.open.password = addPasswordFlags(cmd, name+"-password", "the private key")
	return f
}

// Read reads the private keys; there is at least one.
func (f *IdentityFlags) Read(cmd *cobra.Command) ([]any, error) {
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
