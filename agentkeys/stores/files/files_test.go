package files_test

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/agentkeys/stores"
	"github.com/sealrelay/sealrelay/agentkeys/stores/directory"
	"github.com/sealrelay/sealrelay/agentkeys/stores/files"
	"github.com/sealrelay/sealrelay/agentkeys/stores/storetest"
)

// plant makes files in a folder, each what the named one of the test keys is, and
// returns the folder without links in its name.
func plant(t *testing.T, what map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, from := range what {
		data, err := os.ReadFile(filepath.Join("../../../crypto/keys/testdata", from))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, name), data)
	}
	return dir
}

func put(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// search is a search that finds all there is.
func search(folders ...string) files.Search {
	return files.Search{Folders: folders, Depth: files.MaxDepth, Files: files.MaxFiles}
}

// found runs a search, and returns what was found by kind and path below dir, each of
// them once, and its summary.
func found(t *testing.T, dir string, s files.Search) (all map[string]stores.Found, summary string) {
	t.Helper()
	d, err := files.NewDiscoverer(s)
	if err != nil {
		t.Fatal(err)
	}
	all = map[string]stores.Found{}
	for f, err := range d.Discover(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		path, err := filepath.Rel(dir, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		key := f.Kind + " " + filepath.ToSlash(path)
		if _, twice := all[key]; twice {
			t.Errorf("%s is there twice", key)
		}
		all[key] = f
	}
	return all, d.Summary()
}

// expect: these were found, and nothing else.
func expect(t *testing.T, all map[string]stores.Found, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
		t.Errorf("found %q, not %q", got, want)
	}
}

// TestDiscover: the content says what a file is, whatever its name.
func TestDiscover(t *testing.T) {
	dir := plant(t, map[string]string{
		"web/server.pem":  "p256.crt.pem",
		"web/server.key":  "p256.pem",
		"web/ca.txt":      "rsa.crt.pem",
		"web/der.cer":     "p256.crt.der",
		"java/store.pem":  "java.jks",
		"java/old/a.p12":  "java.jceks",
		"java/old/b.jks":  "modern.p12",
		"ssh/id_ed25519":  "ssh-ed25519",
		"ssh/known.crt":   "ssh-ed25519.pub",
		"keys/public.pem": "p256.spki.pem",
	})
	put(t, filepath.Join(dir, "empty.pem"), nil)
	put(t, filepath.Join(dir, "binary.pem"), []byte("\x00\x01\x02"))
	all, summary := found(t, dir, search(dir))
	expect(t, all, "directory web", "jks java/store.pem", "jks java/old/a.p12", "pkcs12 java/old/b.jks")
	for key, want := range map[string]map[string]string{
		"directory web":         {"certificates": "3", "files": "3", "private_keys": "1", "named_otherwise": "1"},
		"jks java/store.pem":    {"format": "JKS", "entries": "3"},
		"jks java/old/a.p12":    {"format": "JCEKS", "entries": "1", "unread": "JCEKS"},
		"pkcs12 java/old/b.jks": {},
	} {
		about := all[key].About
		if about["size"] == "" || about["size"] == "0" {
			t.Errorf("%s has the size %q", key, about["size"])
		}
		delete(about, "size")
		if !maps.Equal(about, want) || all[key].Problem != nil {
			t.Errorf("%s is %v, %v", key, about, all[key].Problem)
		}
	}
	if want := "12 files in 6 folders looked at; left out: 0 folders that are deeper, 0 links"; !strings.HasPrefix(summary, want) {
		t.Errorf("the summary is %q", summary)
	}
	// The store that was found has as many certificates.
	s, err := directory.New(directory.Config{Dir: all["directory web"].Path})
	if err != nil {
		t.Fatal(err)
	}
	if entries := storetest.All(t, s); len(entries) != 2 || entries["server.pem"].Key == nil || entries["der.cer"].Key == nil {
		t.Errorf("the store has %v", entries)
	}
}

// TestOverlap: of folders in one another each store is found once, and each is searched
// as deep as it would be alone.
func TestOverlap(t *testing.T) {
	dir := plant(t, map[string]string{
		"a.p12": "modern.p12", "one/b.p12": "modern.p12", "one/two/c.p12": "modern.p12", "one/two/three/d.p12": "modern.p12", "one/two/three/four/e.p12": "modern.p12",
	})
	two := filepath.Join(dir, "one", "two")
	for name, folders := range map[string][]string{
		"the outer one first": {dir, two},
		"the inner one first": {two, dir},
		"each twice":          {dir, two, two + string(filepath.Separator), filepath.Join(two, "..", "..")},
	} {
		t.Run(name, func(t *testing.T) {
			s := search(folders...)
			s.Depth = 1
			all, summary := found(t, dir, s)
			expect(t, all, "pkcs12 a.p12", "pkcs12 one/b.p12", "pkcs12 one/two/c.p12", "pkcs12 one/two/three/d.p12")
			if !strings.Contains(summary, "left out: 1 folders that are deeper") {
				t.Errorf("the summary is %q", summary)
			}
		})
	}
}

// TestLinks: nothing is followed out of the folders, nor in circles.
func TestLinks(t *testing.T) {
	outside := plant(t, map[string]string{"out.p12": "modern.p12"})
	dir := plant(t, map[string]string{"in/in.p12": "modern.p12"})
	for name, to := range map[string]string{
		"file": filepath.Join(outside, "out.p12"), "folder": outside, "circle": dir, "within": filepath.Join("in", "in.p12"), "nothing": "nothing",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Skip(err)
		}
	}
	all, summary := found(t, dir, search(dir))
	expect(t, all, "pkcs12 in/in.p12")
	if !strings.Contains(summary, " 5 links") {
		t.Errorf("the summary is %q", summary)
	}
	// One that is named is followed, and is the same as what it leads to.
	link := filepath.Join(dir, "folder")
	all, _ = found(t, link, search(link, outside))
	expect(t, all, "pkcs12 out.p12")
}

