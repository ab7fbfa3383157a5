package local

import (
	"errors"
	"fmt"

	"filippo.io/age/plugin"
	"github.com/spf13/cobra"
)

// pluginUI lets an age plugin speak with the user, who may have to touch a
// hardware key or type its PIN.
func pluginUI(cmd *cobra.Command) *plugin.ClientUI {
	return &plugin.ClientUI{
		DisplayMessage: func(name, message string) error {
			fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: %s: %s\n", name, message)
			return nil
		},
		RequestValue: func(name, prompt string, _ bool) (string, error) {
			value, err := askPassword(cmd, name+": "+prompt+" ")
			return string(value), err
		},
		Confirm: func(string, string, string, string) (bool, error) {
			return false, errors.New("the plugin asks a question that cannot be answered here")
		},
		WaitTimer: func(name string) {
			fmt.Fprintf(cmd.ErrOrStderr(), "sealrelay: waiting for %s\n", name)
		},
	}
}
