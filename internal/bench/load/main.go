// Command load sends signed hooks to a running service and prints how many it
// accepted a second. The service's source needs the verifier standard-webhooks,
// the adapter push and a high rate_per_second.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"

	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/bench"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run() error {
	var load bench.Load
	flag.StringVar(&load.URL, "url", "https://127.0.0.1:8443/v1/hooks/password-manager", "hook endpoint, on loopback")
	flag.IntVar(&load.Connections, "connections", 64, "how many connections")
	flag.IntVar(&load.Names, "names", 10000, "how many secrets the events are spread over")
	flag.StringVar(&load.NamePrefix, "prefix", "prod/db/load-", "how the secrets' names begin")
	secretFile := flag.String("secret-file", "hook.secret", "file with the shared secret, whsec_...")
	caFile := flag.String("ca-file", "ca.crt", "PEM file with the authority of the service's certificate")
	events := flag.Int("events", 20000, "how many events to send")
	flag.Parse()
	if address, err := url.Parse(load.URL); err != nil || !config.Loopback(address.Host) {
		return errors.New("-url must be on loopback: this is no tool to load other machines with")
	}
	if err := readFiles(&load, *secretFile, *caFile); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	driver := bench.NewDriver(load)
	defer driver.Close()
	took, err := driver.Run(ctx, *events)
	if err != nil {
		return err
	}
	fmt.Printf("%d events in %s: %.0f/s\n", *events, took.Round(1e6), float64(*events)/took.Seconds())
	return nil
}

func readFiles(load *bench.Load, secretFile, caFile string) error {
	data, err := os.ReadFile(secretFile)
	if err != nil {
		return err
	}
	text := secretbytes.New(data[:len(data)-trailing(data)])
	defer text.Wipe()
	if load.Secret, err = verify.ParseSecret(text); err != nil {
		return err
	}
	authority, err := os.ReadFile(caFile)
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return fmt.Errorf("%s has no PEM certificate", caFile)
	}
	load.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return nil
}

// trailing is 1 if data ends with a newline.
func trailing(data []byte) int {
	if len(data) > 0 && data[len(data)-1] == '\n' {
		return 1
	}
	return 0
}
