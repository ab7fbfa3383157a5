//go:build unix

// Package crashtest proves what the whole service promises about crashes, on
// the real binary: what it answered with 2xx is there after a kill, after a
// power cut, after a disk error and after a full disk. It has tests only;
// docs/durability.md tells what they prove and how to run more of them.
package crashtest

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// patience bounds each wait for something that takes moments.
const patience = 60 * time.Second

// built is the folder of the binary, if a test asked for it.
var built string

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// build makes the binary once, and only when it is needed: the workers of a
// fuzz run do not need it.
var build = sync.OnceValues(func() (string, error) {
	var err error
	if built, err = os.MkdirTemp("", "sealrelay-crashtest-"); err != nil {
		return "", err
	}
	path := filepath.Join(built, "sealrelay")
	output, err := exec.Command("go", "build", "-o", path, "github.com/sealrelay/sealrelay/cmd/sealrelay").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build sealrelay: %w: %s", err, output)
	}
	return path, nil
})

func binary(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// scaled is a quarter of n in a short run, and with the race detector, under
// which the database is ten times slower.
func scaled(n int) int {
	if testing.Short() || underRace {
		return max(n/4, 1)
	}
	return n
}

// count is what the environment asks for under the name, normal by default.
func count(t testing.TB, name string, normal int) int {
	t.Helper()
	n, err := strconv.Atoi(cmp.Or(os.Getenv(name), strconv.Itoa(scaled(normal))))
	if err != nil || n < 1 {
		t.Fatalf("%s must be a number of at least 1", name)
	}
	return n
}

// random is seeded anew for each run; the seed is printed and can be given
// back to draw the same again.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("SEALRELAY_CRASH_SEED"), strconv.FormatUint(rand.Uint64(), 10)), 10, 64)
	if err != nil {
		t.Fatalf("SEALRELAY_CRASH_SEED: %v", err)
	}
	t.Logf("SEALRELAY_CRASH_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// until polls until the condition holds.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
