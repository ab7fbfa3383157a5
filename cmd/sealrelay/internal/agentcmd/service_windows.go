package agentcmd

import (
	"context"

	"golang.org/x/sys/windows/svc"
)

// asService runs what a service does: under the service control manager, if that
// started this process, until it says stop.
func asService(ctx context.Context, run func(context.Context) error) error {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return run(ctx)
	}
	s := &service{ctx: ctx, run: run}
	// The name counts only where several services share a process.
	if err := svc.Run("sealrelay-agent", s); err != nil {
		return err
	}
	return s.err
}

type service struct {
	ctx context.Context //nolint:containedctx // The service manager calls Execute, without one.
	run func(context.Context) error
	err error
}

// Execute implements svc.Handler.
func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx) }()
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case s.err = <-ended:
			if s.err != nil {
				return true, 1
			}
			return false, 0
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				status <- request.CurrentStatus
			case svc.Stop, svc.Shutdown:
				status <- svc.Status{State: svc.StopPending}
				stop()
			}
		}
	}
}
