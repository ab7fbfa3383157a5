package e2e

import (
	"crypto"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/hooks/verify"
	"github.com/sealrelay/sealrelay/internal/app"
	"github.com/sealrelay/sealrelay/internal/config"
	"github.com/sealrelay/sealrelay/internal/sourcetest"
)

const catalogue = "../../testdata/hooks"

// TestCatalogue sends each request of testdata/hooks to the real service, over
// TLS, with the sources of its sealrelay.yaml, twice: the second time the
// service knows the secrets.
func TestCatalogue(t *testing.T) {
	s := startCatalogue(t)
	for _, round := range []string{"first", "second"} {
		for name := range s.cfg.Sources {
			t.Run(round+"/"+name, func(t *testing.T) { s.runCatalogue(t, name) })
		}
	}
}

// TestCatalogueIsWhole: every folder has a source, every source a folder, and
// every adapter and verifier there is a source that uses it.
func TestCatalogueIsWhole(t *testing.T) {
	s := prepareCatalogue(t)
	folders, err := os.ReadDir(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if _, found := s.cfg.Sources[folder.Name()]; folder.IsDir() && !found {
			t.Errorf("folder %s has no source", folder.Name())
		}
	}
	used := map[string]bool{}
	for name, source := range s.cfg.Sources {
		scheme, _, err := source.Scheme()
		product, _, err2 := source.Product()
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		used["verify "+scheme], used["adapter "+product] = true, true
		if _, err := os.Stat(filepath.Join(catalogue, name)); err != nil {
			t.Errorf("source %s has no folder", name)
		}
	}
	for name := range adapters.Table {
		if !used["adapter "+name] {
			t.Errorf("no source has the adapter %s", name)
		}
	}
	for name := range verify.Table {
		if !used["verify "+name] {
			t.Errorf("no source has the verifier %s", name)
		}
	}
}

// prepareCatalogue writes what the service of the catalogue needs.
func prepareCatalogue(t *testing.T) *service {
	t.Helper()
	s, _ := prepare(t)
	s.write(t, "shared.secret", []byte("a-shared-secret-of-enough-length"))
	if err := os.CopyFS(filepath.Join(s.dir, "set-push"), os.DirFS(filepath.Join(catalogue, "set-push"))); err != nil {
		t.Fatal(err)
	}
	s.write(t, "issuer.jwks", jwksOf(t, s.issuer(t)))
	s.writeClientCertificate(t)
	text, err := os.ReadFile(filepath.Join(catalogue, "sealrelay.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if s.cfg, err = config.Parse(text, s.dir); err != nil {
		t.Fatal(err)
	}
	return s
}

func startCatalogue(t *testing.T) *service {
	t.Helper()
	s := prepareCatalogue(t)
	var err error
	if s.App, err = app.New(t.Context(), s.cfg, app.Options{Version: "test", Log: zerolog.New(&s.log)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// runCatalogue sends the requests of one folder, by the order of their names.
func (s *service) runCatalogue(t *testing.T, name string) {
	t.Helper()
	scheme, settings, err := s.cfg.Sources[name].Scheme()
	if err != nil {
		t.Fatal(err)
	}
	var key crypto.Signer
	if strings.HasSuffix(scheme, "-jwt") {
		key = s.issuer(t)
	}
	signer, err := sourcetest.NewSigner(scheme, hooks.Settings{Decode: settings.Decode, ReadSecret: s.cfg.ReadSecret}, key)
	if err != nil {
		t.Fatal(err)
	}
	defer signer.Wipe()
	runner := &sourcetest.Runner{Address: "https://" + s.Address(), Source: name, HTTP: s.client, Certified: s.certified(t), Signer: signer}
	files, err := filepath.Glob(filepath.Join(catalogue, name, "*.http"))
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	succeed := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, err := sourcetest.Parse(filepath.Base(file), data)
		if err != nil {
			t.Fatal(err)
		}
		result, err := runner.Run(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		if !result.OK {
			t.Errorf("%s: expected %s, got %s: %s%s", result.Case, result.Expect, result.Got, result.Detail, result.Skipped)
		}
		if c.Expect.Status/100 == 2 {
			succeed++
		}
	}
	if succeed == 0 || succeed == len(files) {
		t.Errorf("%d of %d requests succeed; the catalogue has both kinds", succeed, len(files))
	}
}
