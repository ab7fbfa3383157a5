package service

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/scripts"
	"github.com/sealrelay/sealrelay/internal/push"
)

func newHook() *cobra.Command {
	children := []*cobra.Command{newHookInstall()}
	for _, name := range slices.Sorted(maps.Keys(scripts.Table)) {
		children = append(children, newHookProduct(name, scripts.Table[name]))
	}
	return cli.Parent("hook", "Send what a password manager gives to the script that it runs", children...)
}

// hookFlags are the options of a product's script.
type hookFlags struct {
	senderFlags
	product                            scripts.Product
	secret, template, nameFrom, prefix string
	settings                           map[string]*[]string
	dryRun                             bool
	asJSON                             *bool
}

func newHookProduct(name string, product scripts.Product) *cobra.Command {
	f := &hookFlags{product: product, settings: map[string]*[]string{}}
	cmd := &cobra.Command{
		Use:   name + " [flags]",
		Short: product.Summary,
		Long:  hookHelp(name, product),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.end(cmd, f.run(cmd, args))
		},
	}
	if product.Arguments {
		cmd.Use += " -- ARGUMENT..."
		// A password may begin with a dash: an error about an option repeats it.
		cmd.SetFlagErrorFunc(func(cmd *cobra.Command, _ error) error {
			return cli.UsageErrorf("an option is unknown, or its value is missing or wrong; put -- before the product's arguments, and see `%s --help`", cmd.CommandPath())
		})
	}
	// What follows the first argument is the product's.
	cmd.Flags().SetInterspersed(false)
	f.register(cmd)
	return cmd
}

func hookHelp(name string, product scripts.Product) string {
	help := product.Summary + ".\n\nFields for a secret's name: " + strings.Join(product.Fields, ", ") + "."
	if product.Name != "" {
		help += fmt.Sprintf(" Without an option the name is %q.", product.Name)
	}
	if product.Caution != "" {
		help += "\n\nNot confirmed: " + product.Caution + "."
	}
	help += "\n\nThe value is sealed here, unless --seal=false is given. The exit code is 0 if the\nservice has accepted the change, or it waits in the spool"
	if product.Generic {
		help += "; the other codes are those of every command."
	} else {
		help += ", and 1 if it has not."
	}
	return help + fmt.Sprintf(" Standard error says why,\nand never a value. `sealrelay hook install %s` prints what to set up.", name)
}

func (f *hookFlags) register(cmd *cobra.Command) {
	f.senderFlags.register(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&f.secret, "secret", "", "the secret's `name`")
	flags.StringVar(&f.template, "secret-template", "", "the secret's name as a `text` with {field} in it")
	flags.StringVar(&f.nameFrom, "name-from", "", "the `field` that is the secret's name")
	flags.StringVar(&f.prefix, "prefix", "", "`text` to put before the secret's name")
	flags.BoolVar(&f.dryRun, "dry-run", false, "show what would be sent, without the value, and send nothing")
	cmd.MarkFlagsMutuallyExclusive("secret", "secret-template", "name-from")
	flags.Lookup("timeout").Usage = "how long the whole may take"
	f.asJSON = cli.JSONFlag(cmd)
	for _, setting := range f.product.Settings {
		var byDefault []string
		if setting.Default != "" {
			byDefault = []string{setting.Default}
		}
		f.settings[setting.Name] = flags.StringArray(setting.Name, byDefault, setting.Usage)
	}
}

// run reads the product's input and sends what it says.
func (f *hookFlags) run(cmd *cobra.Command, args []string) error {
	arguments := takeArguments(args)
	if len(args) > 0 && !f.product.Arguments {
		return cli.UsageErrorf("the product passes no arguments, and %d are given", len(args))
	}
	script, naming, err := f.contract()
	if err != nil {
		return err
	}
	if !f.dryRun {
		if err := f.check(); err != nil {
			return err
		}
	}
	// The product waits, and not for ever.
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	var events []hooks.Event
	err = withoutEcho(cmd, func() (err error) {
		events, err = read(ctx, script, hookInput(cmd, arguments), naming)
		return err
	})
	if err != nil {
		return err
	}
	defer func() {
		for _, event := range events {
			event.Value.Wipe()
		}
	}()
	if f.dryRun {
		return f.printDryRun(cmd, events)
	}
	return f.sendAll(ctx, cmd, events)
}

// contract is what the options make of the product's contract.
func (f *hookFlags) contract() (scripts.Script, scripts.Naming, error) {
	if f.timeout <= 0 {
		return nil, scripts.Naming{}, cli.UsageErrorf("--timeout is above 0")
	}
	for _, setting := range f.product.Settings {
		if given := *f.settings[setting.Name]; len(given) > 1 && !setting.Several {
			return nil, scripts.Naming{}, cli.UsageErrorf("--%s is given more than once", setting.Name)
		}
	}
	script, err := f.product.New(func(name string) []string { return *f.settings[name] })
	if err != nil {
		return nil, scripts.Naming{}, cli.UsageErrorf("%w", err)
	}
	template := f.template
	switch {
	case f.secret != "":
		if err := hooks.CheckName(f.secret); err != nil {
			return nil, scripts.Naming{}, cli.UsageErrorf("--secret: %w", err)
		}
		template = f.secret
	case f.nameFrom != "":
		template = "{" + f.nameFrom + "}"
	}
	naming, err := f.product.Naming(f.prefix, template)
	if err != nil {
		return nil, scripts.Naming{}, cli.UsageErrorf("%w", err)
	}
	return script, naming, nil
}

// read reads the events. A product that leaves standard input open, or a program
// that does not end, is waited for until ctx ends.
func read(ctx context.Context, script scripts.Script, in *scripts.Input, naming scripts.Naming) ([]hooks.Event, error) {
	type result struct {
		events []hooks.Event
		err    error
	}
	done := make(chan result, 1)
	go func() {
		events, err := scripts.Events(ctx, script, in, naming)
		done <- result{events, err}
	}()
	select {
	case r := <-done:
		now := time.Now()
		for i := range r.events {
			r.events[i].OccurredAt = now
		}
		return r.events, r.err
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for what the product gives: %w", ctx.Err())
	}
}

// sendAll sends each event, the next also if one is refused.
func (f *hookFlags) sendAll(ctx context.Context, cmd *cobra.Command, events []hooks.Event) error {
	var failed []error
	for _, event := range events {
		answer, err := f.send(ctx, event)
		var spooled *push.SpooledError
		switch {
		case err == nil:
			err = f.printAnswer(cmd, answer)
		case errors.As(err, &spooled):
			// It will be sent; the product need not do anything again.
			fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: note: %v\n", err)
			err = nil
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// end turns the outcome into what the product understands.
func (f *hookFlags) end(cmd *cobra.Command, err error) error {
	if err != nil && !f.product.Generic {
		err = cli.WithCode(err, cli.ExitFailed)
	}
	if f.product.Conversation && !f.dryRun {
		fmt.Fprint(cmd.OutOrStdout(), scripts.Result(cli.ExitCode(err)))
	}
	return err
}
