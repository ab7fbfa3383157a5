// Command sealrelay takes a secret the moment a password manager changes it,
// seals it for each agent that needs it, and delivers the sealed copies.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, os.Args[1:], stdio{os.Stdin, os.Stdout, os.Stderr})
}
