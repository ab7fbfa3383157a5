package httpapi

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/standing"
)

// Runs is the part of outbox.Jobs that is only looked at.
type Runs interface {
	GetRun(ctx context.Context, id string) (outbox.Run, error)
	Runs(ctx context.Context, filter outbox.RunFilter) ([]outbox.Run, error)
	Output(ctx context.Context, id string, visit func(chunk []byte) error) error
}

// jobsAnswer is the answer to GET /v1/jobs.
type jobsAnswer struct {
	Jobs []standing.Job `json:"jobs"`
}

func (o *AdminOptions) listJobs(c echo.Context, _ string) error {
	if _, err := queryOf(c); err != nil {
		return err
	}
	listed, err := o.Jobs.List(c.Request().Context())
	if err != nil {
		return err
	}
	answer := jobsAnswer{Jobs: []standing.Job{}}
	for _, job := range listed {
		answer.Jobs = append(answer.Jobs, standing.JobOf(job))
	}
	return c.JSON(http.StatusOK, answer)
}

// order is the body of POST /v1/jobs/JOB/start.
type order struct {
	Parameters map[string]any `json:"parameters"`
	At         time.Time      `json:"at"`
}

func (o *AdminOptions) startJob(c echo.Context, actor string) error {
	var asked order
	if err := readAction(c, &asked); err != nil {
		return err
	}
	run, err := o.Jobs.Start(c.Request().Context(), jobs.Order{Job: c.Param("job"), Parameters: asked.Parameters, At: asked.At, Actor: actor})
	return answerRun(c, run, err)
}

func answerRun(c echo.Context, run outbox.Run, err error) error {
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, standing.RunOf(run))
}

// scheduled is the answer to POST /v1/jobs/JOB/schedule and unschedule.
type scheduled struct {
	Job     string `json:"job"`
	Changed bool   `json:"changed"`
}

func (o *AdminOptions) schedule(on bool) func(echo.Context, string) error {
	return func(c echo.Context, actor string) error {
		changed, err := o.Jobs.SetScheduled(c.Request().Context(), c.Param("job"), on, actor)
		if err != nil {
			return err
		}
		return c.JSON(http.StatusOK, scheduled{c.Param("job"), changed})
	}
}

// runPage is the answer to GET /v1/runs.
type runPage struct {
	Runs []standing.Run `json:"runs"`
	// Next goes into the parameter before; empty at the end.
	Next string `json:"next,omitempty"`
}

func (o *AdminOptions) listRuns(c echo.Context, _ string) error {
	query, err := queryOf(c, "job", "agent", "kind", "state", "result", "unacknowledged", "before", "limit")
	if err != nil {
		return err
	}
	filter := outbox.RunFilter{Job: query["job"], Runner: query["agent"], Kind: query["kind"], Before: query["before"]}
	if filter.States, err = oneOf(query["state"], "state", outbox.RunStates); err != nil {
		return err
	}
	if filter.Results, err = oneOf(query["result"], "result", outbox.RunResults); err != nil {
		return err
	}
	switch query["unacknowledged"] {
	case "", "false":
	case "true":
		filter.Unacknowledged = true
	default:
		return fmt.Errorf("%w: unacknowledged is true or false", hooks.ErrMalformed)
	}
	if filter.Limit, err = readLimit(query["limit"]); err != nil {
		return err
	}
	found, err := o.Runs.Runs(c.Request().Context(), filter)
	if err != nil {
		return err
	}
	page := runPage{Runs: []standing.Run{}}
	for _, run := range found {
		page.Runs = append(page.Runs, standing.RunOf(run))
	}
	if len(found) == filter.Limit {
		page.Next = found[len(found)-1].ID
	}
	return c.JSON(http.StatusOK, page)
}

// oneOf reads a list of words, each one of those that there are.
func oneOf[T ~string](text, what string, all []T) ([]T, error) {
	if text == "" {
		return nil, nil
	}
	var found []T
	for word := range strings.SplitSeq(text, ",") {
		if !slices.Contains(all, T(word)) {
			return nil, fmt.Errorf("%w: a %s is one of %q", hooks.ErrMalformed, what, all)
		}
		found = append(found, T(word))
	}
	return found, nil
}

func (o *AdminOptions) showRun(c echo.Context, _ string) error {
	if _, err := queryOf(c); err != nil {
		return err
	}
	run, err := o.Runs.GetRun(c.Request().Context(), c.Param("run"))
	return answerRun(c, run, err)
}

// runOutput sends what a run has put out so far.
func (o *AdminOptions) runOutput(c echo.Context, _ string) error {
	if _, err := queryOf(c); err != nil {
		return err
	}
	ctx := c.Request().Context()
	run, err := o.Runs.GetRun(ctx, c.Param("run"))
	if err != nil {
		return err
	}
	response := c.Response()
	// What a command puts out is no page of ours.
	response.Header().Set(echo.HeaderContentType, octetsType)
	response.Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
	response.WriteHeader(http.StatusOK)
	return o.Runs.Output(ctx, run.ID, func(chunk []byte) error {
		_, err := response.Write(chunk)
		return err
	})
}

func (o *AdminOptions) retryRun(c echo.Context, actor string) error {
	run, err := o.Jobs.Retry(c.Request().Context(), c.Param("run"), actor)
	return answerRun(c, run, err)
}

func (o *AdminOptions) cancelRun(c echo.Context, actor string) error {
	run, err := o.Jobs.Cancel(c.Request().Context(), c.Param("run"), actor)
	return answerRun(c, run, err)
}

// acknowledgement is the body of POST /v1/runs/acknowledge: a run, or all of a job.
type acknowledgement struct {
	Run string `json:"run"`
	Job string `json:"job"`
}

// acknowledged is its answer.
type acknowledged struct {
	Acknowledged int `json:"acknowledged"`
}

func (o *AdminOptions) acknowledgeRuns(c echo.Context, actor string) error {
	var asked acknowledgement
	if err := readAction(c, &asked); err != nil {
		return err
	}
	if (asked.Run == "") == (asked.Job == "") {
		return fmt.Errorf("%w: name a run or a job", hooks.ErrMalformed)
	}
	n, err := o.Jobs.Acknowledge(c.Request().Context(), outbox.RunFilter{ID: asked.Run, Job: asked.Job}, actor)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, acknowledged{n})
}
