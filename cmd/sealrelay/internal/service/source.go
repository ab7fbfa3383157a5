package service

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/sourcetest"
)

func newSource() *cobra.Command {
	return cli.Parent("source", "Try a source", newSourceTest())
}

// sourceTestFlags say where the service is and how to sign.
type sourceTestFlags struct {
	config       *string
	url, signKey string
	tls          push.TLS
	timeout      time.Duration
}

func newSourceTest() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test NAME FILE...",
		Short: "Send requests from files to a source of the running service",
		Long: `Send the HTTP request in each file to the source NAME of the running service, and
compare the answer with the one that the file expects. docs/sources.md describes
the files; testdata/hooks has some for each product. A file that asks for it is
signed with the source's own credential, from the configuration.

The requests are real: one that is accepted changes its secret, and what it
carries is sealed and delivered. Use names that nobody depends on.

Exits with 0 if every answer is as expected, with 4 if one is not, or was not
asked for.`,
		Example: `  sealrelay source test doppler testdata/hooks/doppler/*.http
  sealrelay source test keeper request.http --url https://relay.example:8443`,
		Args: cli.Arguments(cobra.MinimumNArgs(2)),
	}
	f := &sourceTestFlags{config: cli.ConfigFlag(cmd)}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "the service's address, https://HOST:PORT (default: that of the configuration, with its certificate)")
	flags.StringVar(&f.tls.CAFile, "ca-file", "", "PEM `file` with an authority to trust beside the system's, with --url")
	flags.StringVar(&f.tls.CertFile, "client-cert", "", "PEM `file` with the sender's TLS client certificate, shown with what is signed")
	flags.StringVar(&f.tls.KeyFile, "client-key", "", "PEM `file` with its private key")
	flags.StringVar(&f.signKey, "sign-key", "", "`file` with the sender's private key, for a source that has the public half only")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait for each answer")
	cmd.MarkFlagsRequiredTogether("client-cert", "client-key")
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		results, err := f.run(cmd, args[0], args[1:])
		if err != nil {
			return err
		}
		if err := printResults(cmd, results, *asJSON); err != nil {
			return err
		}
		return judge(results)
	}
	return cmd
}

func (f *sourceTestFlags) run(cmd *cobra.Command, name string, files []string) ([]sourcetest.Result, error) {
	if f.timeout <= 0 {
		return nil, cli.UsageErrorf("--timeout is above 0")
	}
	cases, err := readCases(files)
	if err != nil {
		return nil, err
	}
	defer func() {
		for _, c := range cases {
			c.Wipe()
		}
	}()
	runner, err := f.runner(name)
	if err != nil {
		return nil, err
	}
	defer runner.Signer.Wipe()
	fmt.Fprintln(cmd.ErrOrStderr(), "sealrelay: note: what the service accepts of these requests changes secrets for real")
	results := []sourcetest.Result{}
	for _, c := range cases {
		result, err := runner.Run(cmd.Context(), c)
		if err != nil {
			return nil, err
		}
		results = append(results, result)
	}
	return results, nil
}

// readCases reads all files before anything is sent.
func readCases(files []string) ([]*sourcetest.Case, error) {
	var cases []*sourcetest.Case
	var errs []error
	for _, file := range files {
		data, err := cli.ReadFile(file)
		if err == nil {
			var c *sourcetest.Case
			c, err = sourcetest.Parse(file, data)
			cases = append(cases, c)
		}
		errs = append(errs, err)
	}
	return cases, errors.Join(errs...)
}

func printResults(cmd *cobra.Command, results []sourcetest.Result, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, results)
	}
	var rows [][]string
	for _, result := range results {
		outcome, got, why := "ok", result.Got.String(), ""
		switch {
		case result.Skipped != "":
			outcome, got, why = "skipped", "-", result.Skipped
		case !result.OK:
			outcome, why = "differs", result.Detail
			if result.Needs != "" {
				why += " (needs " + result.Needs + ")"
			}
		}
		rows = append(rows, []string{result.Case, result.Expect.String(), got, outcome, cli.Dash(why)})
	}
	return cli.PrintTable(cmd, []string{"FILE", "EXPECTED", "ANSWER", "RESULT", "WHY"}, rows)
}

func judge(results []sourcetest.Result) error {
	failed := 0
	for _, result := range results {
		if !result.OK {
			failed++
		}
	}
	if failed > 0 {
		return cli.Attentionf("%d of %d answers are not as expected", failed, len(results))
	}
	return nil
}
