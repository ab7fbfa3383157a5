package file_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/deliver/delivertest"
	"github.com/sealrelay/sealrelay/internal/outbox"
)

// BenchmarkDeliver delivers rotations of 64 secrets with envelopes of 1 KiB, in
// turn with a bare loop that writes, syncs and renames the same two files for
// each and syncs their folder. The destination's rate has to be at least 0.8 of
// the loop's.
func BenchmarkDeliver(b *testing.B) {
	const secrets, size = 64, 1024
	dir := b.TempDir()
	destination := mustOpen(b, dir, "dir: ours")
	bare := filepath.Join(dir, "bare")
	if err := os.Mkdir(bare, 0o700); err != nil {
		b.Fatal(err)
	}
	var ours, theirs time.Duration
	for i := range b.N {
		d := delivertest.Set(b, fmt.Sprint("s", i%secrets), int64(i/secrets)+1, size)
		began := time.Now()
		if _, err := destination.Deliver(b.Context(), d); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if err := bareDeliver(bare, d); err != nil {
			b.Fatal(err)
		}
		ours, theirs = ours+between.Sub(began), theirs+time.Since(between)
	}
	b.ReportMetric(float64(b.N)/ours.Seconds(), "deliveries/s")
	b.ReportMetric(float64(b.N)/theirs.Seconds(), "bare/s")
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-bare")
}

func bareDeliver(dir string, d outbox.Delivery) error {
	name := filepath.Join(dir, d.Secret+".age")
	if err := bareWrite(dir, name+".jws", []byte(d.Statement)); err != nil {
		return err
	}
	return bareWrite(dir, name, d.Envelope)
}

func bareWrite(dir, name string, data []byte) error {
	temp, err := os.Create(name + ".tmp")
	if err != nil {
		return err
	}
	defer temp.Close()
	if _, err := temp.Write(data); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(name+".tmp", name); err != nil {
		return err
	}
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
