//go:build unix

package bench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// rival is one way to seal the value on standard input.
type rival struct {
	name string
	args []string
}

// BenchmarkEncryptProcess is one seal of a short secret as a whole process: wall
// time and peak memory, in turns with a Go program that does only that seal, and
// with the usual tool where it is installed. Ours is measured twice: the whole
// program, and the build without the service. All are built as a release is.
func BenchmarkEncryptProcess(b *testing.B) {
	whole, small, only := build(b, "../../cmd/sealrelay"), build(b, "../../cmd/sealrelay", "-tags", "noservice"), build(b, "./onlyseal")
	dir := b.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	recipient := keygen(b, whole, "age", file("age.key"))
	keygen(b, whole, "ec-p256", file("ec.key"), "--pub", file("ec.pub"), "--cert", file("ec.crt"))
	keygen(b, whole, "rsa-2048", file("rsa.key"), "--pub", file("rsa.pub"))
	keygen(b, whole, "openpgp", file("pgp.key"), "--pub", file("pgp.pub"), "--name", "bench")
	ours := func(args ...string) []rival {
		return []rival{
			{"sealrelay", append([]string{whole, "encrypt"}, args...)},
			{"sealrelay-noservice", append([]string{small, "encrypt"}, args...)},
		}
	}
	for _, c := range []struct {
		name   string
		rivals []rival
	}{
		{"age", append([]rival{{"only", []string{only, "age", recipient}}, {"age", []string{"age", "-r", recipient}}}, ours("-r", recipient)...)},
		{"js7-ec", append([]rival{{"only", []string{only, "js7", file("ec.pub")}}}, ours("--cert", file("ec.pub"))...)},
		{"js7-rsa", append([]rival{{"only", []string{only, "js7", file("rsa.pub")}}}, ours("--cert", file("rsa.pub"))...)},
		{"cms-ec", append([]rival{{"openssl", []string{"openssl", "cms", "-encrypt", "-aes-256-gcm", "-outform", "PEM", "-recip", file("ec.crt"),
			"-keyopt", "ecdh_kdf_md:sha256"}}}, ours("--format", "cms", "--cert", file("ec.crt"))...)},
		{"openpgp", append(gpg(b, file("pgp.pub")), ours("--cert", file("pgp.pub"))...)},
	} {
		b.Run(c.name, func(b *testing.B) { race(b, c.rivals) })
	}
}

// gpg is gpg with a key ring of its own that has the certificate.
func gpg(b *testing.B, certificate string) []rival {
	home := b.TempDir()
	if out, err := exec.Command("gpg", "--homedir", home, "--batch", "--import", certificate).CombinedOutput(); err != nil {
		b.Logf("gpg is not measured: %v: %s", err, out)
		return nil
	}
	b.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() })
	return []rival{{"gpg", []string{"gpg", "--homedir", home, "--batch", "--trust-model", "always", "--armor", "--encrypt", "--recipient", "bench"}}}
}

// race runs the rivals in turns and reports each one's median time, and its
// ratio to the first.
func race(b *testing.B, rivals []rival) {
	rivals = slices.DeleteFunc(rivals, func(r rival) bool {
		_, err := exec.LookPath(r.args[0])
		if err != nil {
			b.Logf("%s is not installed", r.name)
		}
		return err != nil
	})
	times := make([][]time.Duration, len(rivals))
	for b.Loop() {
		for i, r := range rivals {
			process := exec.Command(r.args[0], r.args[1:]...)
			process.Stdin = strings.NewReader("correct-horse-battery-staple")
			began := time.Now()
			out, err := process.Output()
			times[i] = append(times[i], time.Since(began))
			if err != nil || len(out) == 0 {
				b.Fatalf("%s: %v: %d bytes", r.name, err, len(out))
			}
		}
	}
	first, firstPeak := median(times[0]), peak(b, rivals[0].args)
	for i, r := range rivals {
		took, memory := median(times[i]), peak(b, r.args)
		b.ReportMetric(float64(took.Microseconds())/1000, "ms-"+r.name)
		if i > 0 {
			b.ReportMetric(took.Seconds()/first.Seconds(), "time-ratio-"+r.name)
		}
		if firstPeak > 0 {
			b.ReportMetric(memory, "MiB-"+r.name)
			b.ReportMetric(memory/firstPeak, "memory-ratio-"+r.name)
		}
	}
	b.ReportMetric(0, "ns/op")
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// peak runs the command once more below GNU time, and returns its peak memory in
// MiB; 0 without GNU time. The maximum that this process is told of a child
// begins with the memory of this process, which is larger than the child's.
func peak(b *testing.B, args []string) float64 {
	timer, err := exec.LookPath("time")
	if err != nil {
		b.Log("GNU time is not installed, so the peak memory is not measured")
		return 0
	}
	report := filepath.Join(b.TempDir(), "peak")
	process := exec.Command(timer, append([]string{"-f", "%M", "-o", report}, args...)...)
	process.Stdin = strings.NewReader("correct-horse-battery-staple")
	if err := process.Run(); err != nil {
		b.Fatal(err)
	}
	text, err := os.ReadFile(report)
	if err != nil {
		b.Fatal(err)
	}
	kib, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	if err != nil {
		b.Fatal(err)
	}
	return kib / 1024
}
