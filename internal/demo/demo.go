// Package demo shows the whole way, from a password manager's hook to the
// opened secret, with the real service on loopback and keys made on the spot.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/wire"
)

const (
	secretName = "prod/db/orders"
	// The two values are made up here, and opened by nobody but this demo.
	firstValue  = "correct-horse-battery-staple"
	secondValue = "tr0ub4dor&3-and-then-some"
	// patience is how long a step may take.
	patience = 20 * time.Second
)

// Options say how the demo runs.
type Options struct {
	// Keep is the folder to leave a working configuration in; it must not
	// exist or be empty. Empty means a temporary folder that is removed.
	Keep string
	// Out gets the narration.
	Out io.Writer
	// Version is that of the program.
	Version string
}

// Run runs the demo. It returns an error as soon as something does not hold.
func Run(ctx context.Context, options Options) (err error) {
	dir, cleanup, err := folder(options.Keep)
	if err != nil {
		return err
	}
	told := &narration{to: options.Out}
	options.Out = told
	d := &demo{Options: options, folder: dir}
	defer func() {
		if err != nil || options.Keep == "" {
			err = errors.Join(err, cleanup())
		}
	}()
	if err := d.run(ctx); err != nil {
		return fmt.Errorf("step %d: %w", d.step, err)
	}
	if options.Keep == "" {
		d.say("That was all. Nothing is left behind; `sealrelay demo --keep DIR` leaves a configuration to play with.")
	} else {
		d.sayKept()
	}
	return told.err
}

// folder makes the working folder and says how to take it away.
func folder(keep string) (dir string, cleanup func() error, err error) {
	if keep == "" {
		dir, err = os.MkdirTemp("", "sealrelay-demo-")
		return dir, func() error { return os.RemoveAll(dir) }, err
	}
	if dir, err = filepath.Abs(keep); err != nil {
		return "", nil, err
	}
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return dir, func() error { return os.RemoveAll(dir) }, os.MkdirAll(dir, 0o700)
	case err == nil && len(entries) > 0:
		err = fmt.Errorf("%s is not empty; give a new folder to --keep", keep)
	}
	return dir, func() error { return clearFolder(dir) }, err
}

// clearFolder removes what is in a folder that was there before.
func clearFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return err
}

// demo is one run.
type demo struct {
	Options
	folder  string
	step    int
	service *app.App
	client  *http.Client
}

func (d *demo) run(ctx context.Context) (err error) {
	if err := d.makeFolder(); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.service.Stop()) }()

	first, err := d.sendFirst(ctx)
	if err != nil {
		return err
	}
	if err := d.showStored(ctx); err != nil {
		return err
	}
	if err := d.openAll(ctx, 1, firstValue); err != nil {
		return err
	}
	if err := d.rotate(ctx); err != nil {
		return err
	}
	if err := d.replay(ctx, first); err != nil {
		return err
	}
	return d.forge(ctx, first)
}

func (d *demo) makeFolder() error {
	d.title("Three agents make their own keys. Their private keys never leave them.")
	for _, agent := range agents {
		if err := agent.makeKey(d.folder); err != nil {
			return err
		}
		d.command(agent.keyCommand())
	}
	d.title("The service gets its signing key, a secret it shares with the password manager, and a certificate of a throw-away CA.")
	if err := makeServiceKeys(d.folder); err != nil {
		return err
	}
	d.command("sealrelay keys generate ed25519 --out service.key --pub service.pub")
	d.command("sealrelay keys generate hook-secret --out hook.secret")
	if err := makeCertificates(d.folder); err != nil {
		return err
	}
	// The file destination makes an agent's folder, but not those above it.
	if err := os.Mkdir(filepath.Join(d.folder, "delivered"), 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(d.folder, "sealrelay.yaml"), []byte(configuration()), 0o600)
}

func (d *demo) start(ctx context.Context) error {
	d.title("The service starts: HTTPS, on loopback only.")
	d.command("sealrelay serve --config sealrelay.yaml")
	cfg, err := config.Load(filepath.Join(d.folder, "sealrelay.yaml"))
	if err != nil {
		return err
	}
	cfg.Server.Listen, cfg.Admin.Listen = "127.0.0.1:0", "off"
	if d.service, err = app.New(ctx, cfg, app.Options{Version: d.Version, Log: zerolog.Nop()}); err != nil {
		return err
	}
	if err := d.service.Start(); err != nil {
		return errors.Join(err, d.service.Stop())
	}
	d.client, err = httpsClient(d.folder)
	d.result("it listens at https://%s", d.service.Address())
	return err
}

