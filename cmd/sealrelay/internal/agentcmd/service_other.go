//go:build !windows

package agentcmd

import "context"

// asService runs what a service does.
func asService(ctx context.Context, run func(context.Context) error) error { return run(ctx) }
