package agentcmd

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/receipt"
	"github.com/sealrelay/sealrelay/internal/agent/config"
	"github.com/sealrelay/sealrelay/internal/agent/private"
	"github.com/sealrelay/sealrelay/internal/agent/program"
	"github.com/sealrelay/sealrelay/internal/bundle"
	"github.com/sealrelay/sealrelay/internal/deliver/file"
)

// receiver is who a bundle is applied by.
type receiver struct {
	agent   string
	trusted []ed25519.PublicKey
	// key signs the receipts.
	key    ed25519.PrivateKey
	accept bundle.Accept
	close  func() error
}

// folderFlags name a folder of files, and who writes to it.
type folderFlags struct {
	agent, dir, signingKey string
	serviceKeys            []string
}

func addFolderFlags(cmd *cobra.Command) *folderFlags {
	f := &folderFlags{}
	cmd.Flags().StringVar(&f.dir, "dir", "", "the `folder` to write files to, in place of the agent's state; made if only its last part is missing")
	cmd.Flags().StringVar(&f.agent, "agent", "", "with --dir, the `name` that the service knows this agent by")
	cmd.Flags().StringArrayVar(&f.serviceKeys, "service-key", nil, "with --dir, the service's public key (PEM `file`); several times while it changes")
	cmd.Flags().StringVar(&f.signingKey, "signing-key", "", "with --dir, the agent's Ed25519 private key (PEM `file`) that receipts are signed with")
	cmd.MarkFlagsRequiredTogether("dir", "agent", "service-key", "signing-key")
	cmd.MarkFlagsMutuallyExclusive("dir", "config")
	return f
}

// open makes the receiver of a folder of files.
func (f *folderFlags) open() (*receiver, error) {
	r := &receiver{agent: f.agent}
	for _, name := range f.serviceKeys {
		data, err := cli.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read service key: %w", err)
		}
		key, err := keys.ParseVerifying(data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r.trusted = append(r.trusted, key)
	}
	if err := private.CheckFile(f.signingKey); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	data, err := cli.ReadFile(f.signingKey)
	if err != nil {
		return nil, fmt.Errorf("read signing key: %w", err)
	}
	defer clear(data)
	if r.key, err = keys.ParseSigning(data); err != nil {
		return nil, fmt.Errorf("%s: %w", f.signingKey, err)
	}
	signer, err := receipt.NewSigner(r.key)
	if err != nil {
		return nil, err
	}
	r.accept, r.close = bundle.IntoFolder(file.At(f.dir), signer), func() error { return nil }
	return r, nil
}

// openState makes the receiver that is the agent itself, which takes its actions
// until it is closed.
func openState(cmd *cobra.Command, path string) (*receiver, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, err
	}
	level, err := zerolog.ParseLevel(c.Log.Level)
	if err != nil {
		return nil, err
	}
	trust, err := c.Trust()
	if err != nil {
		return nil, err
	}
	key, err := c.SigningKey()
	if err != nil {
		return nil, err
	}
	agent, err := program.New(c, zerolog.New(cmd.ErrOrStderr()).Level(level).With().Timestamp().Logger())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(cmd.Context())
	ended := make(chan error, 1)
	go func() { ended <- agent.Run(ctx) }()
	return &receiver{
		agent: c.Name, trusted: trust.Service, key: key, accept: bundle.IntoAgent(agent.Accept, key.Public().(ed25519.PublicKey)),
		close: func() error {
			stop()
			return errors.Join(<-ended, agent.Close())
		},
	}, nil
}
