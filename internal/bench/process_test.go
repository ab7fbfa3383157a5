//go:build unix

package bench_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// BenchmarkEncryptProcess is one seal of a short secret as a whole process: wall
// time and peak memory, beside a Go program that does only that seal, and beside
// the age command where it is installed. All are built as a release is.
func BenchmarkEncryptProcess(b *testing.B) {
	program, only := build(b, "../../cmd/sealrelay"), build(b, "./onlyseal")
	dir := b.TempDir()
	recipient := keygen(b, program, "age", filepath.Join(dir, "age.key"))
	ec, rsa := filepath.Join(dir, "ec.pub"), filepath.Join(dir, "rsa.pub")
	keygen(b, program, "ec-p256", filepath.Join(dir, "ec.key"), "--pub", ec)
	keygen(b, program, "rsa-2048", filepath.Join(dir, "rsa.key"), "--pub", rsa)
	type command struct {
		name string
		args []string
	}
	commands := []command{
		{"age/only", []string{only, "age", recipient}},
		{"age/sealrelay", []string{program, "encrypt", "-r", recipient}},
		{"js7-ec/only", []string{only, "js7", ec}},
		{"js7-ec/sealrelay", []string{program, "encrypt", "--cert", ec}},
		{"js7-rsa/only", []string{only, "js7", rsa}},
		{"js7-rsa/sealrelay", []string{program, "encrypt", "--cert", rsa}},
	}
	if age, err := exec.LookPath("age"); err == nil {
		commands = append(commands, command{"age/age", []string{age, "-r", recipient}})
	} else {
		b.Log("the age command is not installed, so there is nothing to compare with")
	}
	for _, command := range commands {
		b.Run(command.name, func(b *testing.B) {
			for b.Loop() {
				process := exec.Command(command.args[0], command.args[1:]...)
				process.Stdin = strings.NewReader("correct-horse-battery-staple")
				out, err := process.Output()
				if err != nil || len(out) == 0 {
					b.Fatalf("%v: %d bytes", err, len(out))
				}
			}
			reportPeak(b, command.args)
		})
	}
}

// reportPeak runs the command once more below GNU time. A child's maximum in the
// resource usage that this process is told begins with the memory of this
// process, which is larger than the child's: it would measure the benchmark.
func reportPeak(b *testing.B, args []string) {
	timer, err := exec.LookPath("time")
	if err != nil {
		b.Log("GNU time is not installed, so the peak memory is not measured")
		return
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
	b.ReportMetric(kib/1024, "peak-MiB")
}

// build builds a program as a release is: without cgo.
func build(b *testing.B, folder string) string {
	program := filepath.Join(b.TempDir(), "program")
	command := exec.Command("go", "build", "-o", program, folder)
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

func keygen(b *testing.B, program, kind, file string, more ...string) (public string) {
	out, err := exec.Command(program, append([]string{"keys", "generate", kind, "--out", file}, more...)...).Output()
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// serve starts the program with the demo's configuration, changed for load,
// and returns the folder, the process and its addresses.
func serve(b *testing.B, program string) (folder string, process *os.Process, ready addresses) {
	folder = filepath.Join(b.TempDir(), "kept")
	if out, err := exec.Command(program, "demo", "--keep", folder).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	name := filepath.Join(folder, "sealrelay.yaml")
	configuration, err := os.ReadFile(name)
	if err != nil {
		b.Fatal(err)
	}
	for _, change := range [][2]string{
		{"listen: 127.0.0.1:8443", "listen: 127.0.0.1:0"},
		{"issuer:", "admin: {listen: \"127.0.0.1:0\"}\nissuer:"},
		{"    adapter:", "    rate_per_second: 1000000\n    rate_burst: 1000000\n    adapter:"},
	} {
		if !bytes.Contains(configuration, []byte(change[0])) {
			b.Fatalf("the demo's configuration lacks %q", change[0])
		}
		configuration = bytes.Replace(configuration, []byte(change[0]), []byte(change[1]), 1)
	}
	if err := os.WriteFile(name, configuration, 0o600); err != nil {
		b.Fatal(err)
	}
	command := exec.Command(program, "serve", "--config", name)
	stderr, err := command.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			b.Error(err)
		}
	})
	return folder, command.Process, waitReady(b, stderr)
}

// patience bounds the wait for a service to be ready or to have delivered.
const patience = 10 * time.Minute
