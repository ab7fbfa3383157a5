package standing

import (
	"encoding/json"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// Job is a job of the configuration as it is shown.
type Job struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// Agent does it; empty if the service does.
	Agent    string `json:"agent,omitempty"`
	Schedule string `json:"schedule"`
	// Off says that an operator took it off its schedule.
	Off      bool            `json:"off,omitempty"`
	Next     *time.Time      `json:"next,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
	// Present is the run that runs or waits, Latest the one that ended last.
	Present *Run `json:"present,omitempty"`
	Latest  *Run `json:"latest,omitempty"`
	// Unacknowledged is how many failures and warnings nobody acknowledged.
	Unacknowledged int `json:"unacknowledged"`
}

// JobOf is a job as it is shown.
func JobOf(s jobs.Standing) Job {
	shown := Job{
		Name: s.Name, Kind: s.Kind, Agent: s.Runner, Schedule: s.Schedule.String(), Off: s.Off, Next: Known(s.Next),
		Settings: s.Settings, Unacknowledged: s.Unacknowledged,
	}
	if s.Present != nil {
		present := RunOf(*s.Present)
		shown.Present = &present
	}
	if s.Latest != nil {
		latest := RunOf(*s.Latest)
		shown.Latest = &latest
	}
	return shown
}

// Run is a run of a job as it is shown.
type Run struct {
	ID       string          `json:"id"`
	Job      string          `json:"job"`
	Kind     string          `json:"kind"`
	Agent    string          `json:"agent,omitempty"`
	Settings json.RawMessage `json:"settings,omitempty"`
	State    string          `json:"state"`
	Result   string          `json:"result,omitempty"`
	Message  string          `json:"message,omitempty"`
	Trigger  string          `json:"trigger"`
	By       string          `json:"by,omitempty"`
	From     string          `json:"from,omitempty"`
	// Stopping says that whoever runs it is to stop.
	Stopping     bool       `json:"stopping,omitempty"`
	ScheduledFor *time.Time `json:"scheduled_for,omitempty"`
	AddedAt      time.Time  `json:"added_at"`
	DueAt        time.Time  `json:"due_at"`
	StartedAt    *time.Time `json:"started_at,omitempty"`
	EndedAt      *time.Time `json:"ended_at,omitempty"`
	// Claims is how often it was begun.
	Claims         int        `json:"claims"`
	OutputBytes    int64      `json:"output_bytes"`
	AcknowledgedAt *time.Time `json:"acknowledged_at,omitempty"`
	AcknowledgedBy string     `json:"acknowledged_by,omitempty"`
}

// RunOf is a run as it is shown.
func RunOf(r outbox.Run) Run {
	return Run{
		ID: r.ID, Job: r.Job, Kind: r.Kind, Agent: r.Runner, Settings: r.Settings, State: string(r.State), Result: string(r.Result),
		Message: r.Message, Trigger: string(r.Trigger), By: r.By, From: r.From, Stopping: r.Cancel && r.State == outbox.RunRunning,
		ScheduledFor: Known(r.Slot), AddedAt: r.AddedAt, DueAt: r.DueAt, StartedAt: Known(r.StartedAt), EndedAt: Known(r.EndedAt),
		Claims: r.Claims, OutputBytes: r.Output, AcknowledgedAt: Known(r.AcknowledgedAt), AcknowledgedBy: r.AcknowledgedBy,
	}
}

// Standing is how a run stands in a word: its result if it has one, else its state.
func (r Run) Standing() string {
	switch {
	case r.Result != "":
		return r.Result
	case r.Stopping:
		return "stopping"
	}
	return r.State
}
