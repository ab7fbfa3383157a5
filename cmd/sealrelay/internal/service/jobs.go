package service

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/sealrelay/sealrelay/cmd/sealrelay/internal/cli"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

func newJobs() *cobra.Command {
	return cli.Parent("jobs", "Run jobs on stores and commands, and see what came of them",
		newJobsList(), newJobsStart(), newJobsRuns(), newJobsShow(), newJobsOutput(), newJobsRetry(), newJobsCancel(),
		newJobsAcknowledge(), newJobsSchedule(true), newJobsSchedule(false))
}

// withJobs works on the jobs of a configuration and on what the outbox has of them.
func withJobs(cmd *cobra.Command, path string, work func(ctx context.Context, desk *jobs.Desk, runs outbox.Jobs) error) error {
	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	defined, err := app.Jobs(cfg)
	if err != nil {
		return err
	}
	store, err := openStored(cmd, cfg)
	if err != nil {
		return err
	}
	desk := jobs.NewDesk(jobs.DeskOptions{Jobs: store, Definitions: func() map[string]jobs.Definition { return defined }, Log: zerolog.Nop()})
	err = work(cmd.Context(), desk, store)
	if errors.Is(err, outbox.ErrNoRun) {
		err = fmt.Errorf("%w; `sealrelay jobs runs` lists those there are", err)
	}
	return errors.Join(err, store.Close())
}

func newJobsList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the jobs of the configuration: when each is due next, and what came of it last",
		Long: `List the jobs of the configuration: when each is due next, and what came of it last.
Exits with 4 if there are failures or warnings that nobody has acknowledged.`,
		Args: cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return withJobs(cmd, *path, func(ctx context.Context, desk *jobs.Desk, _ outbox.Jobs) error {
			listed, err := desk.List(ctx)
			if err != nil {
				return err
			}
			views, open := []standing.Job{}, 0
			for _, job := range listed {
				views = append(views, standing.JobOf(job))
				open += job.Unacknowledged
			}
			if err := printJobs(cmd, views, *asJSON); err != nil {
				return err
			}
			if open > 0 {
				return cli.Attentionf("%d failures and warnings that nobody has acknowledged; `sealrelay jobs runs --unacknowledged` has them", open)
			}
			return nil
		})
	}
	return cmd
}

func printJobs(cmd *cobra.Command, views []standing.Job, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, views)
	}
	var rows [][]string
	for _, job := range views {
		schedule, next, last := job.Schedule, "-", "-"
		if job.Off {
			schedule += " (off)"
		}
		switch {
		case job.Present != nil && job.Present.State == string(outbox.RunRunning):
			next = "running"
		case job.Next != nil:
			next = cli.TimeText(*job.Next)
		}
		if job.Latest != nil {
			last = fmt.Sprintf("%s at %s", job.Latest.Result, cli.TimeText(*job.Latest.EndedAt))
		}
		rows = append(rows, []string{job.Name, job.Kind, onText(job.Agent), schedule, next, last, strconv.Itoa(job.Unacknowledged)})
	}
	return cli.PrintTable(cmd, []string{"JOB", "KIND", "ON", "SCHEDULE", "NEXT", "LAST", "OPEN"}, rows)
}

func onText(agent string) string {
	if agent == "" {
		return "the service"
	}
	return agent
}

func newJobsRuns() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "runs",
		Short:   "List runs of jobs, the newest first",
		Example: "  sealrelay jobs runs --job vault-inventory --result warning,failure",
		Args:    cli.Arguments(cobra.NoArgs),
	}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	var filter outbox.RunFilter
	flags := cmd.Flags()
	flags.StringVar(&filter.Job, "job", "", "only runs of this `job`")
	flags.StringVar(&filter.Runner, "agent", "", "only runs on this `agent`")
	flags.BoolVar(&filter.OnService, "on-service", false, "only runs on the service")
	flags.StringVar(&filter.Kind, "kind", "", "only runs of this `kind`")
	states := flags.StringSlice("state", nil, "only runs in these `states`: waiting, running, ended, cancelled")
	results := flags.StringSlice("result", nil, "only runs with these `results`: success, warning, failure")
	flags.BoolVar(&filter.Unacknowledged, "unacknowledged", false, "only failures and warnings that nobody has acknowledged")
	flags.StringVar(&filter.Before, "before", "", "go on behind the run of this `ID`")
	flags.IntVar(&filter.Limit, "limit", 50, "list this many, at most 1000")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if filter.States, err = wordsOf("--state", *states, outbox.RunStates); err != nil {
			return err
		}
		if filter.Results, err = wordsOf("--result", *results, outbox.RunResults); err != nil {
			return err
		}
		if filter.Limit < 1 || filter.Limit > 1000 {
			return cli.UsageErrorf("--limit is not 1 to 1000")
		}
		return withJobs(cmd, *path, func(ctx context.Context, _ *jobs.Desk, runs outbox.Jobs) error {
			found, err := runs.Runs(ctx, filter)
			if err != nil {
				return err
			}
			views := []standing.Run{}
			for _, run := range found {
				views = append(views, standing.RunOf(run))
			}
			return printRuns(cmd, views, *asJSON)
		})
	}
	return cmd
}