func (d *demo) sendFirst(ctx context.Context) (*hook, error) {
	d.title("The password manager changes " + secretName + ". Its script signs the new value (Standard Webhooks) and posts it.")
	d.command(`printf %s "$NEW_PASSWORD" | sealrelay push ` + secretName + " --url https://127.0.0.1:8443/v1/hooks/password-manager --secret-file hook.secret --ca-file ca.crt")
	sent, err := newHook(d.folder, firstValue)
	if err != nil {
		return nil, err
	}
	answer, err := d.accepted(ctx, sent, 1)
	if err != nil {
		return nil, err
	}
	d.result("202 %s: version %d of %s, event %s", answer.Status, answer.Version, answer.Secret, answer.EventID)
	for _, agent := range answer.Agents {
		d.result("  for %s: %s", agent.Agent, agent.Outcome)
	}
	return sent, nil
}

// accepted sends a hook that must be accepted with that version for all agents.
func (d *demo) accepted(ctx context.Context, sent *hook, version int64) (wire.Answer, error) {
	status, answer, _, err := d.send(ctx, sent)
	switch {
	case err != nil:
		return answer, err
	case status != http.StatusAccepted || answer.Status != wire.Accepted || answer.Version != version:
		return answer, fmt.Errorf("the hook was answered with %d, %q, version %d instead of 202, accepted, version %d", status, answer.Status, answer.Version, version)
	case len(answer.Agents) != len(agents):
		return answer, fmt.Errorf("the secret goes to %d agents instead of %d", len(answer.Agents), len(agents))
	}
	for _, agent := range answer.Agents {
		if agent.Outcome != wire.Queued {
			return answer, fmt.Errorf("agent %s: %s: %s", agent.Agent, agent.Outcome, agent.Detail)
		}
	}
	return answer, nil
}

func (d *demo) rotate(ctx context.Context) error {
	d.title("The secret is rotated once more.")
	d.command(`printf %s "$NEWER_PASSWORD" | sealrelay push ` + secretName + " --url https://127.0.0.1:8443/v1/hooks/password-manager --secret-file hook.secret --ca-file ca.crt")
	sent, err := newHook(d.folder, secondValue)
	if err != nil {
		return err
	}
	answer, err := d.accepted(ctx, sent, 2)
	if err != nil {
		return err
	}
	d.result("202 %s: version %d", answer.Status, answer.Version)
	return d.openAll(ctx, 2, secondValue)
}

func (d *demo) replay(ctx context.Context, first *hook) error {
	d.title("Somebody sends the first hook again, byte for byte.")
	d.command(curl(first, "recorded.json"))
	status, answer, _, err := d.send(ctx, first)
	if err != nil {
		return err
	}
	if status != http.StatusOK || answer.Status != wire.Duplicate || answer.Version != 1 {
		return fmt.Errorf("the replay was answered with %d, %q, version %d instead of 200, duplicate, version 1", status, answer.Status, answer.Version)
	}
	d.result("200 %s: it is known, nothing is sealed or delivered", answer.Status)
	return d.unchanged(ctx)
}

func (d *demo) forge(ctx context.Context, first *hook) error {
	d.title("Somebody sends a hook of their own making, with a signature that is not the password manager's.")
	forged := *first
	forged.id += "x"
	forged.body = bytes.Replace(first.body, []byte(firstValue), []byte("password-of-the-attacker"), 1)
	d.command(curl(&forged, "forged.json"))
	status, _, problem, err := d.send(ctx, &forged)
	if err != nil {
		return err
	}
	if status != http.StatusUnauthorized {
		return fmt.Errorf("the forgery was answered with %d instead of 401", status)
	}
	d.result("401 %s", problem.Detail)
	return d.unchanged(ctx)
}

// unchanged opens what the agents have, without a word for each.
func (d *demo) unchanged(ctx context.Context) error {
	quiet := *d
	quiet.Out = io.Discard
	if err := quiet.openAll(ctx, 2, secondValue); err != nil {
		return err
	}
	d.result("the agents have version 2 as before")
	return nil
}
