package app

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/sealrelay/sealrelay/internal/config"
)

// TestWatchedStore: what needs attention is told once when it begins and once when it is
// over, and counted.
func TestWatchedStore(t *testing.T) {
	dir, log := folder(t), &logged{}
	text := strings.Replace(base, "sources:\n", "stores: {kept: {directory: {dir: kept}, watch: {every: 1h}}}\nsources:\n", 1)
	cfg, err := config.Parse([]byte(text), dir)
	if err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), cfg, Options{Log: zerolog.New(log), InsecureLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop() })
	now, known := time.Now(), map[string]*watchedStore{}
	look := func(findings string) {
		t.Helper()
		a.lookThroughDue(t.Context(), now, known)
		now = now.Add(time.Hour)
		w := httptest.NewRecorder()
		a.observed.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if !strings.Contains(w.Body.String(), `sealrelay_store_findings{store="kept"} `+findings+"\n") {
			t.Errorf("not %s findings: %v", findings, known["kept"].findings)
		}
	}
	logs := func(text string, times int) {
		t.Helper()
		if got := strings.Count(log.String(), text); got != times {
			t.Errorf("%q was logged %d times, want %d:\n%s", text, got, times, log)
		}
	}
	look("1") // There is no folder.
	logs("the list broke off after 0 entries", 1)

	old, err := os.ReadFile(filepath.Join(dir, "old.crt"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "kept/expired.crt", old)
	write(t, dir, "kept/damaged.pem", []byte("x"))
	writeSoon(t, dir, "kept/soon.crt", 20*24*time.Hour)
	writeSoon(t, dir, "kept/good.crt", 900*24*time.Hour)
	look("3")
	look("3")
	logs("what needed attention in a store is over", 1)
	for text, times := range map[string]int{`"error":"expired"`: 1, `"error":"expires at `: 1, `"alias":"damaged.pem"`: 1, `"alias":"good.crt"`: 0} {
		logs(text, times)
	}

	a.lookThroughDue(t.Context(), now.Add(-2*time.Hour), known) // Not due.
	if err := os.Remove(filepath.Join(dir, "kept/good.crt")); err != nil {
		t.Fatal(err)
	}
	writeSoon(t, dir, "kept/soon.crt", 900*24*time.Hour)
	look("3")
	logs("vanished from the store", 1)
	logs("what needed attention in a store is over", 2)
	writeSoon(t, dir, "kept/good.crt", 900*24*time.Hour)
	look("2")
	logs("what needed attention in a store is over", 3)
}
