package agentcmd

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/agent/render"
)

func newRender() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "render TEMPLATE",
		Short: "Put secrets into a template, and the result onto tmpfs",
		Long: `Write the template with the secrets in it to a file on tmpfs, in one step. A
template has text, {{secret "NAME"}} and {{field "NAME" "FIELD"}}, and nothing else;
field is for secrets whose value is a JSON object. If any of them is not there, the
file stays as it was.`,
		Example: "  sealrelay agent render my.cnf.tmpl --out /run/app/my.cnf --mode 0440 --owner app:app",
		Args:    cli.Arguments(cobra.ExactArgs(1)),
	}
	path := configFlag(cmd)
	out := cmd.Flags().String("out", "", "the `file` to write")
	mode := cmd.Flags().String("mode", "", "its permission `bits`, octal (default 0600)")
	owner := cmd.Flags().String("owner", "", "whom it belongs to, `user` or user:group")
	allowDisk := cmd.Flags().Bool("allow-disk", false, "write to a place that is not on tmpfs; the values can then be on a disk for good")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *out == "" {
			return cli.UsageErrorf("where does it go? give --out FILE")
		}
		target, err := render.NewTarget(*out, *mode, *owner, *allowDisk)
		if err != nil {
			return cli.UsageErrorf("%w", err)
		}
		text, err := cli.ReadFile(args[0])
		if err != nil {
			return err
		}
		template, err := render.Parse(filepath.Base(args[0]), string(text))
		if err != nil {
			return err
		}
		copies, err := load(*path)
		if err != nil {
			return err
		}
		defer func() { _ = copies.Close() }()
		output, err := template.Render(copies.Open)
		if err != nil {
			return err
		}
		defer output.Wipe()
		cmd.Context().Done() // An interrupt from here on leaves no half-written file.
		return target.Write(output)
	}
	return cmd
}
