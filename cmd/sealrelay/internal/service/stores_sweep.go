package service

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys/stores/ssh"
	"github.com/sealrelay/sealrelay/agentkeys/stores/sweep"
	"github.com/sealrelay/sealrelay/agentkeys/stores/tls"
	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
)

const sweepLong = `Each TARGET is a host, host:port or a range of addresses (192.0.2.0/24), at most
65,536 addresses in all. What is closed or silent is left out and counted on standard
error. `

// sweepFlags adds the flags that all searches of networks have.
func sweepFlags(cmd *cobra.Command, port int) *sweep.Config {
	config := &sweep.Config{}
	flags := cmd.Flags()
	flags.IntSliceVar(&config.Ports, "port", []int{port}, "the `PORT` of targets without one; several times")
	flags.DurationVar(&config.Timeout, "timeout", 10*time.Second, "for all that is done with one address, at most 1m")
	flags.IntVar(&config.Together, "together", 32, "how many addresses are looked at at once, at most 256")
	flags.IntVar(&config.Rate, "rate", 100, "how many connections are begun in a second, at most 1000")
	return config
}

func newStoresDiscoverTLS() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tls TARGET...",
		Short: "Find TLS endpoints, and what they serve",
		Long: sweepLong + `A handshake is made with the others, nothing else is sent and nothing is
trusted. What makes no handshake is told: exits with 4 then.`,
		Args: cli.Arguments(cobra.MinimumNArgs(1)),
	}
	asJSON, settings := cli.JSONFlag(cmd), sweepFlags(cmd, 443)
	cmd.RunE = func(cmd *cobra.Command, targets []string) error {
		settings.Targets = targets
		s, err := sweep.New(*settings)
		if err != nil {
			return cli.UsageErrorf("%w", err)
		}
		err = discover(cmd, tls.NewDiscoverer(s), "addresses looked at", s.Progress, *asJSON)
		fmt.Fprintln(cmd.ErrOrStderr(), s.Summary())
		return err
	}
	return cmd
}

func newStoresDiscoverSSH() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ssh TARGET... --known-hosts FILE",
		Short: "Find SSH servers, and approve their host keys",
		Long: sweepLong + `The others are asked for their host keys; no login is tried. A key that is not
in known_hosts is told: exits with 4 then. Compare its fingerprint with what the host
itself says (ssh-keygen -lf), and approve it with the same command and --approve. The exit code
tells what was approved before.`,
		Args: cli.Arguments(cobra.MinimumNArgs(1)),
	}
	asJSON, settings := cli.JSONFlag(cmd), sweepFlags(cmd, 22)
	file := cmd.Flags().String("known-hosts", "", "the `FILE` with the keys that are approved")
	approve := cmd.Flags().StringSlice("approve", nil, "add the keys with this `FINGERPRINT` (SHA256:...) to known_hosts; several times")
	if err := cmd.MarkFlagRequired("known-hosts"); err != nil {
		panic(err) // It was defined above.
	}
	cmd.RunE = func(cmd *cobra.Command, targets []string) error {
		settings.Targets = targets
		s, err := sweep.New(*settings)
		if err != nil {
			return cli.UsageErrorf("%w", err)
		}
		discoverer := ssh.NewDiscoverer(s, *file)
		err = discover(cmd, discoverer, "addresses looked at", s.Progress, *asJSON)
		fmt.Fprintln(cmd.ErrOrStderr(), s.Summary())
		if len(*approve) == 0 || cmd.Context().Err() != nil {
			return err
		}
		added, failed := ssh.Approve(cmd.Context(), *file, discoverer.Seen(), *approve)
		if failed != nil {
			return failed
		}
		for _, key := range added {
			fmt.Fprintf(cmd.ErrOrStderr(), "approved: %s %s\n", key.Address, key.Fingerprint())
		}
		return err
	}
	return cmd
}
