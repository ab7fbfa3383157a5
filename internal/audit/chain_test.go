package audit_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/audit"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func rows(t testing.TB, n int) []audit.Row {
	t.Helper()
	var all []audit.Row
	var prev audit.Row
	for i := range n {
		row, err := audit.Append(prev, audit.Entry{At: noon, Kind: audit.EventAccepted, Actor: "source/vault", EventID: fmt.Sprint("e", i)})
		if err != nil {
			t.Fatal(err)
		}
		all, prev = append(all, row), row
	}
	return all
}

func verify(all []audit.Row) error {
	var chain audit.Chain
	for _, row := range all {
		if err := chain.Next(row); err != nil {
			return err
		}
	}
	return nil
}

// TestFormat pins the stored form: rows written by any version must verify
// with every later one. The expected hash was computed with Python's hashlib.
func TestFormat(t *testing.T) {
	row := rows(t, 1)[0]
	const entry = `{"at":"2026-03-01T12:00:00Z","kind":"event.accepted","actor":"source/vault","event_id":"e0"}`
	if diff := cmp.Diff(entry, string(row.Entry)); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	const want = "bafc3b00d0380ea5226c800d983b85493de9a7c96ebe7f88641853e1992dfda5"
	if got := hex.EncodeToString(row.Hash[:]); got != want {
		t.Errorf("hash = %s, want %s", got, want)
	}
}

func TestAppendRefusesUnencodableTime(t *testing.T) {
	_, err := audit.Append(audit.Row{}, audit.Entry{At: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err == nil {
		t.Fatal("an entry in the year 10000 was accepted")
	}
}

func TestIntactChain(t *testing.T) {
	all := rows(t, 20)
	var chain audit.Chain
	for _, row := range all {
		if err := chain.Next(row); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(all[19], chain.Head()); diff != "" {
		t.Errorf("head (-want +got):\n%s", diff)
	}
}

func TestTampering(t *testing.T) {
	const n = 8
	type tamper struct {
		name    string
		change  func(all []audit.Row, i int) []audit.Row
		last    int // the last index that the change applies to
		seq     func(i int) int64
		problem audit.Problem
	}
	at := func(offset int) func(int) int64 { return func(i int) int64 { return int64(i + 1 + offset) } }
	for _, tc := range []tamper{
		{"edit entry", func(all []audit.Row, i int) []audit.Row {
			all[i].Entry = append(slices.Clone(all[i].Entry), ' ')
			return all
		}, n - 1, at(0), audit.Mismatch},
		{"edit hash", func(all []audit.Row, i int) []audit.Row { all[i].Hash[31] ^= 1; return all }, n - 1, at(0), audit.Mismatch},
		{"edit seq", func(all []audit.Row, i int) []audit.Row { all[i].Seq++; return all }, n - 1, at(1), audit.Gap},
		{"edit and rehash", func(all []audit.Row, i int) []audit.Row {
			var prev audit.Row
			if i > 0 {
				prev = all[i-1]
			}
			all[i] = audit.Link(prev, []byte("{}"))
			return all
		}, n - 2, at(1), audit.Mismatch},
		{"remove", func(all []audit.Row, i int) []audit.Row { return slices.Delete(all, i, i+1) }, n - 2, at(1), audit.Gap},
		{"remove and renumber", func(all []audit.Row, i int) []audit.Row {
			all = slices.Delete(all, i, i+1)
			for j := i; j < len(all); j++ {
				all[j].Seq--
			}
			return all
		}, n - 2, at(0), audit.Mismatch},
		{"insert", func(all []audit.Row, i int) []audit.Row {
			return slices.Insert(all, i, audit.Link(all[i], []byte("{}")))
		}, n - 1, at(1), audit.Gap},
		{"repeat", func(all []audit.Row, i int) []audit.Row { return slices.Insert(all, i, all[i]) }, n - 1, at(0), audit.Gap},
		{"swap", func(all []audit.Row, i int) []audit.Row { all[i], all[i+1] = all[i+1], all[i]; return all }, n - 2, at(1), audit.Gap},
		{"swap entries", func(all []audit.Row, i int) []audit.Row {
			all[i].Entry, all[i+1].Entry = all[i+1].Entry, all[i].Entry
			return all
		}, n - 2, at(0), audit.Mismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for i := range tc.last + 1 {
				err := verify(tc.change(rows(t, n), i))
				var broken *audit.BrokenError
				if !errors.As(err, &broken) {
					t.Fatalf("at index %d: error %v, want a *BrokenError", i, err)
				}
				if broken.Seq != tc.seq(i) || broken.Problem != tc.problem {
					t.Errorf("at index %d: %v; want row %d, %s", i, broken, tc.seq(i), tc.problem)
				}
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	for _, tc := range []struct {
		err  audit.BrokenError
		want string
	}{
		{audit.BrokenError{Seq: 9, Want: 8, Problem: audit.Gap}, "audit chain is broken at row 9: it does not follow the row before it, row 8 had to come"},
		{audit.BrokenError{Seq: 8, Want: 8, Problem: audit.Mismatch}, "audit chain is broken at row 8: its hash does not match"},
	} {
		if got := tc.err.Error(); got != tc.want {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}

func TestBrokenRowLeavesTheChainUsable(t *testing.T) {
	all := rows(t, 2)
	var chain audit.Chain
	if err := chain.Next(all[1]); err == nil {
		t.Fatal("the second row was accepted as the first")
	}
	for _, row := range all {
		if err := chain.Next(row); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzChain looks for a second row that is accepted in the place of the one
// that was appended.
func FuzzChain(f *testing.F) {
	f.Add(int64(1), []byte("{}"), []byte{}, int64(0))
	f.Add(int64(7), []byte(`{"kind":"event.accepted"}`), []byte("x"), int64(1))
	f.Add(int64(math.MaxInt32), []byte(nil), []byte(`{"kind"`), int64(-1))
	f.Fuzz(func(t *testing.T, seed int64, entry, other []byte, shift int64) {
		first := audit.Link(audit.Row{}, fmt.Append(nil, seed))
		second := audit.Link(first, entry)
		if err := verify([]audit.Row{first, second}); err != nil {
			t.Fatal(err)
		}
		forged := second
		forged.Entry, forged.Seq = other, second.Seq+shift
		if string(other) == string(entry) && shift == 0 {
			return
		}
		if err := verify([]audit.Row{first, forged}); err == nil {
			t.Fatalf("row %d with entry %q was accepted for row %d with %q", forged.Seq, other, second.Seq, entry)
		}
	})
}
