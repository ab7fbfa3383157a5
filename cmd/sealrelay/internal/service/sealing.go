package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/internal/push"
	"github.com/sealrelay/sealrelay/internal/spool"
)

// sealFlags say how events are sealed before they are sent.
type sealFlags struct {
	seal                        bool
	serviceKey, issuer, spoolAt string
	cacheFor                    time.Duration
	// cmd is whose standard error is told what became of the spool.
	cmd *cobra.Command
}

func (f *sealFlags) register(cmd *cobra.Command, seal bool) {
	f.cmd = cmd
	flags := cmd.Flags()
	flags.BoolVar(&f.seal, "seal", seal, "seal here, for the recipients that the service signs, so that it never sees the value")
	flags.StringVar(&f.serviceKey, "service-key", os.Getenv("SEALRELAY_SERVICE_KEY"), "the service's public key (PEM `file`), which must have signed the recipients (environment: SEALRELAY_SERVICE_KEY)")
	flags.StringVar(&f.issuer, "issuer", "", "the `name` that the service must have signed with")
	flags.StringVar(&f.spoolAt, "spool", os.Getenv("SEALRELAY_SPOOL"), "`folder` in which sealed events wait while the service is away (environment: SEALRELAY_SPOOL)")
	flags.DurationVar(&f.cacheFor, "recipients-cache-for", push.DefaultCacheFor, "how long recipients kept in the spool are used; 0 to fetch them each time")
}

func (f *sealFlags) check() error {
	changed := func(name string) bool { return f.cmd.Flags().Changed(name) }
	switch {
	case !f.seal && (changed("service-key") || changed("issuer") || changed("spool") || changed("recipients-cache-for")):
		return cli.UsageErrorf("--service-key, --issuer, --spool and --recipients-cache-for are for sealing here; add --seal")
	case !f.seal:
		return nil
	case f.serviceKey == "":
		return cli.UsageErrorf("missing key of the service, which must have signed the recipients; give --service-key FILE with the public half of its signing key, or --seal=false to let the service seal")
	case f.cacheFor < 0:
		return cli.UsageErrorf("--recipients-cache-for is 0 or more")
	}
	return nil
}

// sealer opens the spool, which closeSpool closes.
func (f *sealFlags) sealer(client *push.Client) (*push.Sealer, error) {
	data, err := cli.ReadFile(f.serviceKey)
	if err != nil {
		return nil, fmt.Errorf("read service key: %w", err)
	}
	warn := func(err error) { fmt.Fprintf(f.cmd.ErrOrStderr(), "sealrelay: spool: %v\n", err) }
	sealer := &push.Sealer{Client: client, Issuer: f.issuer, CacheFor: f.cacheFor, Warn: warn}
	if sealer.ServiceKey, err = keys.ParseVerifying(data); err != nil {
		return nil, fmt.Errorf("%s: %w", f.serviceKey, err)
	}
	if f.spoolAt != "" {
		sealer.Spool, err = spool.Open(f.spoolAt)
	}
	return sealer, err
}

func closeSpool(sealer *push.Sealer) error {
	if sealer.Spool == nil {
		return nil
	}
	return sealer.Spool.Close()
}

// sendWaiting sends what waits in the spool. What becomes of it is no failure of
// the event that was sent before it: it is told, and `push --flush` fails by it.
func (f *sealFlags) sendWaiting(ctx context.Context, sealer *push.Sealer) {
	stderr := f.cmd.ErrOrStderr()
	// A password manager waits for this command: what fails now is tried by the
	// next one.
	once, client := *sealer, *sealer.Client
	client.Attempts, once.Client = 1, &client
	flushed, err := once.Flush(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "sealrelay: the spool could not be sent: %v\n", err)
	}
	printFlushed(stderr, flushed)
}

// printFlushed tells what became of the events of a spool.
func printFlushed(w io.Writer, flushed push.Flushed) {
	for _, answer := range flushed.Sent {
		fmt.Fprintf(w, "from the spool: %s: version %d of %s (event %s)\n", answer.Status, answer.Version, answer.Secret, answer.EventID)
	}
	for _, refusal := range flushed.Refused {
		fmt.Fprintf(w, "from the spool: %s waits on (event %s): %v\n", refusal.Event.Sealed.Secret, refusal.Event.Sealed.EventID, refusal.Err)
	}
	for _, event := range flushed.Lost {
		fmt.Fprintf(w, "from the spool: %s IS LOST unless it is pushed again (event %s, of %s): %s\n",
			event.Sealed.Secret, event.Sealed.EventID, event.Sealed.OccurredAt.Format(time.RFC3339), event.Reason)
	}
	if flushed.Away != nil {
		fmt.Fprintf(w, "from the spool: %d wait on: %v\n", flushed.Waiting, flushed.Away)
	}
	if flushed.Damaged != nil {
		fmt.Fprintf(w, "from the spool: not readable; push their secrets again, and remove the files: %v\n", flushed.Damaged)
	}
}

// flush is `sealrelay push --flush`.
func (f *senderFlags) flush(cmd *cobra.Command) error {
	if !f.seal || f.spoolAt == "" {
		return cli.UsageErrorf("--flush sends what is in a spool; give --seal and --spool DIR")
	}
	client, err := f.client()
	if err != nil {
		return err
	}
	sealer, err := f.sealer(client)
	if err != nil {
		return err
	}
	flushed, err := sealer.Flush(cmd.Context())
	if err := errors.Join(err, closeSpool(sealer)); err != nil {
		return err
	}
	printFlushed(cmd.OutOrStdout(), flushed)
	switch {
	case len(flushed.Lost) > 0 || flushed.Damaged != nil:
		return cli.WithCode(fmt.Errorf("%d events cannot be sent any more; push their secrets again", len(flushed.Lost)), cli.ExitLost)
	case flushed.Away != nil:
		return fmt.Errorf("the service is away, %d events wait on: %w", flushed.Waiting, flushed.Away)
	case len(flushed.Refused) > 0:
		return fmt.Errorf("%d events were refused and wait on; mend what the service says, or push their secrets again", len(flushed.Refused))
	}
	return nil
}
