package render_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/sealrelay/sealrelay/internal/agent/render"
	"github.com/sealrelay/sealrelay/internal/secretbytes"
)

var errNone = errors.New("there is none")

// open opens secrets that are in the test.
func open(secret string) (*secretbytes.Value, error) {
	values := map[string]string{
		"prod/db": "ti\x00ger\xff", "quotes": `a"b{{secret "prod/db"}}`, "fields": `{"user":"scott","password":"ti\"ger\u00e9","port":5432}`, "": "never",
	}
	if text, ok := values[secret]; ok {
		return secretbytes.New([]byte(text)), nil
	}
	return nil, errNone
}

func rendered(t *testing.T, text string) (string, error) {
	t.Helper()
	template, err := render.Parse("t", text)
	if err != nil {
		return "", err
	}
	output, err := template.Render(open)
	if err != nil {
		return "", err
	}
	defer output.Wipe()
	var got string
	return got, output.Expose(func(plaintext []byte) error { got = string(plaintext); return nil })
}

func TestRender(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"no value":                   "no value",
		`{{secret "prod/db"}}`:       "ti\x00ger\xff",
		"a {{ secret `prod/db` }} b": "a ti\x00ger\xff b",
		`{{secret "quotes"}}`:        `a"b{{secret "prod/db"}}`,
		`{{field "fields" "user"}}:{{field "fields" "password"}}`: `scott:ti"geré`,
		"x \n {{- secret \"prod/db\" -}} \n y":                    "xti\x00ger\xffy",
		"{{/* why */}}a":                                          "a",
		`{{secret "quotes"}}{{secret "quotes"}}`:                  `a"b{{secret "prod/db"}}a"b{{secret "prod/db"}}`,
	} {
		if got, err := rendered(t, text); got != want || err != nil {
			t.Errorf("%q gives %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		`{{secret}}`, `{{secret ""}}`, `{{secret "a" "b"}}`, `{{field "a"}}`, `{{field "a" ""}}`, `{{secret .}}`, `{{secret $}}`, `{{.}}`, `{{"text"}}`, `{{1}}`,
		`{{secret "a" | printf "%q"}}`, `{{printf "%s" (secret "a")}}`, `{{$x := secret "a"}}{{$x}}`, `{{if secret "a"}}b{{end}}`, `{{range secret "a"}}{{end}}`,
		`{{with secret "a"}}{{.}}{{end}}`, `{{define "other"}}x{{end}}`, `{{template "t"}}`, `{{block "b" .}}{{end}}`, `{{len (secret "a")}}`, `{{html "a"}}`,
		`{{secret "a"`, `{{end}}`, `{{nothing "a"}}`, `{{break}}`, `{{secret 'a'}}`, strings.Repeat("x", render.MaxTemplate+1),
	} {
		if _, err := render.Parse("t", text); err == nil {
			t.Errorf("%.60q is a template", text)
		}
	}
	_, err := render.Parse("my.tmpl", "a\nb\n{{if true}}canary{{end}}")
	if err == nil || !strings.Contains(err.Error(), "my.tmpl, line 3") || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error is %v", err)
	}
	_, err = render.Parse("my.tmpl", "a\n{{canary}}")
	if err == nil || !strings.Contains(err.Error(), "my.tmpl, line 2") || strings.Contains(err.Error(), "canary") {
		t.Errorf("the error is %v", err)
	}
}

func TestRenderFails(t *testing.T) {
	for text, says := range map[string]string{
		`{{secret "prod/db"}}{{secret "gone"}}`: `secret "gone": there is none`,
		`{{field "prod/db" "user"}}`:            `secret "prod/db": its value has no fields`,
		`{{field "fields" "gone"}}`:             `secret "fields": it has no field "gone"`,
		`{{field "fields" "port"}}`:             `it has no field "port" that is text`,
	} {
		got, err := rendered(t, text)
		if got != "" || err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "ger") {
			t.Errorf("%s gives %q, %v", text, got, err)
		}
	}
}

