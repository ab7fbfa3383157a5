package local

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

// The exit codes of JS7's programs, which those that stand in for them have too.
const (
	js7Missing = 1 // an option that is needed is missing
	js7Failed  = 2 // anything else
)

func newJS7() *cobra.Command {
	return cli.Parent("js7", "Stand in for js7_encrypt.sh and js7_decrypt.sh, and look at what they made",
		newJS7Command("encrypt", js7EncryptUse, js7EncryptOptions, js7Encrypt),
		newJS7Command("decrypt", js7DecryptUse, js7DecryptOptions, js7Decrypt),
		newJS7Import())
}

// Linked returns the command that a program of this name is: js7_encrypt and
// js7_decrypt, whose names may end in .sh, as those of JS7's own scripts do; nil
// for any other name.
func Linked(program string) *cobra.Command {
	name := strings.ToLower(filepath.Base(program))
	for _, extension := range []string{".exe", ".sh"} {
		name = strings.TrimSuffix(name, extension)
	}
	switch name {
	case "js7_encrypt":
		return newJS7Command(name, js7EncryptUse, js7EncryptOptions, js7Encrypt)
	case "js7_decrypt":
		return newJS7Command(name, js7DecryptUse, js7DecryptOptions, js7Decrypt)
	}
	return nil
}

// newJS7Command makes a command with the options of JS7's programs, which are
// written --name=value, in any order; no option at all asks for the usage.
func newJS7Command(name, usage string, known []string, run func(*cobra.Command, js7Options) error) *cobra.Command {
	return &cobra.Command{
		Use:                name + " --OPTION=VALUE...",
		Short:              "Stand in for js7_" + strings.TrimPrefix(name, "js7_") + ".sh: same options, output and exit codes",
		DisableFlagParsing: true,
		SilenceErrors:      true,
		SilenceUsage:       true,
		RunE: func(cmd *cobra.Command, args []string) error {
			options := parseJS7(cmd, args, known)
			if len(args) == 0 || options.has("help") {
				cmd.Printf("usage: %s\n%s", cmd.CommandPath(), usage)
				return nil
			}
			err := run(cmd, options)
			if missing := (missingOption{}); errors.As(err, &missing) {
				return cli.WithCode(err, js7Missing)
			}
			if err != nil {
				return cli.WithCode(err, js7Failed)
			}
			return nil
		},
	}
}
