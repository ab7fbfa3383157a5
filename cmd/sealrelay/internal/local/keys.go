package local

import (
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

func newKeys() *cobra.Command {
	return cli.Parent("keys", "Make keys and certificates, and look at them",
		newKeysGenerate(), newKeysCSR(), newKeysSelfSign(), newKeysInspect(), newKeysCheck())
}
