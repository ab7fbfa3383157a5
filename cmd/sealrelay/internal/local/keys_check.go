package local

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// checkView is what is told of a key that was checked.
type checkView struct {
	File     string     `json:"file"`
	Alias    string     `json:"alias,omitempty"`
	KeyID    string     `json:"key_id,omitempty"`
	Kind     string     `json:"kind,omitempty"`
	NotAfter *time.Time `json:"not_after,omitempty"`
	// DaysLeft is whole days, negative once it has expired.
	DaysLeft *int `json:"days_left,omitempty"`
	// Findings are what is wrong; empty if nothing is.
	Findings []string `json:"findings,omitempty"`
}

func newKeysCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check that keys and certificates are good, and for how long",
		Long: `Check each key and certificate of the files: that it can be read, that it passes
the policy if it is one that is sealed to, and that neither it nor a certificate
behind it expires within --days. "-" stands for standard input.

Exit codes: 0 nothing was found, 4 something was, a file that cannot be read
too, 2 wrong usage. So a monitoring system can run this as it is.`,
		Example: `  sealrelay keys check --days 30 agents/*.crt
  sealrelay keys check --json --password-file password.txt keystore.p12`,
		Args: cli.Arguments(cobra.MinimumNArgs(1)),
	}
	days := cmd.Flags().Int("days", 30, "how many `days` a certificate must still be valid")
	noLegacy := cmd.Flags().Bool("no-legacy", false, "a key whose default format is legacy is a finding")
	open := addKeystoreFlags(cmd)
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		if *days < 0 {
			return cli.UsageErrorf("--days must not be negative")
		}
		checker := &keyChecker{cmd: cmd, open: open, now: time.Now(), days: *days, noLegacy: *noLegacy}
		for _, file := range files {
			checker.file(file)
		}
		if err := checker.print(*asJSON); err != nil {
			return err
		}
		if checker.found > 0 {
			return cli.Attentionf("%d of %d keys need attention", checker.found, len(checker.views))
		}
		return nil
	}
	return cmd
}

// keyChecker checks keys and remembers what it found.
type keyChecker struct {
	cmd      *cobra.Command
	open     *keystoreFlags
	now      time.Time
	days     int
	noLegacy bool

	views []checkView
	found int
}

func (c *keyChecker) file(file string) {
	entries, err := c.open.entries(c.cmd, file)
	if err != nil {
		c.add(checkView{File: file, Findings: []string{err.Error()}})
	}
	for _, entry := range entries {
		c.add(c.check(file, entry))
	}
}

func (c *keyChecker) check(file string, entry keys.Entry) checkView {
	public := entry.Public
	view := checkView{File: file, Alias: entry.Alias, KeyID: public.ID(), Kind: public.Kind()}
	_, view.Findings = policyOn(public, c.now, c.noLegacy)
	if !public.NotAfter.IsZero() {
		left := daysLeft(public.NotAfter, c.now)
		view.NotAfter, view.DaysLeft = &public.NotAfter, &left
		if view.Findings == nil && c.isNear(public.NotAfter) {
			view.Findings = append(view.Findings, fmt.Sprintf("expires in %d days; renew it", left))
		}
	}
	for _, intermediate := range public.Intermediates {
		if c.isNear(intermediate.NotAfter) {
			view.Findings = append(view.Findings, fmt.Sprintf("the certificate behind it, of %s, has %d days left; replace the chain",
				intermediate.Subject, daysLeft(intermediate.NotAfter, c.now)))
		}
	}
	return view
}

// isNear says whether an end lies before the days are over.
func (c *keyChecker) isNear(end time.Time) bool { return c.now.AddDate(0, 0, c.days).After(end) }

func (c *keyChecker) add(view checkView) {
	c.views = append(c.views, view)
	if len(view.Findings) > 0 {
		c.found++
	}
}

func (c *keyChecker) print(asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(c.cmd, c.views)
	}
	var rows [][]string
	for _, view := range c.views {
		until, left, state := "-", "-", "good"
		if view.NotAfter != nil {
			until, left = cli.TimeText(*view.NotAfter), strconv.Itoa(*view.DaysLeft)
		}
		if len(view.Findings) > 0 {
			state = strings.Join(view.Findings, "; ")
		}
		rows = append(rows, []string{view.File, printable(cli.Dash(view.Alias)), cli.Dash(view.Kind), until, left, printable(state)})
	}
	return cli.PrintTable(c.cmd, []string{"FILE", "ALIAS", "KEY", "VALID UNTIL", "DAYS LEFT", "STATE"}, rows)
}
