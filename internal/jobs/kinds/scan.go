package kinds

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/ssh"
	"github.com/sealrelay/sealrelay/agentkeys/stores/sweep"
	"github.com/sealrelay/sealrelay/agentkeys/stores/tls"
	"github.com/sealrelay/sealrelay/internal/jobs"
)

// Sweep says which addresses of a network are looked at, and how fast.
type Sweep struct {
	// Targets are hosts, host:port and ranges of addresses (192.0.2.0/24), at most
	// 65,536 addresses in all. Required.
	Targets []string `yaml:"targets" json:"targets"`
	// Ports are those of targets without one. Default: 443 for tls-scan, 22 for ssh-scan
	Ports []int `yaml:"ports" json:"ports,omitempty"`
	// Timeout is for all that is done with one address, at most 1m. Default: 10s
	Timeout time.Duration `yaml:"timeout" json:"timeout,omitempty"`
	// Together is how many addresses are looked at at once, at most 256. Default: 32
	Together int `yaml:"together" json:"together,omitempty"`
	// Rate is how many connections are begun in a second, at most 1000. Default: 100
	Rate int `yaml:"rate" json:"rate,omitempty"`
}

// TLSScan is a job that finds TLS endpoints, and what they serve.
type TLSScan struct {
	Sweep `yaml:",inline"`
}

func (s *TLSScan) check() error { return s.fill(443) }

// SSHScan is a job that finds SSH servers, and says which of their host keys are
// approved.
type SSHScan struct {
	Sweep `yaml:",inline"`
	// KnownHosts is the file with the keys that are approved. One that is not there
	// approves none. Required.
	KnownHosts string `yaml:"known_hosts" json:"known_hosts"`
}

func (s *SSHScan) check() error {
	if s.KnownHosts == "" {
		return errors.New("known_hosts is required")
	}
	return s.fill(22)
}

func (s *SSHScan) locate(path func(string) string) { s.KnownHosts = path(s.KnownHosts) }

// fill fills in the defaults and checks the whole.
func (s *Sweep) fill(port int) error {
	if len(s.Ports) == 0 {
		s.Ports = []int{port}
	}
	s.Timeout, s.Together, s.Rate = cmp.Or(s.Timeout, 10*time.Second), cmp.Or(s.Together, 32), cmp.Or(s.Rate, 100)
	_, err := sweep.New(sweep.Config(*s))
	return err
}

// tlsScan puts out a standing.FoundStore for each endpoint; one that makes no handshake
// is a warning.
func tlsScan(ctx context.Context, _ Env, settings TLSScan, task jobs.Task) (jobs.Report, error) {
	s, err := sweep.New(sweep.Config(settings.Sweep))
	if err != nil {
		return jobs.Report{}, err
	}
	return summed(ctx, swept{tls.NewDiscoverer(s), s}, task)
}

// sshScan puts out a standing.FoundStore for each host key; one that is not approved is a
// warning, and so is a server that cannot be asked.
func sshScan(ctx context.Context, _ Env, settings SSHScan, task jobs.Task) (jobs.Report, error) {
	s, err := sweep.New(sweep.Config(settings.Sweep))
	if err != nil {
		return jobs.Report{}, err
	}
	return summed(ctx, swept{ssh.NewDiscoverer(s, settings.KnownHosts), s}, task)
}

// swept is a search of a network.
type swept struct {
	stores.Discoverer
	*sweep.Sweep
}