// TestLimits: a search that ends early says so, and finds what comes before.
func TestLimits(t *testing.T) {
	dir := plant(t, map[string]string{"a.p12": "modern.p12", "b.p12": "modern.p12", "c/d.p12": "modern.p12"})
	for limit, want := range map[int][]string{
		1: {"pkcs12 a.p12", "files ."},
		3: {"pkcs12 a.p12", "pkcs12 b.p12", "files c"},
		4: {"pkcs12 a.p12", "pkcs12 b.p12", "pkcs12 c/d.p12"},
	} {
		s := search(dir)
		s.Files = limit
		all, _ := found(t, dir, s)
		expect(t, all, want...)
	}
	large := append([]byte("-----BEGIN "), make([]byte, 1<<20)...)
	put(t, filepath.Join(dir, "c", "large.bin"), large)
	certificate, err := os.ReadFile("../../../crypto/keys/testdata/p256.crt.pem")
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(dir, "c", "large.pem"), append(certificate, strings.Repeat("#\n", 1<<19)...))
	put(t, filepath.Join(dir, "c", "large.txt"), []byte(strings.Repeat("#\n", 1<<20)))
	all, _ := found(t, dir, search(filepath.Join(dir, "c")))
	expect(t, all, "pkcs12 c/d.p12", "files c/large.pem")
	if !errors.Is(all["files c/large.pem"].Problem, stores.ErrUnreadable) {
		t.Errorf("the large one is %v", all["files c/large.pem"].Problem)
	}
	for name, s := range map[string]files.Search{
		"no folder":       {Files: 1},
		"an empty one":    {Files: 1, Folders: []string{""}},
		"a depth below 0": {Files: 1, Folders: []string{dir}, Depth: -1},
		"too deep":        {Files: 1, Folders: []string{dir}, Depth: files.MaxDepth + 1},
		"no files":        {Folders: []string{dir}},
		"too many":        {Folders: []string{dir}, Files: files.MaxFiles + 1},
	} {
		if _, err := files.NewDiscoverer(s); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
}

// TestProblems: what is no folder is told, and the others are searched.
func TestProblems(t *testing.T) {
	dir := plant(t, map[string]string{"a/a.p12": "modern.p12"})
	all, _ := found(t, dir, search(filepath.Join(dir, "none"), filepath.Join(dir, "a", "a.p12"), dir))
	expect(t, all, "files none", "files a/a.p12", "pkcs12 a/a.p12")
	for key, class := range map[string]error{"files none": stores.ErrUnreadable, "files a/a.p12": stores.ErrUnreadable} {
		if !errors.Is(all[key].Problem, class) {
			t.Errorf("%s is %v", key, all[key].Problem)
		}
	}
}

// TestStops: a search ends with its context, and with whoever reads it.
func TestStops(t *testing.T) {
	dir := plant(t, map[string]string{"a.p12": "modern.p12", "b.p12": "modern.p12", "c/d.p12": "modern.p12", "c/e.pem": "p256.crt.pem"})
	d, err := files.NewDiscoverer(search(dir))
	if err != nil {
		t.Fatal(err)
	}
	for after := 1; after <= 4; after++ {
		ctx, cancel := context.WithCancel(t.Context())
		count, ended := 0, error(nil)
		for _, err := range d.Discover(ctx) {
			if ended = err; err != nil {
				break
			}
			if count++; count == after {
				cancel()
			}
		}
		cancel()
		if count != after || after < 4 && !errors.Is(ended, context.Canceled) {
			t.Errorf("after %d: %d, %v", after, count, ended)
		}
		count = 0
		for _, err := range d.Discover(t.Context()) {
			if count++; count == after || err != nil {
				break
			}
		}
	}
}
