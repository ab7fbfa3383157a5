package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/agentkeys"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
)

// recipientFlags say whom to seal for.
type recipientFlags struct {
	recipient, cert, agent, key, format string
	config                              *string
}

func newEncrypt() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "encrypt",
		Short: "Seal a secret for one recipient",
		Long: `Seal the secret on standard input for one recipient and print the envelope.

The secret is sealed as it comes: a newline at its end is part of it. A text
envelope (js7) is printed with a newline after it, which is not part of it.`,
		Example: `  printf %s "$PASSWORD" | sealrelay encrypt --cert agent.crt
  sealrelay encrypt -r age1... --infile secret.txt --outfile secret.age`,
		Args: arguments(cobra.NoArgs),
	}
	to := &recipientFlags{config: configFlag(cmd)}
	cmd.Flags().StringVarP(&to.recipient, "recipient", "r", "", "seal for this age `recipient` (age1...)")
	cmd.Flags().StringVar(&to.cert, "cert", "", "seal for the certificate or public key in this `file`")
	cmd.Flags().StringVar(&to.agent, "agent", "", "seal for this `agent` of the configuration, whose key must pass the policy")
	cmd.Flags().StringVar(&to.key, "key-name", "", "the `name` of the agent's key, if it has several")
	cmd.Flags().StringVar(&to.format, "format", "", "envelope `format`: js7, age (default: follows from the key)")
	cmd.MarkFlagsMutuallyExclusive("recipient", "cert", "agent")
	in := addInputFlags(cmd, "secret", true)
	out := addOutputFlags(cmd, "outfile", "envelope")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		key, err := to.resolve()
		if err != nil {
			return err
		}
		if err := out.check(); err != nil {
			return err
		}
		envelope, err := sealInput(cmd, in, key)
		if err != nil {
			return err
		}
		if out.file == "" && printable(envelope) {
			envelope = append(envelope, '\n')
		}
		return out.write(cmd, envelope)
	}
	return cmd
}

func sealInput(cmd *cobra.Command, in *inputFlags, key *agentkeys.Key) ([]byte, error) {
	value, err := in.read(cmd)
	if err != nil {
		return nil, err
	}
	defer value.Wipe()
	var envelope []byte
	err = value.Expose(func(plaintext []byte) error {
		envelope, err = key.Recipient.Seal(plaintext)
		return err
	})
	return envelope, err
}

// resolve reads the recipient's key, which must pass the policy.
func (f *recipientFlags) resolve() (*agentkeys.Key, error) {
	key, err := f.read()
	if err != nil {
		return nil, err
	}
	if err := key.Check(time.Now()); err != nil {
		return nil, err
	}
	return key, nil
}

func (f *recipientFlags) read() (*agentkeys.Key, error) {
	require := agentkeys.Requirements{Format: f.format}
	switch {
	case f.recipient != "":
		return agentkeys.NewKey([]byte(f.recipient), require)
	case f.cert != "":
		data, err := readFile(f.cert)
		if err != nil {
			return nil, fmt.Errorf("read recipient: %w", err)
		}
		key, err := agentkeys.NewKey(data, require)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.cert, err)
		}
		return key, nil
	case f.agent != "":
		cfg, err := config.Load(*f.config)
		if err != nil {
			return nil, err
		}
		return app.AgentKey(cfg, f.agent, f.key)
	}
	return nil, usageErrorf("missing recipient; give -r AGE-RECIPIENT, --cert FILE or --agent NAME")
}
