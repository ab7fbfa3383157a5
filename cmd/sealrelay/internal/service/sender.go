package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
	"github.com/sealrelay/sealrelay/internal/wire"
)

// senderFlags say where to send events, how to prove who sends them, and
// whether to seal them here.
type senderFlags struct {
	url, secretFile, tokenFile string
	tries                      int
	timeout                    time.Duration
	tls                        push.TLS
	sealFlags
}

// register adds the flags; seal says whether events are sealed by default.
func (f *senderFlags) register(cmd *cobra.Command, seal bool) {
	flags := cmd.Flags()
	flags.StringVar(&f.url, "url", os.Getenv("SEALRELAY_URL"), "hook endpoint, https://HOST/v1/hooks/SOURCE (environment: SEALRELAY_URL)")
	flags.StringVar(&f.secretFile, "secret-file", os.Getenv("SEALRELAY_SECRET_FILE"), "`file` with the secret shared with the source, whsec_... (environment: SEALRELAY_SECRET_FILE)")
	flags.StringVar(&f.tokenFile, "token-file", "", "`file` with a bearer token, for a source that takes one in place of a signature")
	flags.StringVar(&f.tls.CAFile, "ca-file", os.Getenv("SEALRELAY_CA_FILE"), "PEM `file` with an authority to trust beside the system's (environment: SEALRELAY_CA_FILE)")
	flags.StringVar(&f.tls.CertFile, "client-cert", "", "PEM `file` with a TLS client certificate")
	flags.StringVar(&f.tls.KeyFile, "client-key", "", "PEM `file` with its private key")
	flags.IntVar(&f.tries, "tries", push.DefaultAttempts, "how often to try at most")
	flags.DurationVar(&f.timeout, "timeout", push.DefaultMaxElapsed, "how long to try at most")
	cmd.MarkFlagsMutuallyExclusive("secret-file", "token-file")
	cmd.MarkFlagsRequiredTogether("client-cert", "client-key")
	f.sealFlags.register(cmd, seal)
}

// check finds what is wrong with the flags, before a value is read.
func (f *senderFlags) check() error {
	if f.url == "" {
		return cli.UsageErrorf("missing address; give --url https://HOST/v1/hooks/SOURCE")
	}
	if f.tries < 1 || f.timeout <= 0 {
		return cli.UsageErrorf("--tries and --timeout are above 0")
	}
	if f.tokenFile == "" && f.secretFile == "" {
		return cli.UsageErrorf("missing credential; give --secret-file or --token-file")
	}
	return f.sealFlags.check()
}

// send sends the event, whose Value stays the caller's. With --seal it is sealed
// first, and what waits in the spool is sent after it; what became of that is
// told on standard error. The error of an event that is in the spool, to be sent
// later, is a *push.SpooledError, which a hook may take for success.
func (f *senderFlags) send(ctx context.Context, event hooks.Event) (wire.Answer, error) {
	client, err := f.client()
	if err != nil {
		return wire.Answer{}, err
	}
	if !f.seal {
		return client.Push(ctx, event)
	}
	sealer, err := f.sealer(client)
	if err != nil {
		return wire.Answer{}, err
	}
	answer, err := sealer.Push(ctx, event)
	if err == nil && sealer.Spool != nil {
		f.sendWaiting(ctx, sealer)
	}
	return answer, errors.Join(err, closeSpool(sealer))
}

func (f *senderFlags) client() (*push.Client, error) {
	httpClient, err := push.NewHTTP(f.tls)
	if err != nil {
		return nil, err
	}
	client := &push.Client{URL: f.url, HTTP: httpClient, Attempts: f.tries, MaxElapsed: f.timeout}
	if f.tokenFile != "" {
		client.Token, err = readSecretFile(f.tokenFile)
		return client, err
	}
	text, err := readSecretFile(f.secretFile)
	if err != nil {
		return nil, err
	}
	defer text.Wipe()
	client.Secret, err = verify.ParseSecret(text)
	return client, err
}

// readSecretFile reads a credential without the newline at its end.
func readSecretFile(name string) (*secretbytes.Value, error) {
	data, err := cli.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read credential: %w", err)
	}
	defer clear(data)
	return secretbytes.Copy(bytes.TrimSuffix(bytes.TrimSuffix(data, []byte("\n")), []byte("\r"))), nil
}
