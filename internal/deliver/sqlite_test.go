package deliver_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.yaml.in/yaml/v4"

	"github.com/sealrelay/sealrelay/internal/audit"
	"github.com/sealrelay/sealrelay/internal/deliver"
	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/deliver/kinds"
	"github.com/sealrelay/sealrelay/internal/outbox"
	"github.com/sealrelay/sealrelay/internal/outbox/sqlite"
)

// From the real outbox to real files: versions committed while the dispatcher
// runs, the last ones delivered, each settled and audited.
func TestFromOutboxToFiles(t *testing.T) {
	const secrets, versions = 8, 10
	box, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data", "outbox.db"), sqlite.Options{Warn: func(m string) { t.Log(m) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { box.Close() })
	dir := t.TempDir()
	destination, err := kinds.New("file", kinds.Settings{Settings: deliver.Settings{
		Decode: func(into any) error { return yaml.Load([]byte("dir: out"), into) },
		Path:   func(name string) string { return filepath.Join(dir, name) },
	}})
	if err != nil {
		t.Fatal(err)
	}
	settled := make(chan deliver.Attempt, secrets*versions)
	dispatcher, err := deliver.New(deliver.Options{
		Outbox:         box,
		Resolve:        func(string, string) (deliver.Destination, error) { return destination, nil },
		Workers:        4,
		PerDestination: 4,
		BreakAfter:     5,
		Lease:          time.Minute,
		Drain:          time.Minute,
		Schedule:       deliver.DefaultSchedule,
		Log:            zerolog.Nop(),
		Observe:        func(a deliver.Attempt) { settled <- a },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		dispatcher.Run(ctx)
	}()

	for version := range int64(versions) {
		for i := range secrets {
			commit(t, box, delivertest.Set(t, fmt.Sprint("team/s", i), version+1, 1000))
		}
	}
	for delivered := 0; delivered < secrets; {
		if a := <-settled; a.State != outbox.Delivered {
			t.Fatalf("%+v", a)
		}
		counts, err := box.Count(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		delivered = counts[outbox.Delivered]
	}
	cancel()
	<-stopped

	for i := range secrets {
		d := delivertest.Set(t, fmt.Sprint("team/s", i), versions, 1000)
		got, err := os.ReadFile(filepath.Join(dir, "out", d.Secret+".age"))
		if err != nil || !bytes.Equal(got, d.Envelope) {
			t.Errorf("%s is not at its last version (error %v)", d.Secret, err)
		}
		row, err := box.Get(t.Context(), d.Key)
		if err != nil || row.State != outbox.Delivered || row.DeliveredVersion != versions {
			t.Errorf("%s stands at %+v (error %v)", d.Secret, row, err)
		}
	}
	audited := 0
	if err := box.Audit(t.Context(), 1, func(row audit.Row) error {
		if bytes.Contains(row.Entry, []byte(audit.DeliveryDelivered)) {
			audited++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if audited < secrets {
		t.Errorf("%d deliveries are in the audit log, want at least %d", audited, secrets)
	}
}

func commit(t *testing.T, box outbox.Outbox, d outbox.Delivery) {
	t.Helper()
	now := time.Now()
	id := fmt.Sprint(d.Secret, "@", d.Version)
	if err := box.Commit(t.Context(), outbox.Change{
		Source: "test", EventID: id, Secret: d.Secret, Operation: d.Operation, Version: d.Version, ReceivedAt: now,
		Sealed: []outbox.Sealed{{
			Agent: d.Agent, Destination: d.Destination, Format: d.Format, KeyID: d.KeyID, Envelope: d.Envelope, Statement: d.Statement,
		}},
		Answer: []byte("{}"),
		Audit:  audit.Entry{At: now, Kind: audit.EventAccepted, Actor: "source/test", EventID: id, Secret: d.Secret, Version: d.Version},
	}); err != nil {
		t.Fatal(err)
	}
}
