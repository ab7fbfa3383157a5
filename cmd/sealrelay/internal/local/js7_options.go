package local

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// js7Options are the options of a command line, by name.
type js7Options map[string]string

// parseJS7 reads a command line as JS7's programs do: an option that is not
// known changes nothing. A warning says so, since it may be a typing error; of
// the option it repeats the name only.
func parseJS7(cmd *cobra.Command, args, known []string) js7Options {
	options := js7Options{}
	for i, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		switch option, dashed := strings.CutPrefix(name, "--"); {
		case arg == "-h", name == "--help":
			options["help"] = ""
		case dashed && slices.Contains(known, option):
			options[option] = value
		case dashed:
			fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: warning: option %q is not known and ignored\n", name)
		default:
			fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: warning: argument %d is no option and ignored; options are written --name=value\n", i+1)
		}
	}
	return options
}

func (o js7Options) has(name string) bool {
	_, given := o[name]
	return given
}

// missingOption says which option is missing.
type missingOption struct{ text string }

func (e missingOption) Error() string { return e.text }
