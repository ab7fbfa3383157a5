package cli

import "github.com/spf13/cobra"

// Command is a command that is made when it is needed: to make them all takes
// longer than most of them run.
type Command struct {
	Name string
	New  func() *cobra.Command
}

// Chosen makes the command that the command line begins with; all of them if it
// begins with none, such as with a request for help.
func Chosen(commands []Command, args []string) []*cobra.Command {
	var made []*cobra.Command
	for _, command := range commands {
		if len(args) > 0 && args[0] == command.Name {
			return []*cobra.Command{command.New()}
		}
	}
	for _, command := range commands {
		made = append(made, command.New())
	}
	return made
}
