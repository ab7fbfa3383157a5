package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sealrelay/sealrelay/crypto/keys"
	"github.com/sealrelay/sealrelay/crypto/statement"
	"github.com/sealrelay/sealrelay/internal/agent"
)

// receiver is one of the demo's agents.
type receiver struct {
	name string
	// kind is what `sealrelay keys generate` calls its key.
	kind string
	// certificate says that its public key travels in a certificate.
	certificate bool
	extension   string
	words       string
}

var agents = []receiver{
	{name: "jobs", kind: "rsa-3072", certificate: true, extension: ".js7", words: "a JS7 agent with an RSA certificate"},
	{name: "web", kind: "ec-p256", certificate: true, extension: ".js7", words: "a server with an EC P-256 certificate"},
	{name: "batch", kind: "age", extension: ".age", words: "a container with an age key"},
}

func (r receiver) keyFile() string { return filepath.Join("agents", r.name+".key") }

func (r receiver) publicFile() string {
	if r.certificate {
		return filepath.Join("agents", r.name+".crt")
	}
	return filepath.Join("agents", r.name+".pub")
}

func (r receiver) envelopeFile() string {
	return filepath.Join("delivered", r.name, filepath.FromSlash(secretName)+r.extension)
}

func (r receiver) keyCommand() string {
	flag := "--pub"
	if r.certificate {
		flag = "--cert"
	}
	return fmt.Sprintf("sealrelay keys generate %s --out %s %s %s   # %s", r.kind, r.keyFile(), flag, r.publicFile(), r.words)
}

func (r receiver) openCommand() string {
	return fmt.Sprintf("sealrelay decrypt -i %s --infile %s --statement %[2]s.jws --service-key service.pub --agent %s", r.keyFile(), r.envelopeFile(), r.name)
}

func (r receiver) makeKey(folder string) error {
	if err := os.MkdirAll(filepath.Join(folder, "agents"), 0o700); err != nil {
		return err
	}
	private, public, err := keys.Generate(r.kind)
	if err != nil {
		return err
	}
	defer clear(private)
	shown := []byte(public + "\n")
	if r.certificate {
		key, err := keys.ParsePrivate(private, nil)
		if err != nil {
			return err
		}
		if shown, err = keys.SelfSigned(key, r.name, time.Now().Add(-time.Minute), time.Now().AddDate(2, 0, 0)); err != nil {
			return err
		}
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, r.keyFile()), private, 0o600),
		os.WriteFile(filepath.Join(folder, r.publicFile()), shown, 0o644),
	)
}

// openAll waits until each agent's folder has the version, and opens it with
// the agent's private key.
func (d *demo) openAll(ctx context.Context, version int64, value string) error {
	d.result("each agent gets version %d, checks the signed statement and opens it with its private key:", version)
	public, err := os.ReadFile(filepath.Join(d.folder, "service.pub"))
	if err != nil {
		return err
	}
	service, err := keys.ParseVerifying(public)
	if err != nil {
		return err
	}
	for _, r := range agents {
		if err := d.waitDelivered(ctx, r.name, version); err != nil {
			return err
		}
		private, err := r.readKey(d.folder)
		if err != nil {
			return err
		}
		envelope, err := os.ReadFile(filepath.Join(d.folder, r.envelopeFile()))
		if err != nil {
			return err
		}
		token, err := os.ReadFile(filepath.Join(d.folder, r.envelopeFile()+".jws"))
		if err != nil {
			return err
		}
		want := statement.Claims{Agent: r.name, Secret: secretName, Version: version}
		opened, err := agent.OpenBound([]any{private}, envelope, string(bytes.TrimSpace(token)), want, service)
		if err != nil {
			return fmt.Errorf("agent %s: %w", r.name, err)
		}
		err = opened.Expose(func(plaintext []byte) error {
			if string(plaintext) != value {
				return fmt.Errorf("agent %s opened something else than was sent", r.name)
			}
			d.command(r.openCommand())
			d.result("%s", plaintext)
			return nil
		})
		opened.Wipe()
		if err != nil {
			return err
		}
	}
	return nil
}

func (r receiver) readKey(folder string) (any, error) {
	data, err := os.ReadFile(filepath.Join(folder, r.keyFile()))
	if err != nil {
		return nil, err
	}
	defer clear(data)
	return keys.ParsePrivate(data, nil)
}
