package kinds

import (
	"context"
	"errors"

	"github.com/sealrelay/sealrelay/internal/jobs"
)

// FetchLogs is a job that puts out the last log lines of the program that does it. It has
// no settings.
type FetchLogs struct{}

func (*FetchLogs) check() error { return nil }

func fetchLogs(ctx context.Context, env Env, _ FetchLogs, task jobs.Task) (jobs.Report, error) {
	if env.Logs == nil {
		return jobs.Report{}, errors.New("no log lines are kept here")
	}
	counted := &counter{ctx: ctx, task: task}
	if err := env.Logs(counted); err != nil {
		return jobs.Report{}, err
	}
	return jobs.Report{Message: count(counted.lines, "log line", "log lines")}, nil
}

// counter counts the lines that a task puts out, and takes none after ctx has ended.
type counter struct {
	ctx   context.Context
	task  jobs.Task
	lines int
}

// Write implements io.Writer.
func (c *counter) Write(data []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	for _, b := range data {
		if b == '\n' {
			c.lines++
		}
	}
	return c.task.Output.Write(data)
}
