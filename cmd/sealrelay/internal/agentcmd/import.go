package agentcmd

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/bundlefile"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/bundle"
)

func newImport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: "Apply a bundle on a host that no network reaches",
		Long: `Apply the bundle that ` + "`sealrelay deliveries export`" + ` wrote (- for standard input)
to the state folder of the agent that --config names, and take its actions; the
agent must not run meanwhile. Or, with --dir, to a folder of files: the secret a/b
in format age becomes a/b.age, its signed statement a/b.age.jws.

The bundle must be signed by the service and be for this agent, and each statement
in it must cover its envelope; else nothing is applied. Of a secret of which a
newer version is there the older one is left out.

The receipts say, signed with the agent's own key, what is there now; take them
back to ` + "`sealrelay deliveries import`" + `. A bundle can be applied again. Exits with 4 if
something older was left out.`,
		Example: `  sealrelay agent import plant-7.bundle --config agent.yaml --receipts plant-7.receipts
  sealrelay agent import plant-7.bundle --dir /var/lib/secrets --agent plant-7 \
      --service-key service.pub --signing-key signing.key --receipts plant-7.receipts`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path, f := configFlag(cmd), addFolderFlags(cmd)
	out := cli.AddOutputFlags(cmd, "receipts", "receipts")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := out.Check(cli.InputFile("bundle", args[0])); err != nil {
			return err
		}
		data, err := bundlefile.Read(cmd, "bundle", args[0])
		if err != nil {
			return err
		}
		open := f.open
		if f.dir == "" {
			open = func() (*receiver, error) { return openState(cmd, *path) }
		}
		to, err := open()
		if err != nil {
			return err
		}
		return errors.Join(to.apply(cmd, data, out), to.close())
	}
	return cmd
}

// apply applies the bundle and writes the receipts, those of a part too: what
// they tell of is there.
func (r *receiver) apply(cmd *cobra.Command, data []byte, out *cli.Output) error {
	opened, err := bundle.Open(data, r.agent, r.trusted...)
	if err != nil {
		return bundlefile.Refused(err)
	}
	receipts, older, failed := opened.Apply(cmd.Context(), r.accept)
	packed, err := opened.PackReceipts(r.key, time.Now(), receipts)
	if err == nil {
		err = out.Write(cmd, packed)
	}
	if err := errors.Join(failed, err); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: applied %d of %d deliveries for %s; take the receipts to `sealrelay deliveries import`\n", len(receipts), opened.Count, opened.To)
	if len(older) > 0 {
		return cli.Attentionf("of %d secrets a newer version is there already, %q the first of them; the bundle was made before another that was applied", len(older), older[0])
	}
	return nil
}
