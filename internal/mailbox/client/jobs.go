package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	// claimWait is how long the service keeps a claim waiting.
	claimWait = 50 * time.Second
	// signWait is how much longer than usual the answer to a request for a
	// certificate may take.
	signWait = 10 * time.Minute
	// extendWithin bounds one Extend, so that its caller sees the lease run out.
	extendWithin = 30 * time.Second
	// longestRun bounds the time that the service may give a run.
	longestRun = 366 * 24 * time.Hour
)

// Jobs is where an agent gets the runs of its jobs and reports them: a [jobs.Work] over
// the mailbox. A call that did not reach the service, or that it was too busy for, is
// made again until its context ends. The calls are safe to make again: of each the
// service knows the claim that it is of. It is safe for concurrent use.
type Jobs struct {
	client *Client
	log    zerolog.Logger
	// asking has room for one: one claim waits at the service, and others here.
	asking chan struct{}
}

// NewJobs returns what asks there. It logs when the service is away, and back.
func NewJobs(client *Client, log zerolog.Logger) *Jobs {
	return &Jobs{client, log, make(chan struct{}, 1)}
}

// Claim implements jobs.Work. It fails when ctx ends and at no other time.
func (j *Jobs) Claim(ctx context.Context) (outbox.Run, error) {
	select {
	case j.asking <- struct{}{}:
		defer func() { <-j.asking }()
	case <-ctx.Done():
		return outbox.Run{}, ctx.Err()
	}
	var away time.Duration
	id := rand.Text()
	for ctx.Err() == nil {
		asked := time.Now()
		run, err := j.claim(ctx, id)
		switch {
		case ctx.Err() != nil && run == nil:
			return outbox.Run{}, ctx.Err()
		case err != nil:
			if away == 0 {
				j.log.Warn().Err(err).Msg("the service cannot be asked for jobs; trying again")
			}
			if !passes(err) {
				id = rand.Text() // It was refused; otherwise it may have been answered.
			}
			away = min(max(2*away, firstPause), longestAway)
			rest(ctx, away, err)
			continue
		case run != nil:
			j.back(away)
			return *run, nil
		}
		j.back(away)
		away, id = 0, rand.Text()
		if time.Since(asked) < firstPause {
			rest(ctx, firstPause, nil) // It does not wait, so it must not be asked without a pause.
		}
	}
	return outbox.Run{}, ctx.Err()
}

func (j *Jobs) back(away time.Duration) {
	if away > 0 {
		j.log.Info().Msg("the service can be asked for jobs again")
	}
}

// claim asks once; nil if nothing came to be due.
func (j *Jobs) claim(ctx context.Context, id string) (*outbox.Run, error) {
	var answer wire.Claimed
	query := url.Values{"claim": {id}, "wait": {claimWait.String()}}
	call := request{method: http.MethodPost, path: []string{"mailbox", "jobs", "claim"}, query: query, body: struct{}{}, wait: claimWait, limit: maxList}
	if err := j.client.call(ctx, call, &answer); err != nil {
		return nil, fmt.Errorf("claim a run: %w", err)
	}
	if answer.Run == nil {
		return nil, nil
	}
	return readRun(*answer.Run)
}

// readRun checks that there is all that a run needs.
func readRun(run wire.Run) (*outbox.Run, error) {
	timeout := time.Duration(run.TimeoutSeconds) * time.Second
	settings := bytes.TrimSpace(run.Settings)
	switch {
	case run.ID == "" || run.Job == "" || run.Kind == "" || run.Fence < 0 || len(settings) == 0 || settings[0] != '{':
		return nil, errors.New("claim a run: the answer is not that of a mailbox; check the URL")
	case run.TimeoutSeconds < 1 || run.TimeoutSeconds > int64(longestRun/time.Second):
		return nil, fmt.Errorf("claim a run: %s has a time of %d s, not one from 1 s to a year", run.ID, run.TimeoutSeconds)
	}
	return &outbox.Run{ID: run.ID, Job: run.Job, Kind: run.Kind, Settings: settings, Timeout: timeout, Fence: run.Fence, State: outbox.RunRunning}, nil
}

// Extend implements jobs.Work. It takes at most extendWithin.
func (j *Jobs) Extend(ctx context.Context, id string, fence int64) (stop bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, extendWithin)
	defer cancel()
	var answer wire.Extended
	err = j.tell(ctx, id, fence, request{path: []string{"extend"}, body: struct{}{}}, &answer)
	return answer.Stop, err
}

// Append implements jobs.Work.
func (j *Jobs) Append(ctx context.Context, id string, fence int64, seq int, chunk []byte) error {
	query := url.Values{"seq": {strconv.Itoa(seq)}}
	return j.tell(ctx, id, fence, request{path: []string{"output"}, query: query, octets: chunk, media: "application/octet-stream"}, &struct{}{})
}

// Sign implements jobs.Work.
func (j *Jobs) Sign(ctx context.Context, id string, fence int64, csr []byte) ([]byte, error) {
	var answer wire.Signed
	err := j.tell(ctx, id, fence, request{path: []string{"sign"}, octets: csr, media: "application/x-pem-file", wait: signWait}, &answer)
	return []byte(answer.Certificates), err
}

// End implements jobs.Work.
func (j *Jobs) End(ctx context.Context, id string, fence int64, end jobs.End) error {
	return j.tell(ctx, id, fence, request{path: []string{"end"}, body: end}, &struct{}{})
}

// tell makes a call about a run. Its errors are those of jobs.Work.
func (j *Jobs) tell(ctx context.Context, id string, fence int64, call request, into any) error {
	what := call.path[0]
	call.method, call.path, call.limit = http.MethodPost, append([]string{"mailbox", "jobs", id}, what), maxList
	if call.query == nil {
		call.query = url.Values{}
	}
	call.query.Set("fence", strconv.FormatInt(fence, 10))
	err := retry(ctx, func() error { return j.client.call(ctx, call, into) })
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s of run %s: %w", what, id, err)
	if problem, answered := errors.AsType[*wire.ProblemError](err); answered {
		if class := classes[problem.Kind()]; class != nil {
			return fmt.Errorf("%w: %w", class, err)
		}
	}
	return err
}

// classes are the errors of jobs.Work by the kind of the service's problem.
var classes = map[string]error{"run-lost": outbox.ErrNoRun, "output": outbox.ErrOutput, "not-signed": jobs.ErrNotSigned}
