package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// temporary makes an empty folder the one for temporary files.
func temporary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, dir)
	}
	return dir
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("%d entries are left in %s; %v", len(entries), dir, err)
	}
}

func TestDemo(t *testing.T) {
	dir := temporary(t)
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Out: &out, Version: "test"}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	empty(t, dir)
	for _, want := range []string{
		"sealrelay keys generate rsa-3072", "sealrelay keys generate ec-p256", "sealrelay keys generate age",
		"202 accepted: version 1 of prod/db/orders", "202 accepted: version 2", "200 duplicate", "401 ",
		"sealrelay decrypt -i", firstValue, secondValue, "Nothing is left behind",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if got := strings.Count(out.String(), "\n     "+secondValue+"\n"); got != len(agents) {
		t.Errorf("%d agents show the second value, want %d", got, len(agents))
	}
}

// TestKeep: what is left is a configuration that works.
func TestKeep(t *testing.T) {
	temporary(t)
	dir := filepath.Join(t.TempDir(), "new")
	var out bytes.Buffer
	if err := Run(t.Context(), Options{Keep: dir, Out: &out}); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(filepath.Join(dir, "sealrelay.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	built, err := app.Check(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(built.Rules.Registry().Agents()); got != len(agents) || built.Rules.Source("password-manager") == nil {
		t.Errorf("%d agents", got)
	}
	for _, r := range agents {
		for _, file := range []string{r.keyFile(), r.publicFile(), r.envelopeFile(), r.envelopeFile() + ".jws"} {
			if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
				t.Error(err)
			}
		}
	}
	err = Run(t.Context(), Options{Keep: dir, Out: &out})
	if err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a second run into the same folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "sealrelay.yaml")); err != nil {
		t.Errorf("the refused run took something away: %v", err)
	}
}

func TestFails(t *testing.T) {
	dir := temporary(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	err := Run(cancelled, Options{Out: &bytes.Buffer{}})
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "step ") {
		t.Errorf("cancelled: %v", err)
	}
	empty(t, dir)
	keep := filepath.Join(dir, "keep")
	if err := Run(cancelled, Options{Keep: keep, Out: &bytes.Buffer{}}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled, with --keep: %v", err)
	}
	empty(t, dir)
	if err := os.WriteFile(keep, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Run(t.Context(), Options{Keep: keep, Out: &bytes.Buffer{}}); err == nil {
		t.Error("a file as the folder is taken")
	}
}

// full is a writer that takes nothing.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

// TestNobodyListens: a demo that could not be told is no success, and leaves
// nothing behind either.
func TestNobodyListens(t *testing.T) {
	dir := temporary(t)
	if err := Run(t.Context(), Options{Out: full{}}); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("got %v", err)
	}
	empty(t, dir)
}

// canceller ends the context as soon as the narration says something.
type canceller struct {
	at     string
	cancel context.CancelFunc
}

func (c canceller) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.at) {
		c.cancel()
	}
	return len(p), nil
}

// TestFailsMidway: a step that does not hold makes the demo fail, wherever.
func TestFailsMidway(t *testing.T) {
	for _, at := range []string{"it listens at", "202 accepted: version 1", "The secret is rotated", "hook again", "of their own making"} {
		t.Run(at, func(t *testing.T) {
			dir := temporary(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := Run(ctx, Options{Out: canceller{at, cancel}})
			if err == nil || !strings.HasPrefix(err.Error(), "step ") {
				t.Errorf("got %v", err)
			}
			empty(t, dir)
		})
	}
}
