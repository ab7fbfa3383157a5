package service

import (
	"strings"
	"testing"
	"time"

	"github.com/sealrelay/sealrelay/internal/audit"
)

// TestPrintRow: a change of a store is told with store and alias, and an alias cannot
// write to the terminal.
func TestPrintRow(t *testing.T) {
	row, err := audit.Append(audit.Row{}, audit.Entry{
		At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Kind: audit.StoreAdded, Actor: "token/on-call", Store: "vault", Alias: "web\x1b[2J", Detail: "added, version 7",
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := printRow(&out, row); err != nil {
		t.Fatal(err)
	}
	const want = `  store.added  by token/on-call  in store vault  entry "web\x1b[2J": added, version 7` + "\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("printed was %q, want it to end with %q", out.String(), want)
	}
}
