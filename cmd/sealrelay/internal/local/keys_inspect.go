package local

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

func newKeysInspect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect FILE...",
		Short: "Say what keys and certificates are, and what can be sealed to them",
		Long: `Say of each key in the files what it is: kind and size, container, key ID,
fingerprints, what its certificate says, the formats that it can be sealed with,
and what the policy has against it. A private key is described by its public half
and never printed. "-" stands for standard input.`,
		Example: `  sealrelay keys inspect agent.crt
  sealrelay keys inspect --json --alias agent --password-file password.txt keystore.p12
  openssl s_client -connect agent1:4443 </dev/null | sealrelay keys inspect -`,
		Args: cli.Arguments(cobra.MinimumNArgs(1)),
	}
	open := addKeystoreFlags(cmd)
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		views, failed := []keyView{}, error(nil)
		for _, file := range files {
			entries, err := open.entries(cmd, file)
			failed = errors.Join(failed, err)
			for _, entry := range entries {
				views = append(views, viewOfKey(file, entry, time.Now()))
			}
		}
		if *asJSON {
			return errors.Join(cli.PrintJSON(cmd, views), failed)
		}
		for i, view := range views {
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout())
			}
			if err := view.print(cmd); err != nil {
				return err
			}
		}
		return failed
	}
	return cmd
}

// print prints the view as lines of a name and a value, without those that have
// none.
func (v keyView) print(cmd *cobra.Command) error {
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for _, line := range v.lines() {
		if line.value != "" {
			fmt.Fprintf(table, "%s:\t%s\n", line.name, printable(line.value))
		}
	}
	return table.Flush()
}

type viewLine struct{ name, value string }

func (v keyView) lines() []viewLine {
	container := v.Container
	if v.Keystore != "" {
		container += " in a " + v.Keystore + " keystore"
	}
	lines := []viewLine{
		{"file", v.File},
		{"alias", v.Alias},
		{"key", v.Kind + v.half()},
		{"size", sizeText(v.Bits)},
		{"container", container},
		{"key ID", v.KeyID},
		{"SHA-256 hex", v.SHA256Hex},
		{"SHA-256 base64", v.SHA256Base64},
		{"SSH fingerprint", v.SSHFingerprint},
	}
	if c := v.Certificate; c != nil {
		lines = append(
			lines,
			viewLine{"subject", c.Subject},
			viewLine{"issuer", c.Issuer},
			viewLine{"serial number", c.SerialNumber},
			viewLine{"names", strings.Join(c.Names, ", ")},
			viewLine{"key usage", strings.Join(c.KeyUsage, ", ")},
		)
	}
	lines = append(
		lines,
		viewLine{"valid from", timeText(v.NotBefore)},
		viewLine{"valid until", v.until()},
		viewLine{"formats", cli.Dash(strings.Join(v.Formats, ", "))},
		viewLine{"default format", v.DefaultFormat},
	)
	for _, finding := range v.Findings {
		lines = append(lines, viewLine{"finding", finding})
	}
	return lines
}

// half says of a private key that it is one.
func (v keyView) half() string {
	switch {
	case v.Private && v.Encrypted:
		return ", private, encrypted"
	case v.Private:
		return ", private, not encrypted"
	}
	return ""
}

func (v keyView) until() string {
	if v.NotAfter == nil {
		return ""
	}
	return fmt.Sprintf("%s (%d days left)", timeText(v.NotAfter), *v.DaysLeft)
}

func sizeText(bits int) string {
	if bits == 0 {
		return ""
	}
	return strconv.Itoa(bits) + " bits"
}

func timeText(at *time.Time) string {
	if at == nil {
		return ""
	}
	return cli.TimeText(*at)
}
