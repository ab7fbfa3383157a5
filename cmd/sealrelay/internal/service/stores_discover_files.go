package service

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys/stores/files"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

func newStoresDiscoverFiles() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "files FOLDER...",
		Short: "Find keystores, and folders with certificates",
		Long: `Find PKCS#12 and JKS keystores below each FOLDER, and folders that have certificates
in files of their own. What a file is, its content says and not its name; no password is
needed, and no private key is opened. Symbolic links are not followed, devices and FIFOs
are not opened. What cannot be read is told, and the search goes on: exits with 4 then.`,
		Args: cli.Arguments(cobra.MinimumNArgs(1)),
	}
	asJSON := cli.JSONFlag(cmd)
	var search files.Search
	flags := cmd.Flags()
	flags.IntVar(&search.Depth, "depth", 32, fmt.Sprintf("how many levels of folders below each FOLDER are searched, at most %d", files.MaxDepth))
	flags.IntVar(&search.Files, "max-files", 1_000_000, fmt.Sprintf("how many files and folders are looked at in all, at most %d", files.MaxFiles))
	flags.BoolVar(&search.OneFileSystem, "one-file-system", false, "leave out what is mounted below a FOLDER")
	cmd.RunE = func(cmd *cobra.Command, folders []string) error {
		search.Folders = folders
		discoverer, err := files.NewDiscoverer(search)
		if err != nil {
			return cli.UsageErrorf("%w", err)
		}
		err = discover(cmd, discoverer, "files looked at", discoverer.Progress, *asJSON)
		fmt.Fprintln(cmd.ErrOrStderr(), discoverer.Summary())
		return err
	}
	return cmd
}
