package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// pollEvery is how often the demo looks whether something was delivered.
const pollEvery = 20 * time.Millisecond

// showStored shows what the service keeps, and that the value is not in it.
func (d *demo) showStored(ctx context.Context) (err error) {
	d.title("What the service keeps is ciphertext. The value is in none of its files.")
	d.command("sealrelay deliveries show batch folder " + secretName)
	store, err := sqlite.Open(ctx, d.outboxPath(), sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, r := range agents {
		delivery, err := store.Get(ctx, outbox.Key{Agent: r.name, Destination: "folder", Secret: secretName})
		if err != nil {
			return err
		}
		if bytes.Contains(delivery.Envelope, []byte(firstValue)) || len(delivery.Envelope) == 0 {
			return fmt.Errorf("the envelope for %s is not ciphertext", r.name)
		}
		d.result("%-6s %s (%d bytes)", r.name, shorten(delivery.Envelope), len(delivery.Envelope))
	}
	return d.searchFiles()
}

// searchFiles looks for the value in everything below the data folder.
func (d *demo) searchFiles() error {
	files := 0
	err := filepath.WalkDir(filepath.Dir(d.outboxPath()), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		if bytes.Contains(data, []byte(firstValue)) {
			return fmt.Errorf("%s holds the value in the clear", path)
		}
		return nil
	})
	if err == nil && files == 0 {
		err = errors.New("the service keeps no files")
	}
	if err == nil {
		d.command("grep -rc " + firstValue + " data/")
		d.result("0 in each of %d files", files)
	}
	return err
}

func (d *demo) outboxPath() string { return filepath.Join(d.folder, "data", "outbox.db") }

// shorten shows the beginning of an envelope.
func shorten(envelope []byte) string {
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '.'
		}
		return r
	}, string(envelope[:min(len(envelope), 48)]))
	return text + "..."
}

// waitDelivered waits until the agent has the version.
func (d *demo) waitDelivered(ctx context.Context, agent string, version int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	store, err := sqlite.Open(ctx, d.outboxPath(), sqlite.Options{})
	if err != nil {
		return err
	}
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		delivery, err := store.Get(ctx, outbox.Key{Agent: agent, Destination: "folder", Secret: secretName})
		if err == nil && delivery.State == outbox.Delivered && delivery.DeliveredVersion == version {
			return store.Close()
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("agent %s did not get version %d: %s %s: %w", agent, version, delivery.State, delivery.Reason, ctx.Err()), err, store.Close())
		case <-ticker.C:
		}
	}
}
