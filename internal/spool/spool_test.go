package spool_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/hooks/adapters"
	"github.com/sealrelay/sealrelay/internal/spool"
)

const url = "https://relay.example/v1/hooks/a"

// began is when the first events happened.
var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string) *spool.Spool {
	t.Helper()
	s, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newSpool(t testing.TB) *spool.Spool {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "spool"))
}

// event is one of the secret that happened so long after the first.
func event(t testing.TB, id, secret string, after time.Duration, size int) spool.Event {
	t.Helper()
	e, err := newEvent(id, secret, after, size)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newEvent(id, secret string, after time.Duration, size int) (spool.Event, error) {
	sealed := adapters.Sealed{
		EventID: id, Secret: secret, Operation: hooks.Set, OccurredAt: began.Add(after), Recipients: "abc",
		Envelopes: []adapters.Envelope{{Format: "age", KeyID: "sha256:00", Bytes: bytes.Repeat([]byte{1}, size)}},
	}
	body, err := adapters.EncodeSealed(sealed)
	return spool.Event{URL: url, Body: body, Sealed: sealed}, err
}

func put(t testing.TB, s *spool.Spool, e spool.Event) {
	t.Helper()
	if err := s.Put(e); err != nil {
		t.Fatal(err)
	}
}

// ids are those of the events, in their order.
func ids(t testing.TB, list func(string) ([]spool.Event, error)) string {
	t.Helper()
	events, err := list(url)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range events {
		out = append(out, e.Sealed.EventID)
	}
	return strings.Join(out, " ")
}

func holds(t testing.TB, s *spool.Spool, waiting, lost string) {
	t.Helper()
	if got := ids(t, s.Waiting); got != waiting {
		t.Errorf("waiting is %q, want %q", got, waiting)
	}
	if got := ids(t, s.Lost); got != lost {
		t.Errorf("lost is %q, want %q", got, lost)
	}
}

func TestRoundTrip(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "spool")
	want := event(t, "1", "prod/db", 0, 100)
	first, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	put(t, first, want)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	got, err := open(t, dir).Waiting(url)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]spool.Event{want}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOneForEachSecret(t *testing.T) {
	s := newSpool(t)
	put(t, s, event(t, "1", "prod/db", 0, 1))
	put(t, s, event(t, "2", "prod/other", -time.Second, 1))
	put(t, s, event(t, "3", "prod/db", time.Second, 1))
	holds(t, s, "2 3", "")
	if err := s.Put(event(t, "4", "prod/db", 0, 1)); !errors.Is(err, spool.ErrSuperseded) {
		t.Errorf("error is %v", err)
	}
	holds(t, s, "2 3", "")
	put(t, s, event(t, "5", "prod/db", time.Second, 1)) // as new: the later one counts
	elsewhere := event(t, "6", "prod/db", 0, 1)
	elsewhere.URL += "b"
	put(t, s, elsewhere)
	holds(t, s, "2 5", "")
}

func TestDone(t *testing.T) {
	s := newSpool(t)
	put(t, s, event(t, "1", "prod/db", time.Second, 1))
	put(t, s, event(t, "2", "prod/other", 0, 1))
	for _, step := range []struct {
		id, waiting string
		after       time.Duration
	}{
		{"older", "2 1", 0}, // The service has an older one: what waits is still to be sent.
		{"1", "2", time.Second},
		{"1", "2", time.Second},
	} {
		if err := s.Done(event(t, step.id, "prod/db", step.after, 1)); err != nil {
			t.Fatal(err)
		}
		holds(t, s, step.waiting, "")
	}
}

func TestDrop(t *testing.T) {
	s := newSpool(t)
	put(t, s, event(t, "1", "prod/db", 0, 1))
	for _, step := range []struct{ id, waiting string }{{"another", "1"}, {"1", ""}, {"1", ""}} {
		if err := s.Drop(event(t, step.id, "prod/db", 0, 1)); err != nil {
			t.Fatal(err)
		}
		holds(t, s, step.waiting, "")
	}
}

