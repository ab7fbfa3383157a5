package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// waitPoll is how often a run is looked at that somebody waits for.
const waitPoll = 500 * time.Millisecond

func newJobsStart() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "start JOB",
		Short: "Have a job run now, or once at a time",
		Long: `Have a job run now, or once at a time: the service, or the agent that does it, takes the
run when it is due. With --wait it returns when the run has ended, and exits with 4 if it
is a warning and with 1 if it failed or was cancelled; an interrupt ends the wait and not
the run.`,
		Example: `  sealrelay jobs start vault-inventory --wait
  sealrelay jobs start report --parameter level=3 --at 2026-12-01T03:00:00Z`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	given := cmd.Flags().StringArray("parameter", nil, "a parameter of a command, `NAME=VALUE`: a whole number, true, false, or a text, in double quotes if it looks like one of those; several times")
	at := cmd.Flags().String("at", "", "when, a `TIME` such as 2026-12-01T03:00:00Z")
	wait := cmd.Flags().Bool("wait", false, "wait until the run has ended")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		order := jobs.Order{Job: args[0], Actor: operator()}
		var err error
		if order.Parameters, err = parametersOf(*given); err != nil {
			return err
		}
		if *at != "" {
			if order.At, err = time.Parse(time.RFC3339, *at); err != nil {
				return cli.UsageErrorf("--at %q is not a time such as 2026-12-01T03:00:00Z", *at)
			}
		}
		return withJobs(cmd, *path, func(ctx context.Context, desk *jobs.Desk, runs outbox.Jobs) error {
			run, err := desk.Start(ctx, order)
			if err != nil {
				return err
			}
			if !*wait {
				return printAdded(cmd, run, *asJSON)
			}
			return awaitRun(ctx, cmd, runs, run, *asJSON)
		})
	}
	return cmd
}

// parametersOf reads the parameters as JSON has them.
func parametersOf(texts []string) (map[string]any, error) {
	parameters := map[string]any{}
	for _, text := range texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return nil, cli.UsageErrorf("--parameter %q is not NAME=VALUE", text)
		}
		if _, twice := parameters[name]; twice {
			return nil, cli.UsageErrorf("--parameter %s is there twice", name)
		}
		parameters[name] = value
		var quoted string
		switch number, err := strconv.ParseInt(value, 10, 64); {
		case err == nil && strconv.FormatInt(number, 10) == value:
			parameters[name] = number
		case value == "true" || value == "false":
			parameters[name] = value == "true"
		case strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &quoted) == nil:
			parameters[name] = quoted
		}
	}
	return parameters, nil
}

func printAdded(cmd *cobra.Command, run outbox.Run, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, standing.RunOf(run))
	}
	_, err := fmt.Fprintf(cmd.OutOrStdout(), "run %s of job %s waits for %s\n", run.ID, run.Job, onText(run.Runner))
	return err
}

// awaitRun waits for the end of a run, and tells how it went.
func awaitRun(ctx context.Context, cmd *cobra.Command, runs outbox.Jobs, run outbox.Run, asJSON bool) error {
	tick := time.NewTicker(waitPoll)
	defer tick.Stop()
	for run.State == outbox.RunWaiting || run.State == outbox.RunRunning {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), printAdded(cmd, run, asJSON))
		}
		now, err := runs.GetRun(ctx, run.ID)
		if err != nil {
			return fmt.Errorf("run %s: %w", run.ID, err)
		}
		run = now
	}
	if err := printRun(cmd, standing.RunOf(run), asJSON); err != nil {
		return err
	}
	switch {
	case run.State == outbox.RunCancelled:
		return fmt.Errorf("run %s was cancelled", run.ID)
	case run.Result == outbox.RunFailure:
		return fmt.Errorf("run %s failed: %s", run.ID, run.Message)
	case run.Result == outbox.RunWarning:
		return cli.Attentionf("run %s: %s", run.ID, run.Message)
	}
	return nil
}

