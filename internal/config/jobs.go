package config

import (
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/sealrelay/sealrelay/internal/jobs/schedule"
)

// Job is work on stores, or a command, that runs when an operator asks or on a schedule:
// one entry that names the kind (add, ca-sync, create, custom, discover, fetch-logs,
// inventory, re-enrol, remove, ssh-scan, tls-scan) and has its settings, beside these.
type Job struct {
	// On is the agent that does it; its own configuration says what it does. Default: the
	// service
	On string `yaml:"on"`
	// Schedule says when it runs. Default: when an operator asks
	Schedule schedule.Schedule `yaml:"schedule"`
	// Timeout bounds one run. 1s to 24h. Default: 15m
	Timeout time.Duration `yaml:"timeout"`
	// Retries is how often a run that failed is retried by itself, at most 100.
	// Default: 0
	Retries int `yaml:"retries"`
	// RetryAfter is the pause before each retry. At least 1s. Default: 5m
	RetryAfter time.Duration `yaml:"retry_after"`
	// Authority is the authority that signs the requests for certificates of a re-enrol.
	Authority string `yaml:"authority"`
	// Kind is the entry that names the kind.
	Kind map[string]Settings `yaml:",inline"`
}

// Authority is a command that signs requests for certificates.
type Authority struct {
	// Command is the program, by its absolute path, and its arguments; no shell is
	// involved. It gets the request (PKCS#10, PEM) on its standard input and puts out
	// the certificate and those that it was issued by, PEM. Required.
	Command []string `yaml:"command"`
	// Timeout bounds one request. 1s to 10m. Default: 1m
	Timeout time.Duration `yaml:"timeout"`
}

// Work is the kind and settings of the job.
func (j Job) Work() (string, Settings, error) { return one("the kind", j.Kind) }

const maxRetries = 100

// checkJobs finds what is wrong with jobs, commands and authorities.
func (c *Config) checkJobs(ch *checker) {
	for _, name := range slices.Sorted(maps.Keys(c.Commands)) {
		if err := c.Commands[name].Check(); err != nil {
			ch.add("%s: %w", ch.name("command", name), err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Authorities)) {
		authority, where := c.Authorities[name], ch.name("authority", name)
		if len(authority.Command) == 0 || !filepath.IsAbs(authority.Command[0]) {
			ch.add("%s: command does not begin with the absolute path of a program", where)
		}
		if authority.Timeout < time.Second || authority.Timeout > 10*time.Minute {
			ch.add("%s: timeout must be 1s to 10m", where)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Jobs)) {
		c.checkJob(ch, ch.name("job", name), c.Jobs[name])
	}
}

func (c *Config) checkJob(ch *checker, where string, job Job) {
	kind, _, err := job.Work()
	if err != nil {
		ch.add("%s: %w", where, err)
	}
	if err := job.Schedule.Check(); err != nil {
		ch.add("%s: schedule: %w", where, err)
	}
	if job.Timeout < time.Second || job.Timeout > 24*time.Hour {
		ch.add("%s: timeout must be 1s to 24h", where)
	}
	if job.Retries < 0 || job.Retries > maxRetries || job.RetryAfter < time.Second {
		ch.add("%s: retries must be 0 to %d, and retry_after at least 1s", where, maxRetries)
	}
	if agent, ok := c.Agents[job.On]; job.On != "" && !ok {
		ch.add("%s: on names agent %s, and there is no such agent", where, shown(job.On, nameRule))
	} else if job.On != "" && len(agent.SigningKeyFiles) == 0 && !agent.Enroll {
		ch.add("%s: agent %s cannot ask for it without signing_key_files or enroll", where, job.On)
	}
	if _, ok := c.Authorities[job.Authority]; job.Authority != "" && !ok {
		ch.add("%s: there is no authority %s", where, shown(job.Authority, nameRule))
	}
	if (kind == "re-enrol") != (job.Authority != "") && (job.Authority != "" || err == nil) {
		ch.add("%s: authority goes with the kind re-enrol, and that needs one", where)
	}
}
