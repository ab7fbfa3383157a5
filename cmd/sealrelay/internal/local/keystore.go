package local

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// keystoreFlags say how to open key files that are encrypted or keystores.
type keystoreFlags struct {
	alias    string
	password *passwordFlags
}

func addKeystoreFlags(cmd *cobra.Command) *keystoreFlags {
	f := &keystoreFlags{}
	cmd.Flags().StringVar(&f.alias, "alias", "", "the `alias` of the entry in a PKCS#12 or JKS keystore")
	f.password = addPasswordFlags(cmd, "password", "the file")
	return f
}

// with calls parse with the content of the file and what opens it.
func (f *keystoreFlags) with(cmd *cobra.Command, file string, parse func(data []byte, options keys.Options) error) error {
	data, err := cli.ReadFile(file)
	if err != nil {
		return err
	}
	defer clear(data)
	err = f.password.withPassword(cmd, file, func(password []byte) error {
		return parse(data, keys.Options{Password: password, Alias: f.alias, Plugin: pluginUI(cmd)})
	})
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func (f *keystoreFlags) publics(cmd *cobra.Command, file string) (publics []*keys.Public, err error) {
	err = f.with(cmd, file, func(data []byte, options keys.Options) error {
		publics, err = keys.ParsePublics(data, options)
		return err
	})
	return publics, err
}

// private reads the one private key of a file.
func (f *keystoreFlags) private(cmd *cobra.Command, file string) (private any, err error) {
	err = f.with(cmd, file, func(data []byte, options keys.Options) error {
		privates, err := keys.ParsePrivates(data, options)
		if err == nil && len(privates) > 1 {
			err = fmt.Errorf("%w: the file has %d private keys; give one, of a keystore by --alias", keys.ErrMalformed, len(privates))
		}
		if err == nil {
			private = privates[0]
		}
		return err
	})
	return private, err
}
