package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const repository = "../.."

// TestDocsNameWhatIsThere holds the documents to the repository: the files they
// link to exist, and so do the tests and commands they name.
func TestDocsNameWhatIsThere(t *testing.T) {
	tests := testNames(t)
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	test := regexp.MustCompile("`(Test[A-Z]\\w+|Fuzz\\w+|Benchmark\\w+)`")
	command := regexp.MustCompile("`sealrelay ([a-z0-9]+)")
	checked := 0
	for _, name := range documents(t) {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(data), -1) {
			checked++
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), found[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, found[1], err)
			}
		}
		for _, found := range test.FindAllStringSubmatch(string(data), -1) {
			checked++
			if !tests[found[1]] {
				t.Errorf("%s names %s, and there is no such test", name, found[1])
			}
		}
		for _, found := range command.FindAllStringSubmatch(string(data), -1) {
			checked++
			if cmd, _, err := newRoot(nil).Find(found[1:2]); err != nil || cmd.Name() != found[1] && found[1] != "completion" {
				t.Errorf("%s names the command %q, and there is no such command", name, found[1])
			}
		}
	}
	if checked < 50 {
		t.Errorf("checked %d names only", checked)
	}
}

func documents(t *testing.T) []string {
	var names []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(repository, pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

// testNames are the tests, fuzz targets and benchmarks of the repository.
func testNames(t *testing.T) map[string]bool {
	names := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((Test|Fuzz|Benchmark)\w+)\(`)
	err := filepath.WalkDir(repository, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, found := range function.FindAllSubmatch(data, -1) {
			names[string(found[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
