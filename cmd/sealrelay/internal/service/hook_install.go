package service

import (
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/examples"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/durable"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// installFlags say what to fill into the files of a product.
type installFlags struct {
	url, source, prefix, program, dir, out string
}

func newHookInstall() *cobra.Command {
	f := &installFlags{}
	cmd := &cobra.Command{
		Use:   "install PRODUCT",
		Short: "Print the script, settings and permissions to set up on a product",
		Long: `Print the script, the settings and the permissions to set up on a product, filled in
for one source. Nothing is written, unless --out says where.

Products: ` + strings.Join(installable(), ", ") + ".",
		Example: `  sealrelay hook install keeper --url https://relay.example:8443 --source keeper`,
		Args:    cli.Arguments(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", "", "the service's `address`, https://HOST:PORT")
	flags.StringVar(&f.source, "source", "", "the source's `name` in the service's configuration")
	flags.StringVar(&f.prefix, "prefix", "prod/", "`text` before the secrets' names")
	flags.StringVar(&f.program, "program", "", "where this `program` is on the product's machine")
	flags.StringVar(&f.dir, "dir", "", "`folder` on the product's machine for credential, key and spool")
	flags.StringVar(&f.out, "out", "", "write the files to this `folder`, which is there, in place of printing them")
	return cmd
}

// installable are the products that have a folder.
func installable() []string {
	entries, _ := examples.Files.ReadDir(".") // The program has it built in.
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}

func (f *installFlags) run(cmd *cobra.Command, product string) error {
	if !slices.Contains(installable(), product) {
		return cli.UsageErrorf("unknown product; there are %s", strings.Join(installable(), ", "))
	}
	if err := f.check(); err != nil {
		return err
	}
	files, err := f.files(product)
	if err != nil {
		return err
	}
	if f.out != "" {
		return f.write(cmd, files)
	}
	for _, file := range files {
		if path.Ext(file.name) != ".md" {
			fmt.Fprintf(cmd.OutOrStdout(), "# The file %s (mode %04o)\n\n", file.name, file.mode)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s\n", file.content)
	}
	return nil
}

// What may be filled in has no character that means something inside quotes, in
// any of the files' languages.
var (
	validHost   = lazyregexp.New(`^[A-Za-z0-9.-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:.]+\](:[0-9]+)?$`)
	validSource = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
	unixPath    = lazyregexp.New(`^(/[A-Za-z0-9 ._-]+)+$`)
	windowsPath = lazyregexp.New(`^[A-Za-z]:(\\[A-Za-z0-9 ._()-]+)+$`)
)

func (f *installFlags) check() error {
	address, err := url.Parse(f.url)
	switch {
	case f.url == "" || f.source == "":
		return cli.UsageErrorf("missing --url https://HOST:PORT or --source NAME")
	case err != nil || address.Scheme != "https" || !validHost().MatchString(address.Host) || strings.Trim(f.url, "/") != "https://"+address.Host:
		return cli.UsageErrorf("--url is not https://HOST:PORT, without a path")
	case !validSource().MatchString(f.source):
		return cli.UsageErrorf("--source is not the name of a source: letters, digits and ._-")
	}
	if err := hooks.CheckName(f.prefix + "x"); err != nil {
		return cli.UsageErrorf("--prefix: %w", err)
	}
	for name, place := range map[string]string{"program": f.program, "dir": f.dir} {
		if place != "" && !unixPath().MatchString(place) && !windowsPath().MatchString(place) {
			return cli.UsageErrorf("--%s is not an absolute path of letters, digits, spaces and ._-", name)
		}
	}
	return nil
}

// filled replaces what the examples have in the places of this source.
func (f *installFlags) filled(product string) *strings.Replacer {
	pairs := []string{
		"https://relay.example:8443", strings.TrimRight(f.url, "/"),
		"/v1/hooks/" + product, "/v1/hooks/" + f.source,
		"\n  hook:\n", "\n  " + f.source + ":\n",
		"prod/", f.prefix,
	}
	for _, place := range []struct{ unix, windows, here string }{
		{"/usr/local/bin/sealrelay", `C:\Program Files\sealrelay\sealrelay.exe`, f.program},
		{"/var/lib/sealrelay-hook", `C:\ProgramData\sealrelay-hook`, f.dir},
	} {
		switch {
		case unixPath().MatchString(place.here):
			pairs = append(pairs, place.unix, place.here)
		case windowsPath().MatchString(place.here):
			pairs = append(pairs, place.windows, place.here)
		}
	}
	return strings.NewReplacer(pairs...)
}

// installFile is a file to set up.
type installFile struct {
	name, content string
	mode          fs.FileMode
}

// files are a product's, its README first and the one for all products last.
func (f *installFlags) files(product string) ([]installFile, error) {
	entries, err := examples.Files.ReadDir(product)
	if err != nil {
		return nil, err
	}
	paths := []string{path.Join(product, "README.md")}
	for _, entry := range entries {
		if entry.Name() != "README.md" {
			paths = append(paths, path.Join(product, entry.Name()))
		}
	}
	var files []installFile
	for _, at := range append(paths, "README.md") {
		data, err := examples.Files.ReadFile(at)
		if err != nil {
			return nil, err
		}
		file := installFile{name: path.Base(at), content: f.filled(product).Replace(string(data)), mode: 0o644}
		if at == "README.md" {
			file.name = "README-all.md"
		}
		if strings.HasPrefix(file.content, "#!") {
			file.mode = 0o755
		}
		files = append(files, file)
	}
	return files, nil
}

// write writes the files, none of which is there.
func (f *installFlags) write(cmd *cobra.Command, files []installFile) error {
	for _, file := range files {
		output := &cli.Output{File: filepath.Join(f.out, file.name)}
		if err := output.Check(nil); err != nil {
			return err
		}
	}
	for _, file := range files {
		at := filepath.Join(f.out, file.name)
		if err := durable.WritePath(at, []byte(file.content), durable.Options{Mode: file.mode}); err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "wrote %s\n", at)
	}
	return nil
}
