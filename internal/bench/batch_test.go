//go:build unix

package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/crypto"
	"github.com/sealrelay/sealrelay/crypto/formats"
	"github.com/sealrelay/sealrelay/crypto/keys"
)

// batchLines is how many values one batch has.
const batchLines = 50000

// BenchmarkBatch is `sealrelay encrypt --batch` as a whole process, beside the
// bare seals of the same values for the same key on all cores of this one. Input
// and output are files.
func BenchmarkBatch(b *testing.B) {
	program := build(b, "../../cmd/sealrelay")
	for _, c := range []struct{ kind, format string }{
		{"rsa-2048", "js7"}, {"ec-p256", "js7"}, {"age", "age"}, {"age-pq", "age"}, {"ec-p256", "jwe"}, {"ec-p256", "cms"},
	} {
		b.Run(c.format+"/"+c.kind, func(b *testing.B) {
			file := filepath.Join(b.TempDir(), "public")
			keygen(b, program, c.kind, filepath.Join(b.TempDir(), "private"), "--pub", file)
			recipient := recipientIn(b, file, c.format)
			var values [][]byte
			var input bytes.Buffer
			for i := range batchLines {
				values = append(values, fmt.Appendf(nil, "correct-horse-battery-staple-%d", i))
				fmt.Fprintf(&input, `{"secret":"prod/db/%d","value":"%s"}`+"\n", i, values[i])
			}
			lines := filepath.Join(b.TempDir(), "lines")
			if err := os.WriteFile(lines, input.Bytes(), 0o600); err != nil {
				b.Fatal(err)
			}
			sealed, err := os.Create(filepath.Join(b.TempDir(), "sealed"))
			if err != nil {
				b.Fatal(err)
			}
			defer sealed.Close()
			// As the program does for a batch, so that both sides collect as rarely.
			defer debug.SetGCPercent(debug.SetGCPercent(400))
			var bare, batch time.Duration
			for b.Loop() {
				bare += timed(func() { sealValues(b, recipient, values) })
				batch += timed(func() {
					process := exec.Command(program, "encrypt", "--batch", "--format", c.format, "--cert", file, "--infile", lines)
					process.Stdout = sealed
					if err := process.Run(); err != nil {
						b.Fatal(err)
					}
				})
			}
			if n := countLines(b, sealed.Name()); n != b.N*batchLines {
				b.Fatalf("%d lines were sealed", n)
			}
			each := float64(b.N) * batchLines
			b.ReportMetric(each/batch.Seconds(), "values/s")
			b.ReportMetric(each/bare.Seconds(), "seals/s")
			b.ReportMetric(bare.Seconds()/batch.Seconds(), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func countLines(b *testing.B, file string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	return bytes.Count(data, []byte("\n"))
}

func recipientIn(b *testing.B, file, format string) crypto.Recipient {
	data, err := os.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	public, err := keys.ParsePublic(data)
	if err != nil {
		b.Fatal(err)
	}
	recipient, _, err := formats.RecipientFor(public, format)
	if err != nil {
		b.Fatal(err)
	}
	return recipient
}

func sealValues(b *testing.B, recipient crypto.Recipient, values [][]byte) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(values); i = int(next.Add(1)) - 1 {
				if _, err := recipient.Seal(values[i]); err != nil {
					b.Error(err)
				}
			}
		})
	}
	workers.Wait()
}
