package local

import (
	"fmt"
	"io"

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
	data, err := readKeyFile(cmd, file)
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

// entries describes all the keys of a file.
func (f *keystoreFlags) entries(cmd *cobra.Command, file string) (entries []keys.Entry, err error) {
	err = f.with(cmd, file, func(data []byte, options keys.Options) error {
		entries, err = keys.Inspect(data, options)
		return err
	})
	return entries, err
}

// readKeyFile reads a file, or standard input for "-".
func readKeyFile(cmd *cobra.Command, file string) ([]byte, error) {
	if file != "-" {
		return cli.ReadFile(file)
	}
	data, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxKeyFile+1))
	if err == nil && len(data) > maxKeyFile {
		err = fmt.Errorf("standard input has more than %d bytes, which no key has", maxKeyFile)
	}
	return data, err
}

// maxKeyFile is the most that is read from standard input, in bytes.
const maxKeyFile = 1 << 20
