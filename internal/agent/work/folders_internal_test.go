package work

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// site has the folder open, which jobs may have to do with, and closed, which they may
// not.
func site(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"open/below", "closed", "open-not"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"open/file", "open/below/file", "closed/file", "open-not/file"} {
		if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{
		"open/out": "../closed", "open/in": "below", "open/file-out": "../closed/file", "open/nowhere": "../closed/none",
		"open/loop": "loop", "to-open": "open", "closed/back": "../open",
	} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(dir, link)); err != nil {
			t.Skip("no symbolic links here: ", err)
		}
	}
	return dir
}

func TestWithin(t *testing.T) {
	dir := site(t)
	for path, want := range map[string]string{
		"open":                 "open",
		"open/file":            "open/file",
		"open/below/file":      "open/below/file",
		"open/none":            "open/none",
		"open/./below/../file": "open/file",
		"open/in/file":         "open/below/file",
		"to-open/file":         "open/file",
		"closed/back/file":     "open/file",
		"":                     "",
		"closed/file":          "",
		"open/../closed/file":  "",
		"open/out/file":        "",
		"open/out":             "",
		"open/out/none":        "",
		"open/file-out":        "",
		"open/nowhere":         "",
		"open/loop":            "",
		"open/none/none":       "",
		"open/file/file":       "",
		"open-not/file":        "",
	} {
		for _, folder := range []string{"open", "to-open"} {
			got, err := folders{filepath.Join(dir, "none"), filepath.Join(dir, folder)}.within(filepath.Join(dir, path))
			if want == "" {
				if err == nil || got != "" {
					t.Errorf("%s is taken as %s", path, got)
				}
				continue
			}
			if err != nil || got != filepath.Join(dir, want) {
				t.Errorf("%s is %s, %v, want %s", path, got, err, want)
			}
		}
	}
	if got, err := (folders{dir}).within("open/file"); err == nil {
		t.Errorf("a relative path is taken as %s", got)
	}
	if got, err := (folders(nil)).within(filepath.Join(dir, "open/file")); err == nil {
		t.Errorf("without folders it is taken as %s", got)
	}
}

// TestWithinTellsNothing: whether there is something outside is not told.
func TestWithinTellsNothing(t *testing.T) {
	dir := site(t)
	_, there := folders{filepath.Join(dir, "open")}.within(filepath.Join(dir, "closed/file"))
	_, absent := folders{filepath.Join(dir, "open")}.within(filepath.Join(dir, "closed/none/none"))
	if there == nil || absent == nil || there.Error() != absent.Error() {
		t.Errorf("%v, but %v", there, absent)
	}
}

// FuzzWithin: whatever is taken is below the folder, whichever way it is asked for.
func FuzzWithin(f *testing.F) {
	for _, path := range []string{"open/file", "open/../closed/file", "open/out/file", "open/in/../../closed", "/etc/shadow", "open/nowhere", "..", "open/\x00"} {
		f.Add(path)
	}
	dir := site(f)
	f.Fuzz(func(t *testing.T, path string) {
		for _, asked := range []string{path, dir + "/" + path, dir + "/open/" + path} {
			got, err := folders{filepath.Join(dir, "open")}.within(asked)
			if err == nil && got != filepath.Join(dir, "open") && !strings.HasPrefix(got, filepath.Join(dir, "open")+string(filepath.Separator)) {
				t.Errorf("%q is taken as %q", asked, got)
			}
		}
	})
}
