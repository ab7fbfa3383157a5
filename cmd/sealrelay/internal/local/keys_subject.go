package local

import (
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// subjectFlags say whom a certificate, or a request for one, is for.
type subjectFlags struct {
	name, subject string
	names         []string
}

func addSubjectFlags(cmd *cobra.Command) *subjectFlags {
	f := &subjectFlags{}
	cmd.Flags().StringVar(&f.name, "name", "", "the certificate's common `name`, if that is all of its subject")
	cmd.Flags().StringVar(&f.subject, "subject", "", "the certificate's `subject`, such as \"CN=agent1,OU=Batch,O=Example,C=DE\" (RFC 4514)")
	cmd.Flags().StringArrayVar(&f.names, "san", nil, "a subject alternative `name`: a host, an IP or email address, or DNS:, IP:, email: or URI: and one; may be given several times")
	cmd.MarkFlagsMutuallyExclusive("name", "subject")
	return f
}

// template returns what the flags say; fallback is the common name if they name
// nobody.
func (f *subjectFlags) template(fallback string) (keys.Template, error) {
	template := keys.Template{Subject: keys.CommonName(f.name), Names: f.names}
	switch {
	case f.subject != "":
		subject, err := keys.ParseSubject(f.subject)
		if err != nil {
			return template, cli.UsageErrorf("--subject: %w", err)
		}
		template.Subject = subject
	case f.name == "":
		template.Subject = keys.CommonName(fallback)
	}
	return template, nil
}

// daysFlag adds --days, how long a certificate is valid.
func daysFlag(cmd *cobra.Command, what string) *int {
	return cmd.Flags().Int("days", 825, what+" in `days`")
}

// checkDays refuses days of which there are none, or too many for a date of
// four digits.
func checkDays(days int) error {
	if days < 1 || days > 365_000 {
		return cli.UsageErrorf("--days must be 1 to 365000")
	}
	return nil
}

// valid returns the template with a validity from now, for that many days. It
// begins a minute early for the sake of clocks that are behind.
func valid(template keys.Template, days int) keys.Template {
	now := time.Now()
	template.NotBefore, template.NotAfter = now.Add(-time.Minute), now.AddDate(0, 0, days)
	return template
}

// certifiedKeyFlags say for which private key a certificate or a request is.
type certifiedKeyFlags struct {
	file string
	open *keystoreFlags
}

func addCertifiedKeyFlags(cmd *cobra.Command) *certifiedKeyFlags {
	f := &certifiedKeyFlags{open: &keystoreFlags{}}
	cmd.Flags().StringVarP(&f.file, "key", "i", "", "`file` with the private key, of any kind (- for standard input)")
	cmd.Flags().StringVar(&f.open.alias, "key-alias", "", "the `alias` of the key in a PKCS#12 or JKS keystore")
	f.open.password = addPasswordFlags(cmd, "key-password", "the private key")
	return f
}

// use calls use with the private key.
func (f *certifiedKeyFlags) use(cmd *cobra.Command, use func(private any) error) error {
	if f.file == "" {
		return cli.UsageErrorf("missing private key; give -i FILE")
	}
	var private any
	err := f.open.with(cmd, f.file, func(data []byte, options keys.Options) error {
		privates, err := keys.ParsePrivates(data, options)
		if err == nil {
			private, err = keys.Opening(privates)
		}
		return err
	})
	if err != nil {
		return err
	}
	return use(private)
}

// distinct refuses one file for two outputs; empty ones are none.
func distinct(files ...string) error {
	for i, file := range files {
		if file != "" && slices.Contains(files[:i], file) {
			return cli.UsageErrorf("%s is named for two outputs; name two files", file)
		}
	}
	return nil
}