// wordsOf reads words of a flag, each one of those that there are.
func wordsOf[T ~string](flag string, words []string, all []T) ([]T, error) {
	var found []T
	for _, word := range words {
		known := false
		for _, one := range all {
			known = known || string(one) == word
		}
		if !known {
			return nil, cli.UsageErrorf("%s %q is none of %q", flag, word, all)
		}
		found = append(found, T(word))
	}
	return found, nil
}

func printRuns(cmd *cobra.Command, views []standing.Run, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, views)
	}
	var rows [][]string
	for _, run := range views {
		at := run.DueAt
		if run.StartedAt != nil {
			at = *run.StartedAt
		}
		message, _, more := strings.Cut(run.Message, "\n")
		if more {
			message += " ..."
		}
		rows = append(rows, []string{run.ID, run.Job, onText(run.Agent), cli.TimeText(at), run.Trigger, run.Standing(), cli.Dash(message)})
	}
	return cli.PrintTable(cmd, []string{"RUN", "JOB", "ON", "AT", "WHY", "STATE", "MESSAGE"}, rows)
}

func newJobsShow() *cobra.Command {
	cmd := &cobra.Command{Use: "show RUN", Short: "Show a run of a job", Args: cli.Arguments(cobra.ExactArgs(1))}
	path, asJSON := cli.ConfigFlag(cmd), cli.JSONFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withJobs(cmd, *path, func(ctx context.Context, _ *jobs.Desk, runs outbox.Jobs) error {
			run, err := runs.GetRun(ctx, args[0])
			if err != nil {
				return fmt.Errorf("run %s: %w", args[0], err)
			}
			return printRun(cmd, standing.RunOf(run), *asJSON)
		})
	}
	return cmd
}

func printRun(cmd *cobra.Command, run standing.Run, asJSON bool) error {
	if asJSON {
		return cli.PrintJSON(cmd, run)
	}
	moment := func(at *time.Time) string {
		if at == nil {
			return "-"
		}
		return cli.TimeText(*at)
	}
	why := run.Trigger
	if run.By != "" {
		why += ", " + run.By
	}
	if run.From != "" {
		why += ", from run " + run.From
	}
	rows := [][]string{
		{"run", run.ID}, {"job", run.Job}, {"kind", run.Kind}, {"on", onText(run.Agent)}, {"state", run.Standing()},
		{"message", cli.Dash(strings.ReplaceAll(run.Message, "\n", "\n\t"))}, {"why", why}, {"scheduled for", moment(run.ScheduledFor)},
		{"due", cli.TimeText(run.DueAt)}, {"started", moment(run.StartedAt)}, {"ended", moment(run.EndedAt)},
		{"begun", fmt.Sprintf("%d times", run.Claims)}, {"output", fmt.Sprintf("%d bytes", run.OutputBytes)}, {"settings", cli.Dash(string(run.Settings))},
	}
	if run.AcknowledgedAt != nil {
		rows = append(rows, []string{"acknowledged", cli.TimeText(*run.AcknowledgedAt) + " by " + run.AcknowledgedBy})
	}
	return cli.PrintTable(cmd, rows[0], rows[1:])
}

func newJobsOutput() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "output RUN",
		Short: "Print what a run has put out so far, as it is",
		Long: `Print what a run has put out so far, as it is: lines of JSON, log lines, or what a
command wrote. It may be binary: it is not printed on a terminal without --force.`,
		Args: cli.Arguments(cobra.ExactArgs(1)),
	}
	path := cli.ConfigFlag(cmd)
	force := cmd.Flags().Bool("force", false, "print what a command wrote on a terminal too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return withJobs(cmd, *path, func(ctx context.Context, _ *jobs.Desk, runs outbox.Jobs) error {
			run, err := runs.GetRun(ctx, args[0])
			if err != nil {
				return fmt.Errorf("run %s: %w", args[0], err)
			}
			if run.Kind == jobs.KindCustom && !*force && cli.IsTerminal(cmd.OutOrStdout()) {
				return cli.UsageErrorf("the output is a command's own and may change the terminal; pipe it, or use --force")
			}
			return runs.Output(ctx, run.ID, func(chunk []byte) error {
				_, err := cmd.OutOrStdout().Write(chunk)
				return err
			})
		})
	}
	return cmd
}
