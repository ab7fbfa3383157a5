package local

import "github.com/spf13/cobra"

func js7Link(string) *cobra.Command { return nil }
