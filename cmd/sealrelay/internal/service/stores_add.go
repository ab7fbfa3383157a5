package service

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/bundle"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// addFlags say what is added and how.
type addFlags struct {
	file, passwordFile, entry string
	tags                      []string
	noPrivate                 bool
	addition                  stores.Addition
}

func newStoresAdd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add STORE ALIAS --file FILE",
		Short: "Put a certificate into a store, with its private key",
		Long: `Put a certificate, those that it was issued by, and its private key into a store: a
PKCS#12 file, with a password or without, a JKS file, or PEM. What is there under the
alias is replaced with --overwrite only, and only if the store says for certain what is
there.`,
		Example: `  sealrelay stores add vault web --file web.pfx --password-file web.password --tag team=payments
  sealrelay stores add certificates web.pem --file web.pem --overwrite --dry-run`,
		Args: cli.Arguments(cobra.ExactArgs(2)),
	}
	path, asJSON, dryRun := cli.ConfigFlag(cmd), cli.JSONFlag(cmd), dryRunFlag(cmd)
	f := &addFlags{}
	cmd.Flags().StringVar(&f.file, "file", "", "the `file` with certificates and private key (PKCS#12, JKS or PEM)")
	cmd.Flags().StringVar(&f.passwordFile, "password-file", "", "`file` with the password of --file, a newline at its end left out")
	cmd.Flags().StringVar(&f.entry, "entry", "", "the `alias` in --file, if that is a keystore with several")
	cmd.Flags().StringArrayVar(&f.tags, "tag", nil, "a tag, `NAME=VALUE`, where the store has such; several times")
	cmd.Flags().BoolVar(&f.noPrivate, "no-private-key", false, "add the certificates only")
	cmd.Flags().BoolVar(&f.addition.Overwrite, "overwrite", false, "replace what is there")
	cmd.Flags().BoolVar(&f.addition.Recover, "recover", false, "recover what was deleted under the alias, to replace it")
	cmd.Flags().BoolVar(&f.addition.KeepTags, "keep-tags", false, "keep the tags that are there")
	cmd.Flags().BoolVar(&f.addition.NotExportable, "not-exportable", false, "have the store never give away the private key")
	if err := cmd.MarkFlagRequired("file"); err != nil {
		panic(err)
	}
	return changing(cmd, path, asJSON, dryRun, func(ctx context.Context, store stores.Store, args []string) (stores.Outcome, error) {
		adder, err := able[stores.Adder](store, args[0], "nothing can be put into a store of this kind")
		if err != nil {
			return stores.Outcome{}, err
		}
		f.addition.Alias, f.addition.DryRun = args[1], *dryRun
		if f.addition.Tags, err = tagsOf(f.tags); err != nil {
			return stores.Outcome{}, err
		}
		if err := f.read(); err != nil {
			return stores.Outcome{}, fmt.Errorf("%s: %w", f.file, err)
		}
		return adder.Add(ctx, f.addition)
	})
}

func tagsOf(texts []string) (map[string]string, error) {
	var tags map[string]string
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, cli.UsageErrorf("--tag %q is not NAME=VALUE", text)
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[name] = value
	}
	return tags, nil
}

// read reads the file.
func (f *addFlags) read() error {
	data, err := cli.ReadFile(f.file)
	if err != nil {
		return err
	}
	defer clear(data)
	options := bundle.Options{Entry: f.entry, NoPrivate: f.noPrivate}
	if f.passwordFile != "" {
		password, err := cli.ReadFile(f.passwordFile)
		if err != nil {
			return err
		}
		defer clear(password)
		options.Password = bytes.TrimRight(password, "\r\n")
	}
	f.addition.Private, f.addition.Certificates, err = bundle.Parse(data, options)
	return err
}