func TestSetAside(t *testing.T) {
	s := newSpool(t)
	put(t, s, event(t, "1", "prod/db", 0, 1))
	if err := s.SetAside(event(t, "another", "prod/db", 0, 1), "x"); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "1", "")
	for range 2 {
		if err := s.SetAside(event(t, "1", "prod/db", 0, 1), "the recipients changed"); err != nil {
			t.Fatal(err)
		}
		holds(t, s, "", "1")
	}
	lost, err := s.Lost(url)
	if err != nil || lost[0].Reason != "the recipients changed" {
		t.Errorf("lost is %+v, %v", lost, err)
	}
	// One that waits after it leaves it; one that is sent after it settles it.
	put(t, s, event(t, "2", "prod/db", time.Second, 1))
	holds(t, s, "2", "1")
	if err := s.Done(event(t, "2", "prod/db", time.Second, 1)); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "", "")
}

func TestBoundOfSize(t *testing.T) {
	s := newSpool(t)
	if err := s.Put(event(t, "1", "prod/db", 0, spool.MaxEventSize)); !errors.Is(err, spool.ErrFull) {
		t.Errorf("error is %v", err)
	}
	file := writeOne(t, s)
	// Holes, which take no room on the disk.
	for i := range spool.MaxSize >> 24 {
		name := filepath.Join(s.Dir(), "lost", fmt.Sprintf("%032x.json", i))
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Truncate(name, 1<<24-8<<10)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s, event(t, "2", "prod/other", 0, 1000))
	if err := s.Put(event(t, "3", "prod/third", 0, 100_000)); !errors.Is(err, spool.ErrFull) {
		t.Errorf("error is %v", err)
	}
	// In place of one that is there it fits, but for what it is larger.
	if err := os.Truncate(file, 120_000); err != nil {
		t.Fatal(err)
	}
	put(t, s, event(t, "4", "prod/db", time.Second, 1000))
}