// FuzzParse: a template that is taken renders to its text with the values in it,
// and the functions are all that is ever called.
func FuzzParse(f *testing.F) {
	for _, text := range []string{`a{{secret "prod/db"}}b`, `{{field "fields" "user"}}`, `{{- secret "x" -}}`, `{{if 1}}{{end}}`, "{{/* c */}}", `{{define "x"}}{{end}}`, "{{", "}}"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		template, err := render.Parse("t", text)
		if err != nil {
			return
		}
		const mark = "\x00MARK\x00"
		opened := 0
		output, err := template.Render(func(secret string) (*secretbytes.Value, error) {
			opened++
			if secret == "" {
				t.Error("a secret without a name is asked for")
			}
			return secretbytes.New([]byte(mark)), nil
		})
		if err != nil {
			if opened == 0 {
				t.Errorf("nothing was opened, and yet: %v", err)
			}
			return
		}
		defer output.Wipe()
		if output.Len() < opened*len(mark) || output.Len() > len(text)+opened*len(mark) {
			t.Errorf("%d values in %q give %d bytes", opened, text, output.Len())
		}
	})
}

// onTmpfs is a folder that is on tmpfs.
func onTmpfs(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("tmpfs is Linux'")
	}
	dir, err := os.MkdirTemp("/dev/shm", "sealrelay-test-")
	if err != nil {
		t.Skip("no /dev/shm to write to: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func target(t *testing.T, path, mode string, allowDisk bool) render.Target {
	t.Helper()
	made, err := render.NewTarget(path, mode, "", allowDisk)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestWrite(t *testing.T) {
	path := filepath.Join(onTmpfs(t), "out")
	to := target(t, path, "0440", false)
	if current, err := to.Current(); current != nil || err != nil {
		t.Errorf("before there is %v, %v", current, err)
	}
	for _, text := range []string{"first", "second"} {
		if err := to.Write(secretbytes.New([]byte(text))); err != nil {
			t.Fatal(err)
		}
		holds(t, path, text, 0o440)
	}
	before, err := to.Current()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(to.Write(secretbytes.New([]byte("third"))), to.Restore(before)); err != nil {
		t.Fatal(err)
	}
	holds(t, path, "second", 0o440)
	if err := to.Restore(nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was not there before is there: %v", err)
	}
}

func holds(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		t.Errorf("%s holds %q, %v, want %q", path, got, err, text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
		t.Errorf("its mode is %v, %v, want %v", info.Mode(), err, mode)
	}
}

func TestWriteRefuses(t *testing.T) {
	memory, disk := onTmpfs(t), t.TempDir()
	if in, err := render.InMemory(disk); err != nil || in {
		t.Skip("the test's own folder is on tmpfs: ", err)
	}
	link := filepath.Join(memory, "link")
	if err := os.Symlink(filepath.Join(disk, "out"), link); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ path, says string }{
		{filepath.Join(disk, "out"), "not on tmpfs"},
		{link, "no regular file"},
		{memory, "no regular file"},
		{filepath.Join(memory, "none", "out"), "no such file"},
	} {
		err := target(t, tc.path, "", false).Write(secretbytes.New([]byte("tiger")))
		if err == nil || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "tiger") {
			t.Errorf("%s: %v, want %q", tc.path, err, tc.says)
		}
	}
	if entries, err := os.ReadDir(disk); err != nil || len(entries) > 0 {
		t.Errorf("on the disk is %v, %v", entries, err)
	}
	if err := target(t, filepath.Join(disk, "out"), "", true).Write(secretbytes.New([]byte("tiger"))); err != nil {
		t.Errorf("what is allowed: %v", err)
	}
	for _, wrong := range []struct{ mode, owner string }{{"8", ""}, {"1777", ""}, {"", "no-such-user-here"}} {
		if _, err := render.NewTarget("x", wrong.mode, wrong.owner, false); err == nil {
			t.Errorf("%+v is taken", wrong)
		}
	}
}

func ExampleTemplate_Render() {
	template, err := render.Parse("my.cnf", "password={{secret \"prod/db\"}}\n")
	if err != nil {
		panic(err)
	}
	output, err := template.Render(func(string) (*secretbytes.Value, error) { return secretbytes.New([]byte("tiger")), nil })
	if err != nil {
		panic(err)
	}
	fmt.Println(output, output.Len())
	// Output: [redacted] 15
}