func newJobsRetry() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry RUN",
		Short: "Run the job of a run that failed, warned or was cancelled again",
		Args:  cli.Arguments(cobra.ExactArgs(1)),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withJobs(cmd, *path, func(ctx context.Context, desk *jobs.Desk, _ outbox.Jobs) error {
			run, err := desk.Retry(ctx, args[0], operator())
			if err != nil {
				return fmt.Errorf("run %s: %w", args[0], err)
			}
			return printAdded(cmd, run, *asJSON)
		})
	}
	return cmd
}

func newJobsCancel() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cancel RUN",
		Short: "Cancel a run that waits, or tell one that runs to stop",
		Long: `Cancel a run that waits, or tell one that runs to stop. Whoever runs it learns of it within
ten seconds and ends what it does in its own way.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withJobs(cmd, *path, func(ctx context.Context, desk *jobs.Desk, _ outbox.Jobs) error {
			run, err := desk.Cancel(ctx, args[0], operator())
			if err != nil {
				return fmt.Errorf("run %s: %w", args[0], err)
			}
			if *asJSON {
				return cli.PrintJSON(cmd, standing.RunOf(run))
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "run %s of job %s: %s\n", run.ID, run.Job, standing.RunOf(run).Standing())
			return err
		})
	}
	return cmd
}

func newJobsAcknowledge() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "acknowledge {RUN... | --job JOB | --all}",
		Short: "Say that failures and warnings were looked at",
		Args:  cli.Arguments(cobra.ArbitraryArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	job := cmd.Flags().String("job", "", "those of a `job`")
	all := cmd.Flags().Bool("all", false, "all there are")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		filters := []outbox.RunFilter{{Job: *job}}
		if len(args) > 0 {
			filters = nil
			for _, id := range args {
				filters = append(filters, outbox.RunFilter{ID: id})
			}
		}
		ways := 0
		for _, given := range []bool{len(args) > 0, *job != "", *all} {
			if given {
				ways++
			}
		}
		if ways != 1 {
			return cli.UsageErrorf("name runs, or use --job or --all")
		}
		return withJobs(cmd, *path, func(ctx context.Context, desk *jobs.Desk, runs outbox.Jobs) error {
			for _, id := range args { // One that is mistyped acknowledges nothing.
				if _, err := runs.GetRun(ctx, id); err != nil {
					return fmt.Errorf("run %s: %w", id, err)
				}
			}
			total := 0
			for _, filter := range filters {
				n, err := desk.Acknowledge(ctx, filter, operator())
				if err != nil {
					return err
				}
				total += n
			}
			if *asJSON {
				return cli.PrintJSON(cmd, map[string]int{"acknowledged": total})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "acknowledged %d\n", total)
			return err
		})
	}
	return cmd
}

func newJobsSchedule(on bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "unschedule JOB",
		Short: "Take a job off its schedule, until it is put on again",
		Long: `Take a job off its schedule, until it is put on again. A run that waits or runs is not
touched, and the job can still be started.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	verb, state := "taken off", "off"
	if on {
		cmd.Use, cmd.Short = "schedule JOB", "Put a job on its schedule again"
		cmd.Long = "Put a job on its schedule again. What was missed meanwhile is not made up for, but for\na time that comes once."
		verb, state = "put on", "on"
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withJobs(cmd, *path, func(ctx context.Context, desk *jobs.Desk, _ outbox.Jobs) error {
			changed, err := desk.SetScheduled(ctx, args[0], on, operator())
			if err != nil {
				return err
			}
			if *asJSON {
				return cli.PrintJSON(cmd, map[string]any{"job": args[0], "changed": changed})
			}
			text := fmt.Sprintf("job %s was %s its schedule\n", args[0], verb)
			if !changed {
				text = fmt.Sprintf("job %s is %s its schedule already\n", args[0], state)
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		})
	}
	return cmd
}
