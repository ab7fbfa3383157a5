package local

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// checkView is what is told of a key that was checked.
type checkView struct {
	File     string     `json:"file"`
	KeyID    string     `json:"key_id,omitempty"`
	Kind     string     `json:"kind,omitempty"`
	NotAfter *time.Time `json:"not_after,omitempty"`
	// DaysLeft is whole days, negative once it has expired.
	DaysLeft *int `json:"days_left,omitempty"`
	// Finding is what is wrong; empty if nothing is.
	Finding string `json:"finding,omitempty"`
}

func newKeysCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check that keys and certificates are good, and for how long",
		Long: `Check each public key and certificate of the files: that it can be read, passes
the policy, and does not expire within --days. Exit code 4 says that something
was found, so that a monitoring system can run this.`,
		Example: `  sealrelay keys check --days 30 agents/*.crt`,
		Args:    cli.Arguments(cobra.MinimumNArgs(1)),
	}
	days := cmd.Flags().Int("days", 30, "how many `days` a certificate must still be valid")
	noLegacy := cmd.Flags().Bool("no-legacy", false, "a key whose default format is legacy is a finding")
	open := addKeystoreFlags(cmd)
	asJSON := cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
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
	publics, err := c.open.publics(c.cmd, file)
	if err != nil {
		c.add(checkView{File: file, Finding: err.Error()})
		return
	}
	for _, public := range publics {
		c.add(c.check(file, public))
	}
}

func (c *keyChecker) check(file string, public *keys.Public) checkView {
	view := checkView{File: file, KeyID: public.ID(), Kind: public.Kind()}
	if !public.NotAfter.IsZero() {
		left := int(public.NotAfter.Sub(c.now).Hours() / 24)
		view.NotAfter, view.DaysLeft = &public.NotAfter, &left
	}
	key, err := agentkeys.FromPublic(public, agentkeys.Requirements{NoLegacy: c.noLegacy})
	if err == nil {
		err = key.Check(c.now)
	}
	switch {
	case err != nil:
		view.Finding = err.Error()
	case view.DaysLeft != nil && c.now.AddDate(0, 0, c.days).After(public.NotAfter):
		view.Finding = fmt.Sprintf("expires in %d days; renew it", *view.DaysLeft)
	}
	return view
}

func (c *keyChecker) add(view checkView) {
	c.views = append(c.views, view)
	if view.Finding != "" {
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
		if view.Finding != "" {
			state = view.Finding
		}
		rows = append(rows, []string{view.File, cli.Dash(view.Kind), until, left, state})
	}
	return cli.PrintTable(c.cmd, []string{"FILE", "KEY", "VALID UNTIL", "DAYS LEFT", "STATE"}, rows)
}
