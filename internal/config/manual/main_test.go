package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sealrelay/sealrelay/internal/config"
)

// TestCurrent fails when somebody changed a setting without `go generate`.
func TestCurrent(t *testing.T) {
	want, err := manual("..")
	if err != nil {
		t.Fatal(err)
	}
	again, err := manual("..")
	if err != nil || again != want {
		t.Fatalf("two runs differ: %v", err)
	}
	got, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not current; run go generate ./...:\n%s", diff)
	}
}

// TestExample loads the example of the page, as it stands there.
func TestExample(t *testing.T) {
	page, err := manual("..")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(page, "```yaml\n")
	text, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("the page has no example")
	}
	c, err := config.Parse([]byte(text), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Sources) < 2 || len(c.Agents) < 3 || len(c.Groups) < 1 || len(c.Routes) < 2 {
		t.Errorf("the example shows %d sources, %d agents, %d groups, %d routes", len(c.Sources), len(c.Agents), len(c.Groups), len(c.Routes))
	}
}

// TestEveryFieldIsDocumented walks all structs with yaml tags in the folders
// that settings come from.
func TestEveryFieldIsDocumented(t *testing.T) {
	fields := 0
	for _, dir := range []string{".", "../../hooks/verify", "../../hooks/internal/jwks", "../../hooks/adapters", "../deliver/file"} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", dir, len(files), err)
		}
		for _, file := range files {
			if !strings.HasSuffix(file, "_test.go") {
				fields += checkFile(t, dir, file)
			}
		}
	}
	if fields < 60 {
		t.Errorf("only %d fields were found", fields)
	}
	t.Logf("%d fields", fields)
}

func checkFile(t *testing.T, dir, file string) int {
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	fields := 0
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, ok := node.(*ast.TypeSpec)
		if !ok {
			return true
		}
		declared, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		for _, field := range declared.Fields.List {
			key := keyOf(field)
			if key == "" {
				continue
			}
			fields++
			if strings.TrimSpace(field.Doc.Text()) == "" {
				t.Errorf("%s: %s.%s has no comment", file, spec.Name.Name, field.Names[0].Name)
			}
			inManual := func(s section) bool { return s.dir == dir && slices.Contains(s.types, spec.Name.Name) }
			if !slices.ContainsFunc(sections, inManual) {
				t.Errorf("%s: %s is in no section of the manual", file, spec.Name.Name)
			}
		}
		return true
	})
	return fields
}
