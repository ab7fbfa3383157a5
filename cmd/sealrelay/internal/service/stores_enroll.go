package service

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

func newStoresRequest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "request STORE ALIAS --subject NAME",
		Short: "Have a store make a key, and print the certificate signing request for it",
		Long: `Have a store make a key, which never leaves it, and print the certificate signing
request for it (PKCS#10, PEM) for an authority to sign; ` + "`stores finish`" + ` takes the
certificate. The certificate in use stays until then. A request that is under way
already is printed again.`,
		Example: `  sealrelay stores request vault web --subject CN=web --name web.example.com > web.csr
  openssl x509 -req -in web.csr -CA ca.crt -CAkey ca.key -out web.crt
  sealrelay stores finish vault web --file web.crt`,
		Args: cli.Arguments(cobra.ExactArgs(2)),
	}
	path, dryRun := cli.ConfigFlag(cmd), dryRunFlag(cmd)
	subject := cmd.Flags().String("subject", "", "whose the certificate is to be, such as `CN=web,O=Example`")
	kind := cmd.Flags().String("kind", "rsa-2048", "the `kind` of key: rsa-2048, rsa-3072, rsa-4096, ec-p256, ec-p384 or ec-p521")
	names := cmd.Flags().StringArray("name", nil, "a `name` that the certificate is to have besides: a host, an IP address, an email address or URI:...; several times")
	tags := cmd.Flags().StringArray("tag", nil, "a tag, `NAME=VALUE`, where the store has such; several times")
	notExportable := cmd.Flags().Bool("not-exportable", false, "have the store never give away the private key")
	if err := cmd.MarkFlagRequired("subject"); err != nil {
		panic(err)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		store, err := openStore(*path, args[0])
		if err != nil {
			return err
		}
		enroller, err := able[stores.Enroller](store, args[0], "a store of this kind makes no keys; make one with `sealrelay keys generate`")
		if err != nil {
			return err
		}
		enrolment := stores.Enrolment{Alias: args[1], Kind: *kind, NotExportable: *notExportable, DryRun: *dryRun}
		if enrolment.Template.Subject, err = keys.ParseSubject(*subject); err != nil {
			return cli.UsageErrorf("--subject: %w", err)
		}
		enrolment.Template.Names = *names
		if enrolment.Tags, err = tagsOf(*tags); err != nil {
			return err
		}
		csr, outcome, err := enroller.Request(cmd.Context(), enrolment)
		if err != nil {
			return fmt.Errorf("store %s: %w", args[0], err)
		}
		if *dryRun && csr == nil {
			return printOutcome(cmd, args[1], outcome, true, false)
		}
		for _, note := range outcome.Notes {
			fmt.Fprintln(cmd.ErrOrStderr(), "sealrelay: "+note)
		}
		_, err = cmd.OutOrStdout().Write(csr)
		return err
	}
	return cmd
}

func newStoresFinish() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "finish STORE ALIAS --file FILE",
		Short: "Give a store the certificate for the request that it made",
		Args:  cli.Arguments(cobra.ExactArgs(2)),
	}
	path, asJSON, dryRun := cli.ConfigFlag(cmd), cli.JSONFlag(cmd), dryRunFlag(cmd)
	file := cmd.Flags().String("file", "", "the `file` with the certificate and those that it was issued by (PEM)")
	if err := cmd.MarkFlagRequired("file"); err != nil {
		panic(err)
	}
	return changing(cmd, path, asJSON, dryRun, func(ctx context.Context, store stores.Store, args []string) (stores.Outcome, error) {
		enroller, err := able[stores.Enroller](store, args[0], "a store of this kind makes no requests")
		if err != nil {
			return stores.Outcome{}, err
		}
		certificates, err := cli.ReadFile(*file)
		if err != nil {
			return stores.Outcome{}, err
		}
		return enroller.Finish(ctx, args[1], certificates, *dryRun)
	})
}