func TestBoundOfNumber(t *testing.T) {
	s := newSpool(t)
	data, err := os.ReadFile(writeOne(t, s))
	if err != nil {
		t.Fatal(err)
	}
	for i := range spool.MaxEvents - 1 { // Not by Put, which syncs each.
		dir := []string{"waiting", "lost"}[i%2]
		if err := os.WriteFile(filepath.Join(s.Dir(), dir, fmt.Sprintf("%032x.json", i)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Put(event(t, "2", "prod/other", 0, 1)); !errors.Is(err, spool.ErrFull) || !strings.Contains(err.Error(), s.Dir()) {
		t.Errorf("error is %v", err)
	}
	put(t, s, event(t, "2", "prod/db", 0, 1))
}

// writeOne puts an event of prod/db and returns its file.
func writeOne(t testing.TB, s *spool.Spool) string {
	t.Helper()
	put(t, s, event(t, "1", "prod/db", 0, 1))
	files, err := filepath.Glob(filepath.Join(s.Dir(), "waiting", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files are %q, %v", files, err)
	}
	return files[0]
}

// TestDamaged: whatever is in a file, it is named and the others are listed; a
// newer event takes its place.
func TestDamaged(t *testing.T) {
	s := newSpool(t)
	file := writeOne(t, s)
	put(t, s, event(t, "2", "prod/other", time.Second, 1))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"nothing": "", "half": string(good[:len(good)/2]), "text": "hunter2", "null": "null", "twice": string(good) + string(good),
		"an unknown member": strings.Replace(string(good), `"url"`, `"hunter2":1,"url"`, 1),
		"an event changed":  strings.Replace(string(good), `"operation":"set"`, `"operation":"delete"`, 1),
	} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := s.Waiting(url)
		if !errors.Is(err, spool.ErrDamaged) || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: error is %v", name, err)
		}
		if len(got) != 1 || got[0].Sealed.EventID != "2" {
			t.Errorf("%s: waiting is %+v", name, got)
		}
		put(t, s, event(t, "3", "prod/db", 0, 1))
		holds(t, s, "3 2", "")
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Done(event(t, "4", "prod/db", time.Second, 1)); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "2", "")
}

// TestPrivate: nobody else can read anything in it.
func TestPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
	s := newSpool(t)
	put(t, s, event(t, "1", "prod/db", 0, 1))
	if err := s.KeepSet(url, "prod/db", "token"); err != nil {
		t.Fatal(err)
	}
	put(t, s, event(t, "2", "prod/other", 0, 1))
	if err := s.SetAside(event(t, "2", "prod/other", 0, 1), "x"); err != nil {
		t.Fatal(err)
	}
	files := 0
	err := filepath.WalkDir(s.Dir(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		files++
		return err
	})
	if err != nil || files != 8 {
		t.Errorf("%d files and folders, %v", files, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(dir, "shared")
	if err := os.Mkdir(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	bad := []string{file, filepath.Join(dir, "none", "spool")}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(shared, 0o770); err != nil {
			t.Fatal(err)
		}
		bad = append(bad, shared)
	}
	for _, dir := range bad {
		if s, err := spool.Open(dir); err == nil || s != nil {
			t.Errorf("%s was opened", dir)
		}
	}
	if os.Geteuid() != 0 || runtime.GOOS == "windows" {
		return // Only root can give a folder away.
	}
	if err := errors.Join(os.Chmod(shared, 0o700), os.Chown(shared, 12345, -1)); err != nil {
		t.Fatal(err)
	}
	if _, err := spool.Open(shared); err == nil || !strings.Contains(err.Error(), "another user's") {
		t.Errorf("error is %v", err)
	}
}

func TestSets(t *testing.T) {
	s := newSpool(t)
	get := func(at, secret string) string {
		token, err := s.Set(at, secret)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	if got := get(url, "prod/db"); got != "" {
		t.Errorf("set is %q", got)
	}
	for _, token := range []string{"old", "new"} {
		if err := s.KeepSet(url, "prod/db", token); err != nil {
			t.Fatal(err)
		}
	}
	if got := []string{get(url, "prod/db"), get(url, "prod/other"), get(url+"b", "prod/db")}; !slices.Equal(got, []string{"new", "", ""}) {
		t.Errorf("sets are %q", got)
	}
}

func TestSetsAreBounded(t *testing.T) {
	s := newSpool(t)
	dir := filepath.Join(s.Dir(), "recipients")
	for i := range spool.MaxSets + 5 {
		name := filepath.Join(dir, fmt.Sprintf("%032x.jws", i))
		at := began.Add(time.Duration(i) * time.Second)
		if err := errors.Join(os.WriteFile(name, nil, 0o600), os.Chtimes(name, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.KeepSet(url, "prod/db", "new"); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != spool.MaxSets {
		t.Errorf("%d sets are kept, %v", len(files), err)
	}
	if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%032x.jws", 5))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the oldest is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%032x.jws", 6))); err != nil {
		t.Error(err)
	}
}

// FuzzEvent: a file in the spool is an event or damaged, and nothing else.
func FuzzEvent(f *testing.F) {
	s := newSpool(f)
	file := writeOne(f, s)
	good, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"url":"x","event":null}`))
	f.Add([]byte(`{"url":"`))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		for _, name := range []string{"waiting", "lost", "recipients"} {
			if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := errors.Join(os.Chmod(dir, 0o700), os.WriteFile(filepath.Join(dir, "waiting", "x.json"), data, 0o600)); err != nil {
			t.Fatal(err)
		}
		opened := open(t, dir)
		events, err := opened.Waiting(url)
		if err != nil && (!errors.Is(err, spool.ErrDamaged) || events != nil) {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			put(t, opened, e)
			again, err := opened.Waiting(url)
			if err != nil || !slices.ContainsFunc(again, func(a spool.Event) bool { return cmp.Equal(a.Sealed, e.Sealed) }) {
				t.Fatalf("it does not come back: %v", err)
			}
		}
	})
}
